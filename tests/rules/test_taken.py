"""Rows that were in an offered namespace before the run: nothing is ever written under one of their ids."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from bson import Decimal128, Int64
from hypothesis import Phase, given, settings

from dsync_kit.conformance.documents.filling import Filling, TooFewError
from dsync_kit.conformance.documents.holding import Anything
from dsync_kit.conformance.documents.misfits import MisfitKind, several_misfits
from dsync_kit.conformance.documents.schema.schema_file import parse
from dsync_kit.conformance.documents.strategies import ID_KINDS, merge_key
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.documents import decode, decode_id, encode, id_field
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DATA_TYPE_JSON_ID as JSON
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import WriteDataRequest, WriteDataResponse, WriteUpdatesRequest, WriteUpdatesResponse

from .fault import STORE, Variant, judge
from .typed_connector import TypedConnector
from .typed_database import Database
from .typed_tables import Column, Table
from .variants_namespaces import GIVEN, MadeBeforehand

SERIALS = Table("serials", (Column("number", "long"),), (Column("text", "string", nullable=True),), repeats=True)
RUNS = pytest.mark.parametrize(
    "rules",
    [
        pytest.param(["write/*", "updates/*", "errors/*", "schema/*", "get-by-ids/*", "lifecycle/*"], id="writing"),
        pytest.param(["*"], id="all", marks=pytest.mark.campaign),
    ],
)
ROWS = [(number, f"row {number}") for number in range(1, 21)]


def ids_in(request: Any) -> Iterator[Any]:
    """The ids that a call writes to, as far as they are ids."""
    for document in request.data if isinstance(request, WriteDataRequest) else ():
        try:
            yield decode(document, request.type)[id_field(request.type)]
        except (ConnectorError, KeyError):
            continue
    for update in request.updates if isinstance(request, WriteUpdatesRequest) else ():
        try:
            yield from map(decode_id, update.id)
        except ConnectorError:
            continue


def drawn_from(strategy: Any) -> list[Any]:
    """Values that a strategy draws; of lists, the items."""
    found: list[Any] = []

    @settings(max_examples=60, database=None, derandomize=True, phases=[Phase.generate])
    @given(strategy)
    def collect(value: Any) -> None:
        found.extend(value if isinstance(value, list) else [value])

    collect()
    return found


class Serials(TypedConnector):
    """A table with serial numbers 1 to 20. It notes calls that write to one of its rows, and each change of them."""

    tables: ClassVar[Sequence[Table]] = (SERIALS,)
    noted: ClassVar[list[Any]] = []

    @classmethod
    def new_store(cls) -> Database:
        store = super().new_store()
        for row in ROWS:
            store.query("INSERT INTO serials (number, text, _created) VALUES (?, ?, 0)", row)
        return store

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        try:
            return super().write_data(request)
        finally:
            self.look(request)

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        try:
            return super().write_updates(request)
        finally:
            self.look(request)

    def look(self, request: Any) -> None:
        if request.namespace != SERIALS.namespace:
            return
        # The text '5', too: some stores take it for 5.
        self.noted.extend(value for value in ids_in(request) if str(value) in map(str, range(1, 21)))
        rows = self.store.query("SELECT number, text FROM serials WHERE number BETWEEN 1 AND 20 ORDER BY number")
        if rows != ROWS:
            self.noted.append(rows)


class Undeclared(Serials):
    """The same, and the kit finds out what the table holds."""

    noted: ClassVar[list[Any]] = []

    @classmethod
    def documents(cls) -> dict[str, Any]:
        return {}


OWN = [
    *map(Int64, range(-2, 21)),
    Int64(7_000_000_000),
    Int64(2**31 - 1),
    "sample 𝄞/é",
    "sample",
    "a",
    "x",
    "typed",
    "5.5",
    "doc-1",
    True,
]
"""Ids that the kit likes to draw."""
TAKEN = {merge_key(value) for value in OWN}


class Anyhow(MadeBeforehand):
    """Namespaces for any documents, with somebody else's in them."""

    noted: ClassVar[list[Any]] = []

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store or STORE.Store())
        if not self.store.end:
            data = [encode({"_id": value, "own": True}, BSON) for value in OWN]
            for namespace in GIVEN:
                super().write_data(WriteDataRequest(namespace=namespace, type=BSON, data=data))

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.look(request)
        return super().write_data(request)

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.look(request)
        return super().write_updates(request)

    def look(self, request: Any) -> None:
        if request.namespace in GIVEN:
            self.noted.extend(value for value in ids_in(request) if merge_key(value) in TAKEN)


@RUNS
def test_no_rule_writes_to_existing_rows(rules: Sequence[str]) -> None:
    """No call of a run carries the id of a row, no row ever changes, no rule fails, and no other row is left."""
    Serials.noted.clear()
    found = judge(Variant("serials", Serials, "", "local", namespaces=[SERIALS.namespace]), rules)
    assert Serials.noted == []
    assert not [outcome.failure for outcome in found.outcomes if outcome.failure is not None]
    assert not [note for note in found.notes if "could not empty" in note]


def test_finding_out_does_not_write_to_existing_rows() -> None:
    """The same for a table whose schema the kit finds out, and a few rules."""
    Undeclared.noted.clear()
    result = judge(Variant("undeclared", Undeclared, "", "local", namespaces=[SERIALS.namespace]), ["write/*"])
    assert Undeclared.noted == []
    assert [outcome for outcome in result.outcomes if outcome.status is Status.PASSED]
    assert not [outcome.failure for outcome in result.outcomes if outcome.failure is not None]


