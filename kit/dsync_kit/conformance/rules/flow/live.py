"""A source that only others write to: its listings and its stream must agree about what changes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from dsync_kit.conformance.calls.driver import updates_partition
from dsync_kit.conformance.calls.transcript import show_id, show_state
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.sampling import changes_by_itself, sampled_namespaces
from dsync_kit.conformance.documents.keys import key_of, same
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.copies import Held
from dsync_kit.conformance.verdicts.differences import change_of
from dsync_kit.conformance.verdicts.model import by_id
from dsync_kit.documents import id_of
from dsync_kit.protocol import UPDATE_TYPE_INSERT, DataType, GeneratePlanResponse

__all__ = ["RULES"]

_WATCHED_SECONDS = 4.0
"""Seconds for which a source is watched in quick; the profile's `bulk` scales them."""
_BETWEEN_SECONDS = 1.0
"""Seconds for which the stream is read before the last listing."""
_SHORT_SECONDS = 0.1
"""The same between other listings: documents that come and go during one show how its pages are bounded."""
_MOST_LISTINGS = 40
_NO_CHANCE = 5
"""If the first listing already shows this many inserts and deletes of a finite stream, the source is at its end."""

_Key = tuple[str, bytes]
_State = Mapping[str, Held]


@dataclass
class _Watch:
    """What a source has listed, and what its stream has sent meanwhile."""

    case: Case
    follower: Follower
    data_type: DataType
    asked: Sequence[str]
    listings: list[_State]
    marks: list[int] = field(default_factory=lambda: [0])
    """How many updates had come before each listing."""

    def look(self, seconds: float) -> None:
        """Read the stream for some seconds, then list everything again."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.follower.message(left) is None and self.ended:
                time.sleep(left)
        self.marks.append(len(self.follower.updates))
        self.listings.append(_listed(self.case, self.case.driver.plan(self.asked), self.data_type))

    @property
    def streamed(self) -> _State:
        """What a sink holds after the first listing and the stream."""
        return self.follower.held_after(len(self.follower.updates))

    def changed(self, since: int) -> set[_Key]:
        """The documents that the stream has changed, from one of the listings on."""
        updates = self.follower.updates[self.marks[since] :]
        return {(name, key_of(update.id, self.data_type)) for name, update in updates}

    def documents(self, key: _Key, listings: Sequence[_State]) -> list[bytes | None]:
        return [state.get(key[0], {}).get(key[1]) for state in listings]

    def equal(self, documents: Sequence[bytes | None]) -> bool:
        """Whether these are all the same document, or all none."""
        first, *rest = documents
        return all(
            other is first if first is None or other is None else same(first, other, self.data_type) for other in rest
        )

    def keys(self, streamed: _State) -> Iterator[_Key]:
        """All documents that were ever listed, or are streamed, of the namespaces that are listed."""
        for name in self.listings[0]:
            found = {key for state in (*self.listings, streamed) for key in state.get(name, {})}
            yield from ((name, key) for key in sorted(found))

    @property
    def ended(self) -> bool:
        """Whether the stream has ended as that of a finite source: nothing can come late."""
        return self.follower.reader.ended and self.follower.reader.error is None

    def is_shown(self) -> bool:
        """Whether a later listing shows a change as the stream has sent it, or the first one shows all of them."""
        states = [self.listings[0], self.listings[-1], self.streamed]
        found = (self.documents(key, states) for key in self.changed(0))
        later = any(not self.equal([before, after]) and self.equal([after, state]) for before, after, state in found)
        return later or (self.ended and self._replays())

    def _replays(self) -> bool:
        """Whether the first listing has the documents with which the stream ends, as an archive with its log does."""
        changed = self.changed(0)
        listed, left = (
            {key for key in changed if self.documents(key, [state]) != [None]}
            for state in (self.listings[0], self.streamed)
        )
        updates = self.follower.updates
        inserted = {(n, key_of(u.id, self.data_type)) for n, u in updates if u.type == UPDATE_TYPE_INSERT}
        return listed == left and min(len(inserted & left), len(changed - left)) >= _NO_CHANCE

    def contradictions(self) -> dict[_Key, str]:
        """The documents about which listings and stream disagree, as far as a later update cannot explain it."""
        ever, lately, streamed = self.changed(0), set() if self.ended else self.changed(-2), self.streamed
        found = {}
        for key in self.keys(streamed):
            listed = self.documents(key, self.listings)
            if key not in ever and not self.equal(listed):
                found[key] = "listings differ, though the stream does not change it"
                continue
            settled = key not in lately and self.equal(listed[-2:])
            if settled and not self.equal([listed[-1], *self.documents(key, [streamed])]):
                found[key] = "later listings have another state than the first listing and the stream lead to"
        return found


def _listed(case: Case, plan: GeneratePlanResponse, data_type: DataType) -> _State:
    found: dict[str, Held] = {}
    for partition in plan.partitions:
        documents = found.setdefault(partition.namespace, {})
        for page in case.driver.pages(partition, data_type):
            documents.update(by_id(page, data_type))
    return found


@rule(
    "flow/live-source",
    "Applying the listing and then the stream from the plan's cursor gives the source's state.",
    needs=(Need.UPDATES, Need.LISTING),
    hint="the stream leaves out some changes, such as deletes; or pages move while documents come and go",
    after=("list/complete", "stream/opens", "stream/stays-open"),
    examples=0.1,
)
def live_source(case: Case) -> None:
    """In a source that the kit can't write to, what others change is streamed, and listings miss nothing meanwhile."""
    if case.declared.loads:
        raise case.does_not_apply("the kit writes to it, so the rules flow/converges and flow/namespaces judge it")
    if not changes_by_itself(case):
        raise case.decline("nobody changes its data meanwhile")
    data_type = case.declared.source_types[0]
    asked = sampled_namespaces(case)
    plan = case.driver.plan(asked, updates=True)
    first = _listed(case, plan, data_type)
    follower = Follower(case, updates_partition(plan).cursor, asked, data_type, holding=first)
    watch = _Watch(case, follower, data_type, asked, [first])
    end = time.monotonic() + _WATCHED_SECONDS * case.bulk
    while not watch.ended and time.monotonic() < end and len(watch.listings) < _MOST_LISTINGS * case.bulk:
        watch.look(_SHORT_SECONDS)
    watch.look(_BETWEEN_SECONDS)
    if not watch.is_shown():
        raise case.decline("no listing shows what its stream has changed")
    case.checks += 1
    # An update may come late, and a listing may lag.
    end = time.monotonic() + case.subject.patience.seconds
    while (wrong := watch.contradictions()) and time.monotonic() < end:
        watch.look(_BETWEEN_SECONDS)
    if wrong:
        raise _contradiction(watch, wrong)


def _contradiction(watch: _Watch, wrong: Mapping[_Key, str]) -> Violation:
    key, why = next(iter(wrong.items()))
    listed = watch.documents(key, watch.listings)
    (streamed,) = watch.documents(key, [watch.streamed])
    named = show_id(id_of(next(document for document in (*listed, streamed) if document is not None), watch.data_type))
    more = f", and of {len(wrong) - 1} more" if len(wrong) > 1 else ""
    changes = [state for state, _ in groupby(show_state(document) for document in listed)]
    return Violation(
        f"the states of {named} in {key[0]!r}{more} contradict each other: {why}",
        expected="the same in each listing, and after the first listing and the stream",
        seen=f"in {len(listed)} listings: {', then '.join(changes)}; after the first one and "
        f"{len(watch.follower.updates)} updates: {show_state(streamed)}",
        rests_on=Evidence.STREAM,
        hint=change_of(streamed, listed[-1], watch.data_type).description,
    )


RULES = (live_source,)
