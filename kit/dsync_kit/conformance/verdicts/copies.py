"""Where the copy of a sink that follows a stream differs from the source, and which rule that violates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dsync_kit.conformance.calls.transcript import Call, show_id, show_state
from dsync_kit.conformance.calls.written import versions_of, written
from dsync_kit.conformance.documents.keys import document_key, same
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.differences import change_of
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_PARTIAL_UPDATE, DataType

__all__ = ["CopyDiffers", "Held", "differing", "held", "same_state"]

Held = dict[bytes, bytes]
"""The documents of a namespace, by the keys of their ids."""


def held(model: Model) -> Held:
    """The documents of a sink that equals the model."""
    return {document_key(document, model.data_type): document for document in model.documents.values()}


def same_state(one: bytes | None, other: bytes | None, data_type: DataType) -> bool:
    """Whether two documents are the same, or both are missing."""
    if one is None or other is None:
        return one is other
    return same(one, other, data_type)


def differing(one: Held, other: Held, data_type: DataType) -> set[bytes]:
    """The keys of documents that are not the same in both."""
    return {key for key in one.keys() | other.keys() if not same_state(one.get(key), other.get(key), data_type)}


@dataclass(frozen=True, slots=True)
class CopyDiffers:
    """A sink holds other documents than are `wanted` in some namespaces; `wrong` are their places, at least one.

    `updates` says how many updates it has applied, `calls` are all of the example.
    """

    data_type: DataType
    wanted: Mapping[str, Held]
    holds: Mapping[str, Held]
    wrong: set[tuple[str, bytes]]
    updates: int
    calls: Sequence[Call]

    @property
    def first(self) -> tuple[str, bytes]:
        """The namespace and the key of the first wrong document."""
        return min(self.wrong)

    def violation(self, what: str, listed: Held | None, *, owner: str, owned: Callable[[], str]) -> Violation:
        """The violation after `what`; `listed` is what the source now lists of the first wrong document's namespace.

        Its owner is `owner`, else the rule about what changed in a document, else the result of `owned`.
        """
        name, key = self.first
        expected, seen = self._states(name, key)
        if listed is not None and not same_state(listed.get(key), expected, self.data_type):
            return self._not_listed(what, listed.get(key))
        change = change_of(expected, seen, self.data_type)
        return Violation(
            f"after {what}, dsync's copy differs from the source: {self._named(expected, seen)}",
            expected=f"in {name!r} {show_state(expected)}",
            seen=f"after {self._received()} {show_state(seen)}",
            owner=owner or self._converted(expected, seen) or change.owner or owned(),
            rests_on=Evidence.STREAM,
            wrong=tuple(Wrong(*self._states(*place), self.data_type) for place in sorted(self.wrong)),
        )

    def _not_listed(self, what: str, listed: bytes | None) -> Violation:
        """The violation of a source that does not list the first wrong document as it was written, either."""
        name, key = self.first
        expected, seen = self._states(name, key)
        change = change_of(expected, listed, self.data_type)
        return Violation(
            f"the source itself does not hold the written documents, so {what} cannot lead to them",
            expected=f"in {name!r} {show_state(expected)}",
            seen=f"listed: {show_state(listed)}; after {self._received()} {show_state(seen)}",
            owner=change.owner,
            rests_on=Evidence.LISTING,
            hint=change.description
            or "the sink dropped or changed documents that it acknowledged: the stream is not to blame",
            wrong=(Wrong(expected, listed, self.data_type),),
        )

    def _states(self, name: str, key: bytes) -> tuple[bytes | None, bytes | None]:
        """A document as it is wanted, and as the sink holds it."""
        return self.wanted[name].get(key), self.holds.get(name, {}).get(key)

    def _received(self) -> str:
        """How many updates have come."""
        return f"{self.updates:,} update{'s' * (self.updates != 1)}"

    def _converted(self, expected: bytes | None, seen: bytes | None) -> str:
        """The rule on changed values, if a document has the right fields, but equals no version that was written."""
        if expected is None or seen is None:
            return ""
        try:
            same_fields = decode(expected, self.data_type).keys() == decode(seen, self.data_type).keys()
        except InvalidArgument:
            return ""
        if any(write.update and write.update.type == UPDATE_TYPE_PARTIAL_UPDATE for _, write in written(self.calls)):
            return ""  # they may have created any version
        versions = versions_of(expected, self.data_type, self.calls)
        known = any(same_state(seen, version, self.data_type) for version in versions)
        return Owner.STREAM_VALUES if same_fields and versions and not known else ""

    def _named(self, expected: bytes | None, seen: bytes | None) -> str:
        """The first wrong document by its id, what is wrong with it, and how many more there are."""
        change = change_of(expected, seen, self.data_type).shown
        how = "is missing" if seen is None else "is still there" if expected is None else "is not what it should be"
        try:
            named = show_id(id_of(expected or seen or b"", self.data_type))
        except InvalidArgument:
            named = "a document"
        more = len(self.wrong) - 1
        others = f", and so {'is 1 more' if more == 1 else f'are {more:,} more'}" if more else ""
        return f"{named} {how}" + (f" ({change})" if change else "") + others