@RUNS
def test_no_rule_writes_to_existing_documents(rules: Sequence[str]) -> None:
    """The same for namespaces that hold any documents; and no rule on ids is skipped for lack of free ones."""
    Anyhow.noted.clear()
    found = judge(Variant("anyhow", Anyhow, "", "local", namespaces=GIVEN), rules)
    assert Anyhow.noted == []
    assert not [outcome.failure for outcome in found.outcomes if outcome.failure is not None]
    skipped = [outcome.rule for outcome in found.outcomes if outcome.status is Status.SKIPPED]
    expected = ["write/namespace-and-id", "write/referring-rows"]
    assert [rule for rule in skipped if rule.startswith("write/")] == expected


@pytest.mark.parametrize(
    ("identifier", "taken", "free"),
    [
        ({"bsonType": "bool"}, [True], 1),
        ({"enum": ["a", "b", "c"]}, ["A", "c"], 1),
        ({"bsonType": "int", "minimum": 1, "maximum": 30}, range(1, 21), 10),
        ({"bsonType": "int", "minimum": 1, "maximum": 30_000}, range(1, 29_901), 100),
    ],
)
def test_free_ids_are_drawn_and_counted(identifier: dict[str, Any], taken: Sequence[Any], free: int) -> None:
    """A key of which few values are left has just these, however ids are drawn; more are an error with the reason."""
    used = Taken(taken)
    filling = Filling(parse({"properties": {"_id": identifier}}).of(BSON), used)
    make = filling.numbered("doc", free)
    values = [make(number) for number in range(free)]
    assert len({merge_key(value) for value in values}) == free
    drawn = drawn_from(filling.identifiers) + drawn_from(filling.several_identifiers(min_size=1, max_size=3))
    for value in (*values, *drawn, *filling.varied(free), filling.sample_id()):
        assert value not in used
        assert filling.allows_id("", value)
    with pytest.raises(TooFewError, match=f"allows {free} different ids that no existing document has, and"):
        filling.pages(min_size=free + 1, max_size=free + 1)


def test_a_key_without_free_values_is_an_error() -> None:
    """If all ids are taken, nothing is drawn: each attempt raises the error with the reason, and not only the first."""
    filling = Filling(parse({"properties": {"_id": {"bsonType": "bool"}}}).of(BSON), Taken([True, False]))
    booleans = Anything(BSON, ("boolean",), Taken([True, False]))
    for attempt in (lambda: filling.identifiers, filling.sample_id, lambda: filling.pages(), lambda: filling.varied(1)):
        for _ in range(2):
            with pytest.raises(TooFewError, match="allows 0 different ids that no existing document has"):
                attempt()
    with pytest.raises(TooFewError, match="existing documents have both"):
        _ = booleans.identifiers


@pytest.mark.parametrize("data_type", [BSON, JSON])
def test_ids_of_any_kind_are_free(data_type: Any) -> None:
    """Where any ids are accepted, those that are taken are drawn in no form, and numbered ones stay in order."""
    used = Taken(OWN)
    anything = Anything(data_type, tuple(ID_KINDS[data_type]), used)
    make = anything.numbered("doc", 20)
    values = [make(number) for number in range(20)]
    assert values == sorted(values)
    pages = [decode(document, data_type)[id_field(data_type)] for document in drawn_from(anything.pages())]
    drawn = (*drawn_from(anything.identifiers), *pages, *anything.varied(50), *values, anything.sample_id())
    assert not [value for value in drawn if value in used]
    assert not anything.allows_id("string", "a")
    assert anything.allows_id("string", "b")


def test_ids_that_do_not_fit_look_like_free_ones() -> None:
    """Texts are tried in place of numbers, but none that a store which converts them takes for an existing row."""
    used = Taken(range(1, 21))
    filling = Filling(parse(SERIALS.schema).of(BSON), used)
    strategy = several_misfits(filling, [MisfitKind.OTHER_TYPE], ids=True)
    tried = [misfit.identifier for misfit in drawn_from(strategy)]
    assert "21" in tried
    assert not [value for value in tried if value in used]


def test_what_a_store_may_take_for_the_same_is_taken() -> None:
    """5 takes 5.0 and '5', and a text takes the same in another case; others are free."""
    used = Taken([5, "Anna", Decimal128("7.10")])
    assert all(value in used for value in (5, Int64(5), 5.0, Decimal128("5"), "5", " 5 ", "anna", Decimal128("7.1")))
    assert not [value for value in (55, 5.5, "Ann", "", True, None, {"a": 5}) if value in used]


def test_what_is_no_id_is_not_taken() -> None:
    """Whatever a broken connector lists, the ids of the other documents are known."""
    odd = [b"5", b"[1]", b"\xff", b'{"id": "\\ud800"}', b'{"id": {"a\\u0000": 1}}', b'{"id": null}', b'{"n": 1}']
    assert "a" in Taken.of([*odd, b'{"id": "a"}'], JSON)
    assert "a" in Taken.of([encode({"_id": value}, BSON) for value in (Decimal128("sNaN"), float("nan"), "a")], BSON)
