"""StreamUpdates of namespaces that hold different documents, as tables do."""

from collections.abc import Iterable

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.documents.strategies import update
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.stream.conditions import ARRIVES, LIVE, RESUME
from dsync_kit.conformance.verdicts.copies import Held, held
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, Update

__all__ = ["RULES"]

_NEEDS = (*LIVE, Need.SEVERAL_FORMS, Need.MULTI_NAMESPACE_PLAN)
_TRIED_CURSORS = 3


class _Tables:
    """A namespace for most of the schemas, each with two documents. A step changes one document in each of them."""

    def __init__(self, case: Case) -> None:
        self.data_type = case.data_type()
        self.models: dict[str, Model] = {}
        self._case = case
        self._updates: dict[str, list[Update]] = {}
        for _ in case.each_form(self.data_type):
            namespace = case.namespace()
            documents, self._updates[namespace] = self._drawn()
            case.write(namespace, documents, self.data_type)
            self.models[namespace] = Model(self.data_type, documents)

    @property
    def steps(self) -> range:
        """The numbers of the steps."""
        return range(min(map(len, self._updates.values())))

    def change(self, steps: Iterable[int]) -> None:
        """Make these steps, one table after another in each."""
        for number in steps:
            for name, updates in self._updates.items():
                self._case.update(name, [updates[number]], self.data_type)
                self.models[name].apply([updates[number]])

    def held(self, names: Iterable[str]) -> dict[str, Held]:
        """What these namespaces hold now."""
        return {name: held(self.models[name]) for name in names}

    def _drawn(self) -> tuple[list[bytes], list[Update]]:
        """Documents, and updates that change one, add one and, if possible, delete one."""
        data_type, document = self.data_type, self._case.document
        changed, removed, added = self._case.identifiers(data_type, min_size=3, max_size=3)
        documents = [document(value, {"v": "first"}, data_type) for value in (changed, removed)]
        updates = [
            update(UPDATE_TYPE_UPDATE, changed, document(changed, {"v": "second"}, data_type), data_type),
            update(UPDATE_TYPE_INSERT, added, document(added, {"v": "third"}, data_type), data_type),
        ]
        if self._case.deletes:
            updates.append(update(UPDATE_TYPE_DELETE, removed, b"", data_type))
        return documents, updates


@rule(
    "stream/tables",
    "streams every namespace if the request names none, otherwise only those that it names",
    needs=_NEEDS,
    hint="only the first table is streamed, or rows of one table are converted by the columns of another",
    after=ARRIVES,
)
def tables(case: Case) -> None:
    """A stream of tables with different columns, named or not, has the updates of each, and of no others."""
    written = _Tables(case)
    names = list(written.models)
    everything = case.offers(Need.DEFAULT_PLAN) and case.draw(st.booleans(), "all namespaces")
    asked = names if everything else case.draw(choosing.many(names), "requested")
    request, before = [] if everything else asked, written.held(asked)
    cursor = case.driver.updates_partition(request).cursor
    written.change(written.steps)
    follower = Follower(case, cursor, request, written.data_type, holding=before)
    follower.converge(written.held(asked), what=f"a stream of {len(asked)} tables")
    others = sorted({name for name, _ in follower.updates} - set(asked))
    case.check(
        not others or everything,
        "the stream has updates of a namespace that was not requested",
        expected=f"updates of {asked}",
        seen=f"updates of {others}",
    )


@rule(
    "stream/resume-tables",
    RESUME,
    needs=_NEEDS,
    hint="each table has its own position, but the cursor holds only that of the message's table",
    after=("stream/tables", "stream/resume"),
    examples=0.5,
)
def resume_tables(case: Case) -> None:
    """If writes alternate between tables with different columns, no cursor skips an update."""
    written = _Tables(case)
    names = list(written.models)
    before = written.held(names)
    cursor = case.driver.updates_partition(names).cursor
    written.change(written.steps[:-1])
    follower = Follower(case, cursor, names, written.data_type, holding=before)
    follower.converge(written.held(names), what="a stream from the plan's cursor")
    follower.cancel()
    written.change(written.steps[-1:])
    sent = follower.cursors()
    if not sent:
        raise case.decline("no message has a cursor")
    for one in [*sent[:: max(1, len(sent) // _TRIED_CURSORS)], sent[-1]]:
        holding = follower.held_after(one.updates)
        resumed = Follower(case, one.cursor, names, written.data_type, holding=holding)
        resumed.converge(written.held(names), what=f"a stream from the cursor that came with update {one.updates}")
        resumed.cancel()


RULES = (tables, resume_tables)
