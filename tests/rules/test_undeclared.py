"""Tables whose schema nobody has declared: they may refuse more than the kit has found out, but not anything."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from dsync_kit.conformance.documents.finding.probing import MOST_CALLS
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable
from dsync_kit.protocol import DataType, WriteDataRequest, WriteDataResponse

from .fault import REFERENCE, Variant, judge
from .typed_connector import Row
from .typed_database import Database
from .typed_tables import Column, Table
from .variants_typed import ListsItsColumns, RefusesMarkup


class RefusesToOverwrite(ListsItsColumns):
    """A row is written once."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if self.find(table, row) is not None:
            raise FailedPrecondition(f"{table.name} has this row already")
        super().put(table, row, kind)


class InsertsOnly(ListsItsColumns):
    """A row is written once, or as it is."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if (there := self.find(table, row)) is not None and there != row:
            raise FailedPrecondition(f"{table.name} has this row already")
        super().put(table, row, kind)


class NeverChanges(ListsItsColumns):
    """A row may be overwritten, but one of its columns never changes."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if (there := self.find(table, row)) is not None and there["seen"] != row["seen"]:
            raise FailedPrecondition("seen never changes")
        super().put(table, row, kind)


class HoldsFew(ListsItsColumns):
    """A table with a row limit, which refuses the call with any further row."""

    refusal: ClassVar[type[ConnectorError]] = FailedPrecondition

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if self.find(table, row) is None and self.count(table) >= 20:
            raise self.refusal(f"{table.name} holds 20 rows at most")
        super().put(table, row, kind)


class HoldsFewForNow(HoldsFew):
    """The same, refused as if there would be room for more later."""

    refusal = ResourceExhausted


class FewNamespaces(REFERENCE.ReferenceConnector):
    """An embedded store that has room for so many namespaces, also for emptied ones."""

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        names = self.store.namespaces()
        if changes and namespace not in names and len(names) >= 60:
            raise FailedPrecondition("there are 60 namespaces already")
        super().commit(namespace, data_type, changes)


class EvenNumbers(ListsItsColumns):
    """A table whose keys are a part of the numbers, for which nothing shows: also in deletes."""

    def key(self, table: Table, identifier: Any) -> Row:
        key = super().key(table, identifier)
        if key["number"] % 2 and key["number"] > 1000:
            raise InvalidArgument("expected an even number")
        return key


class RefusesPages(ListsItsColumns):
    """A page of several documents is refused."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if len(request.data) > 1:
            raise InvalidArgument("expected one document")
        return super().write_data(request)


class FoldsCase(ListsItsColumns):
    """A table with a text key that is compared without case: an id that is another row's, but for its case, is refused.

    The kit cannot find that out: its own ids are digits.
    """

    tables = (Table("listed", (Column("code", "string", length=1),), (Column("qty", "int"),)),)

    @classmethod
    def new_store(cls) -> Database:
        store = super().new_store()
        for number in range(5):
            store.query('INSERT INTO "listed" VALUES (?, ?, 0)', [str(number), number])
        return store

    def put(self, table: Table, row: Row, kind: Any) -> None:
        for other in self.select(table, ""):
            if other["code"] != row["code"] and other["code"].casefold() == row["code"].casefold():
                raise FailedPrecondition(f"{other['code']!r} is {row['code']!r}")
        super().put(table, row, kind)


class RefusesAll(ListsItsColumns):
    """Refuses everything after some calls, more than the kit needs to find out what it holds."""

    calls = 0

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        type(self).calls += 1
        if self.calls > MOST_CALLS + 5:
            raise InvalidArgument("the batch is closed")
        return super().write_data(request)


class RefusalsAreUnavailable(ListsItsColumns):
    """All errors of the store are taken for outages."""

    def row(self, table: Table, document: bytes) -> Row:
        try:
            return super().row(table, document)
        except InvalidArgument as error:
            raise Unavailable(error.message) from error


def _statuses(connector: Any, *rules: str) -> set[Status]:
    table = Variant("table", connector, "", "local", namespaces=["typed.listed"])
    return {outcome.status for outcome in judge(table, rules).outcomes}


def test_texts_that_it_refuses_are_no_violation() -> None:
    """What it holds is judged; a text with a quote, which it refuses alone, too, declines an example."""
    assert _statuses(RefusesMarkup, "write/read-back", "encoding/bson-text", "updates/model") == {Status.PASSED}


def test_ids_that_it_takes_for_one_may_be_refused() -> None:
    """The rules on ids that look alike decline the groups that are refused, and no other rule fails."""
    rules = ("write/similar-ids", "updates/insert-missing", "write/read-back", "updates/model")
    assert Status.FAILED not in _statuses(FoldsCase, *rules)


@pytest.mark.parametrize(
    ("connector", "rules"),
    [
        (NeverChanges, ("write/overwrites", "updates/model", "updates/replay")),
        (HoldsFew, ("list/many-pages", "write/large-page", "updates/many", "write/read-back")),
        (HoldsFewForNow, ("write/several-pages", "write/read-back")),
        (EvenNumbers, ("updates/delete-missing", "write/read-back", "updates/model", "write/accepts")),
    ],
)
def test_what_a_store_refuses_beside_plain_documents_is_its_choice(connector: Any, rules: tuple[str, ...]) -> None:
    """Other documents are accepted, so nothing is violated: the examples are declined, or pass."""
    statuses = _statuses(connector, *rules)
    assert Status.FAILED not in statuses
    assert Status.PASSED in statuses


def test_what_a_store_holds_is_found_out_even_if_it_refuses_with_a_retryable_code() -> None:
    """Documents that fit pass, and those that do not are refused as if that would pass."""
    table = Variant("table", RefusalsAreUnavailable, "", "local", namespaces=["typed.listed"])
    found = {outcome.rule: outcome for outcome in judge(table, ["write/accepts", "schema/missing-field"]).outcomes}
    assert found["write/accepts"].status is Status.PASSED
    failure = found["schema/missing-field"].failure
    assert failure is not None
    assert "retryable code" in failure.message


def test_a_store_may_have_room_for_few_namespaces() -> None:
    """Once a new namespace is refused, whatever is written to it, the examples are declined."""
    result = judge(Variant("few", FewNamespaces, "", "local"), ["write/read-back", "write/overwrites", "updates/model"])
    assert {outcome.status for outcome in result.outcomes} <= {Status.PASSED, Status.NOT_EXERCISED}
    assert any("60 namespaces" in note for outcome in result.outcomes for note in outcome.notes)


@pytest.mark.parametrize(
    ("connector", "rule"),
    [
        (RefusesToOverwrite, "write/overwrites"),
        (InsertsOnly, "write/overwrites"),
        (RefusesPages, "write/read-back"),
        (RefusesAll, "write/read-back"),
    ],
)
def test_a_refusal_that_is_not_about_a_document_is_one(connector: Any, rule: str) -> None:
    """A document that is accepted elsewhere, or under another id, must be accepted here."""
    assert _statuses(connector, rule) == {Status.FAILED}
