"""Finding a schema from existing documents, and from a store's refusals."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64

from dsync_kit.client import LocalClient
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.finding.attempts import Answer
from dsync_kit.conformance.documents.finding.inference import inferred
from dsync_kit.conformance.documents.finding.probing import MOST_CALLS, probed
from dsync_kit.conformance.documents.schema.schema_file import parse
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.subject.finding_out.probed_namespace import Namespace, find
from dsync_kit.documents import decode, encode, encode_id
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DATA_TYPE_JSON_ID as JSON
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import GetByIdsRequest, WriteDataRequest

from .fault import REFERENCE, SETTINGS
from .typed_connector import TypedConnector
from .typed_tables import TABLES, Column, Table


class Writes:
    """Writes to one namespace of a connector, and reads back."""

    def __init__(self, connector: Any, namespace: str) -> None:
        self.api = LocalClient(connector(SETTINGS.Settings.parse(["reference://"], {})[0]))
        self.namespace = namespace

    def __call__(self, document: Mapping[str, Any]) -> Answer:
        data = encode(dict(document), BSON)
        try:
            self.api.write_data(WriteDataRequest(namespace=self.namespace, data=[data], type=BSON))
        except ConnectorError as error:
            return Answer(refusal=error.message)
        wanted = GetByIdsRequest.IdRequest(id=[encode_id(document["_id"])])
        (item,) = self.api.get_by_ids(GetByIdsRequest(namespace=self.namespace, ids=[wanted], type=BSON)).data
        return Answer(back=decode(item.data, BSON) if item.data else None)


def encoded(documents: Sequence[dict[str, Any]]) -> list[bytes]:
    """Documents as BSON."""
    return [bson.encode(document) for document in documents]


def test_what_documents_suggest() -> None:
    """Types, null, required fields, and a field that always equals the id are found; ranges and lengths are not."""
    rows = [
        {
            "_id": Int64(n),
            "id": Int64(n),
            "a": None if n == 3 else "x" * n,
            "b": Decimal128(f"{n}.25"),
            "u": Binary(bytes(16), 4),
        }
        for n in range(1, 6)
    ]
    rows[2]["extra"] = 1
    schema = inferred(encoded(rows), BSON)
    assert schema.repeats == {"id": ()}
    assert schema.identifier.types == ("long",)
    assert schema.required == {"a", "b", "u"}
    assert schema.fits(
        {"_id": Int64(2**40), "id": Int64(2**40), "a": "x" * 99, "b": Decimal128("99.5"), "u": Binary(bytes(16), 4)}
    )
    row = {"_id": Int64(9), "id": Int64(9), "a": None, "b": Decimal128("9.25"), "u": Binary(bytes(16), 4)}
    for change in ({"b": None}, {"b": Decimal128("9.251")}, {"a": 5}, {"u": Binary(bytes(16), 0)}, {"other": 1}):
        assert not schema.fits({**row, **change})


def test_a_length_that_all_have_is_a_limit() -> None:
    """Five texts of one length mean a column of that length; four may be a coincidence."""
    rows = [{"_id": f"id{n}", "country": "DE"} for n in range(5)]
    assert inferred(encoded(rows), BSON).fields["country"].max_length == 2
    assert inferred(encoded(rows[:4]), BSON).fields["country"].max_length is None


def test_parts_of_a_composite_id_are_found() -> None:
    """Fields that repeat the parts of an id are recognised."""
    rows = [{"_id": {"k": f"k{n}", "n": n}, "n": n, "k": f"k{n}"} for n in range(3)]
    assert inferred(encoded(rows), BSON).repeats == {"k": ("k",), "n": ("n",)}


def test_json_documents_suggest_a_schema() -> None:
    """In JSON, whole numbers, and texts that are all UUIDs or times, are recognised."""
    rows = [b'{"id": "a", "n": 1, "t": "2024-01-01T00:00:00Z"}', b'{"id": "b", "n": 2, "t": "2024-01-01T00:00:00.5Z"}']
    schema = inferred(rows, JSON)
    assert schema.fields["t"].format == "date-time"
    assert not schema.fits(b'{"id": "c", "n": 1.5, "t": "2024-01-01T00:00:00Z"}')


def test_a_store_of_anything_is_known_by_one_document() -> None:
    """A document store keeps a document with any fields: no more is written."""
    finding = probed(Writes(REFERENCE.ReferenceConnector, "db.anything"), BSON)
    assert finding.schema is not None
    assert finding.schema.free
    assert finding.calls == 1


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_that_are_there_lead_to_what_is_kept(table: Table) -> None:
    """From a table with some rows, a schema is found all of whose documents are kept."""
    writes = Writes(TypedConnector, table.namespace)
    declared = Filling(parse(table.schema).of(BSON))
    make = declared.numbered("row", 6)
    rows = [declared.document(make(number), {"n": number}) for number in range(6)]
    writes.api.write_data(WriteDataRequest(namespace=table.namespace, data=rows, type=BSON))
    finding = probed(writes, BSON, documents=rows, namespace=table.namespace)
    assert finding.calls <= MOST_CALLS
    assert finding.schema is not None
    found = Filling(finding.schema)
    other = found.numbered("new", 20)
    for number in range(20):
        document = found.document(other(number), {"n": number})
        assert not list(declared.schema.reasons(document))
    assert finding.schema.repeats == declared.schema.repeats


class Told(TypedConnector):
    """Refuses with the message of a database, and returns all columns of a row."""

    tables = (
        Table(
            "told",
            (Column("id", "string"),),
            (Column("a", "long", nullable=True), Column("b", "string", nullable=True, length=20)),
            repeats=True,
        ),
    )

    def missing(self, table: Table, column: Column, row: Any) -> None:
        row[column.name] = None


def test_an_empty_table_is_found_out() -> None:
    """Even for an empty table, writing reveals its key's column, the others' types, null and a length."""
    finding = probed(Writes(Told, "typed.told"), BSON, namespace="typed.told")
    assert finding.schema is not None
    assert finding.schema.repeats == {"id": ()}
    assert {name: own.types for name, own in finding.schema.fields.items()} == {
        "a": ("long", "null"),
        "b": ("string", "null"),
    }
    assert finding.schema.fields["b"].max_length == 20


_COLUMNS: dict[str, Callable[[Any], bool]] = {
    "title": lambda value: type(value) is str and len(value) <= 40 and value == value.strip(),
    "done": lambda value: type(value) is bool,
    "size": lambda value: value is None or type(value) is int,
    "price": lambda value: value is None or (type(value) is float and abs(value) < 10**8 and value == round(value, 2)),
}
_TYPES = {"title": "string", "done": "boolean", "size": "int32", "price": "double"}

_MESSAGES: dict[str, tuple[str, str]] = {
    "all columns at once": ("a row has exactly the columns {all}", "{name} is a {type}, or does not fit"),
    "a database": (
        'null value in column "{name}" of relation "told" violates not-null constraint',
        'column "{name}" is of type {type} but expression is of another type',
    ),
    "a validator": ("'{name}' is a required property", "{name}: value is not a valid {type}"),
    "without types": ("missing field {name}", "field {name} is invalid"),
}


@pytest.mark.parametrize("messages", _MESSAGES.values(), ids=_MESSAGES)
def test_what_refusals_name_leads_to_a_document(messages: tuple[str, str]) -> None:
    """An empty table whose columns must all be there: their names, types, nulls and limits are found by refusals."""
    missing, unfit = messages

    def attempt(document: Mapping[str, Any]) -> Answer:
        if type(document["_id"]) is not str:
            return Answer(refusal="the table's key is a text")
        absent = [name for name in _COLUMNS if name not in document]
        if unknown := [name for name in document if name not in {"_id", *_COLUMNS}]:
            return Answer(refusal=f"unknown field {unknown[0]}")
        if absent:
            return Answer(refusal=missing.format(name=absent[0], all=", ".join(["_id", *_COLUMNS])))
        for name, fits in _COLUMNS.items():
            if not fits(document[name]):
                return Answer(refusal=unfit.format(name=name, type=_TYPES[name]))
        return Answer(back=document)

    finding = probed(attempt, BSON, namespace="told")
    assert finding.schema is not None, finding.notes
    assert finding.calls < MOST_CALLS
    assert {name: own.types for name, own in finding.schema.fields.items()} == {
        "title": ("string",),
        "done": ("bool",),
        "size": ("int", "null"),
        "price": ("double", "null"),
    }
    found = Filling(finding.schema)
    for text in (" a ", "x" * 41):
        assert not found.schema.allows("title", text)
    for price in (1 / 3, 1e300, float("nan")):
        assert not found.schema.allows("price", price)


@pytest.mark.parametrize(
    "message",
    [
        "a row has _id and sku, and perhaps qty, price, seen",
        "rows consist of sku, price, qty, seen",
        "without its sku nothing is stored; there may be more",
    ],
)
def test_any_words_of_a_refusal_may_be_names(message: str) -> None:
    """Refusals name columns in a sentence; the first refusals do not, because they are about the type of the id."""
    types = {"_id": Int64, "sku": str, "qty": int, "price": float, "seen": DatetimeMS}

    def attempt(document: Mapping[str, Any]) -> Answer:
        if not isinstance(document["_id"], Int64):
            return Answer(refusal="the table's key is an int64")
        if not {"_id", "sku"} <= document.keys() <= types.keys():
            return Answer(refusal=message)
        for name, value in document.items():
            if type(value) is not types[name] or (name == "price" and repr(value) in ("nan", "-0.0")):
                return Answer(refusal=f"{name} is of another type")
        return Answer(back=document)

    finding = probed(attempt, BSON, namespace="told")
    assert finding.schema is not None, finding.notes
    named = {name for name in types if name in message} - {"_id"}
    assert finding.schema.fields.keys() == named
    if "price" in named:
        assert finding.schema.allows("price", 0.5)
        assert not finding.schema.allows("price", -0.0)


def test_the_refusal_of_the_id_that_got_furthest_is_said() -> None:
    """If nothing is accepted, the note has the refusal that is not about the id, though it was not the last one."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        right = isinstance(document["_id"], Int64)
        return Answer(refusal="the signature is wrong" if right else "the table's key is an int64")

    finding = probed(attempt, BSON, namespace="told")
    assert finding.schema is None
    assert "the signature is wrong" in finding.notes[-1]


def test_a_text_that_is_changed_without_a_word_is_no_limit() -> None:
    """A column that replaces characters beyond 16 bits breaks the contract: such texts are drawn, to be judged."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "name"}:
            return Answer(refusal="a row has the columns _id, name")
        if not isinstance(document["name"], str):
            return Answer(refusal="name is a text")
        return Answer(back={**document, "name": document["name"].replace("\U0001d11e", "?")})

    found = probed(attempt, BSON, namespace="told")
    assert found.schema is not None
    assert found.schema.allows("name", "\U0001d11e")


def test_a_store_that_takes_nothing_is_said() -> None:
    """If every document is refused, there is no schema, and the last refusal is reported."""
    finding = probed(lambda _: Answer(refusal="the disk is read-only"), BSON, calls=30)
    assert finding.schema is None
    assert "the disk is read-only" in " ".join(finding.notes)


def test_no_more_is_written_than_allowed() -> None:
    """After the allowed calls, the result so far is returned, with a note."""
    writes = Writes(Told, "typed.told")
    finding = probed(writes, BSON, namespace="typed.told", calls=12)
    assert finding.calls == 12
    assert finding.schema is not None
    assert "not everything was tried" in finding.notes[0]


def test_the_range_of_a_decimal_is_found_out() -> None:
    """A column numeric(10,2) refuses numbers with more than eight digits before the point: they are not drawn."""
    rows: dict[Any, Mapping[str, Any]] = {}

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "price"}:
            return Answer(refusal="there is no such column")
        price = document["price"]
        if isinstance(price, Decimal128) and not abs(price.to_decimal()) < 10**8:
            return Answer(refusal="numeric field overflow")
        rows[document["_id"]] = document
        return Answer(back=document)

    found = probed(attempt, BSON, documents=encoded([{"_id": "a", "price": Decimal128("1.25")}]))
    assert found.schema is not None
    assert found.schema.allows("price", Decimal128("99999999"))
    assert not found.schema.allows("price", Decimal128("100000000"))


def test_what_a_store_refuses_is_found_out_even_if_it_keeps_nothing() -> None:
    """Documents like the existing ones are acknowledged, and lost: the rules report that, with documents that fit."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "name"}:
            return Answer(refusal="there is no such column")
        return Answer(refusal="too long" if len(str(document["name"])) > 20 else "")

    found = probed(attempt, BSON, documents=encoded([{"_id": "a", "name": "Ann"}]))
    assert found.schema is not None
    assert found.schema.allows("name", "x" * 20)
    assert not found.schema.allows("name", "x" * 21)
    assert found.notes[0] == "documents like the existing ones are acknowledged, but not listed"


@pytest.mark.parametrize("key", ["a", b"key"])
def test_a_column_of_bytes_is_found_out(key: Any) -> None:
    """A column, or a key, that refuses all binary subtypes but 0 gets no others; one that changes them is judged."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "data", "loose"}:
            return Answer(refusal="there is no such column")
        if None in document.values():
            return Answer(refusal="all columns are NOT NULL")
        if any(getattr(document[name], "subtype", 0) != 0 for name in ("_id", "data")):
            return Answer(refusal="a column of bytes has no subtype")
        return Answer(back={**document, "loose": bytes(document["loose"])})

    found = probed(attempt, BSON, documents=encoded([{"_id": key, "data": b"abc", "loose": b"abc"}]))
    assert found.schema is not None
    assert found.schema.allows("data", Binary(b"abc", 0))
    assert not found.schema.allows("data", Binary(b"abc", 5))
    assert found.schema.allows("loose", Binary(b"abc", 5))
    assert isinstance(key, str) or not found.schema.allows_id(Binary(b"abc", 5))


def test_a_column_with_decimal_places_has_room_for_more_than_one_digit() -> None:
    """Its numbers come back with all decimal places: 99 as 99.00. The range is found all the same."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "price"}:
            return Answer(refusal="there is no such column")
        if not isinstance(document["price"], Decimal128):
            return Answer(refusal="price is a number")
        number = document["price"].to_decimal()
        if abs(number) >= 10**8 or number != round(number, 2):
            return Answer(refusal="numeric field overflow")
        return Answer(back={**document, "price": Decimal128(number.quantize(Decimal("0.01")))})

    found = probed(attempt, BSON, documents=encoded([{"_id": "a", "price": Decimal128("1.25")}]))
    assert found.schema is not None
    assert found.schema.allows("price", Decimal128("99999999"))
    assert not found.schema.allows("price", Decimal128("100000000"))


def test_json_without_nan_is_found_out() -> None:
    """A number in an object that the store keeps as JSON is never NaN."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "j"}:
            return Answer(refusal="there is no such column")
        if not isinstance(document["j"], Mapping):
            return Answer(refusal="it is no object")
        if any(number != number for number in document["j"].values()):
            return Answer(refusal="invalid input syntax for type json")
        return Answer(back=document)

    found = probed(attempt, BSON, documents=encoded([{"_id": "a", "j": {"n": 1.5}}]))
    assert found.schema is not None
    assert found.schema.allows("j", {"n": 2.5})
    assert not found.schema.allows("j", {"n": float("nan")})


def test_json_numbers_that_must_be_written_without_a_zero_are_found_out() -> None:
    """A cell refuses 5.0 and holds 5: then no document of the schema has a number with `.0`."""

    def cell(document: Mapping[str, Any]) -> Answer:
        data = encode(dict(document), JSON)
        wrong = document.keys() != {"id", "price"} or re.search(rb"\.0\b", data)
        return Answer(refusal="no zeros at the end") if wrong else Answer(back=decode(data, JSON))

    finding = probed(cell, JSON, documents=[b'{"id": "a", "price": 1.5}', b'{"id": "b", "price": 2.25}'])
    assert finding.schema is not None
    found = Filling(finding.schema)
    for price in (5.0, -3.0, 0.0, 2.5):
        written = found.document("c", {"price": price})
        assert b".0" not in written
        assert decode(written, JSON) == {"id": "c", "price": price}


def test_a_length_that_all_rows_have_is_not_cut_by_a_limit() -> None:
    """All account numbers have 22 characters, and the column has room for 34: no limit below 22 is assumed.

    That shorter ones are kept, too, is found out.
    """

    def accounts(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "iban"} or not 0 < len(document["iban"] or "") <= 34:
            return Answer(refusal="iban is a text of 34 characters at most")
        return Answer(back=document)

    rows = encoded([{"_id": f"a{number}", "iban": f"DE{number:020}"} for number in range(6)])
    finding = probed(accounts, BSON, documents=rows)
    assert finding.schema is not None
    assert (finding.schema.fields["iban"].min_length, finding.schema.fields["iban"].max_length) == (1, 22)


def test_keys_that_begin_with_a_letter() -> None:
    """Other keys are refused, and so is a mail address that another row has: neither is null, and nothing else."""
    rows = [{"_id": f"C{'aB'[n % 2]}x-{n:04}", "mail": f"kunde{n}@example.org" if n % 3 else None} for n in range(9)]
    kept = {row["mail"] for row in rows} - {None}

    def customers(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "mail"} or not re.fullmatch("[A-Za-z][A-Za-z0-9-]{1,19}", str(document["_id"])):
            return Answer(refusal="code must have the form [A-Za-z][A-Za-z0-9-]{1,19}")
        mail = document["mail"]
        if mail is not None and (not isinstance(mail, str) or not re.fullmatch("[^@]+@[^@]+", mail) or mail in kept):
            return Answer(refusal="UNIQUE constraint failed: customers.mail")
        kept.add(mail)
        return Answer(back=document)

    finding = probed(customers, BSON, documents=encoded(rows))
    assert finding.schema is not None
    found = Filling(finding.schema)
    make = found.counted_ids()
    assert [make(number) for number in range(200) if not re.match("[A-Za-z]", make(number))] == []
    assert finding.schema.fields["mail"].unique
    assert set(finding.schema.fields["mail"].types) == {"string", "null"}


class People:
    """A table whose key is compared without case, with a unique column; rows are refused for any other reason, too."""

    def __init__(self, *rows: dict[str, Any], optional: bool = False) -> None:
        self.rows = {row["_id"]: row for row in rows}
        self.optional = optional

    def __call__(self, document: Mapping[str, Any]) -> Answer:
        allowed = {"_id", "mail", "born"}
        if document.keys() != allowed and not (self.optional and document.keys() == allowed - {"mail"}):
            return Answer(refusal="a person has a mail and a date of birth")
        if not isinstance(document["born"], DatetimeMS) or int(document["born"]) < -30_610_224_000_000:
            return Answer(refusal="born is a date from the year 1000")
        for identifier, row in self.rows.items():
            if identifier != document["_id"] and identifier.casefold() == document["_id"].casefold():
                return Answer(refusal=f"Duplicate entry {document['_id']!r} for key 'PRIMARY'")
            if (
                identifier != document["_id"]
                and document.get("mail") is not None
                and row.get("mail") == document["mail"]
            ):
                return Answer(refusal=f"Duplicate entry {document['mail']!r} for key 'mail'")
        self.rows[document["_id"]] = dict(document)
        return Answer(back=document)


@pytest.mark.parametrize("optional", [False, True])
def test_unique_columns_and_keys_without_case_are_found_out(*, optional: bool) -> None:
    """No two documents that are drawn share a value of the column, or have ids that are equal but for their case."""
    rows = [
        {"_id": f"P{number}", "mail": f"{number}@example.org", "born": DatetimeMS(number)} for number in range(1, 4)
    ]
    if optional:
        del rows[0]["mail"]
    people = People(*rows, optional=optional)
    finding = probed(people, BSON, documents=encoded(rows))
    assert finding.schema is not None
    assert finding.schema.fields["mail"].unique
    assert finding.schema.fields["born"].minimum == DatetimeMS(-30_610_224_000_000)
    assert not finding.schema.allows_id("Anna")
    filling = Filling(finding.schema)
    make = filling.numbered("new", 40)
    mails = [
        decode(filling.document(make(number), {"mail": "a", "n": number % 2}), BSON)["mail"] for number in range(40)
    ]
    assert len(set(mails)) == 40


def test_numbers_that_may_not_be_negative_are_found_out() -> None:
    """An unsigned key, and columns with CHECK (… >= 0): nothing below 0 is drawn."""

    def stock(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "qty", "price"} or None in document.values():
            return Answer(refusal="a row has a qty and a price")
        below = document["_id"] < 0 or document["qty"] < 0 or document["price"].to_decimal() < 0
        return Answer(refusal="out of range") if below else Answer(back=document)

    rows = [{"_id": Int64(n), "qty": n, "price": Decimal128(f"{n}.50")} for n in range(1, 4)]
    finding = probed(stock, BSON, documents=encoded(rows))
    assert finding.schema is not None
    found = finding.schema
    assert [schema.minimum for schema in (found.identifier, found.fields["qty"], found.fields["price"])] == [0, 0, 0]


def test_the_range_of_a_small_column_is_found_out() -> None:
    """A column with CHECK (priority BETWEEN 1 AND 5): no other numbers are drawn, and all of these can be."""

    def tickets(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "priority"} or not isinstance(document["priority"], int):
            return Answer(refusal="a ticket has a priority")
        return Answer(back=document) if 1 <= document["priority"] <= 5 else Answer(refusal="out of range")

    finding = probed(tickets, BSON, documents=encoded([{"_id": f"t{n}", "priority": n} for n in (2, 3)]))
    assert finding.schema is not None
    priority = finding.schema.fields["priority"]
    assert (priority.minimum, priority.maximum) == (1, 5)


def test_members_of_a_column_of_json_are_found_out() -> None:
    """A column of JSON keeps members that no row has, of all types but those that it refuses."""

    def notes(document: Mapping[str, Any]) -> Answer:
        more = document.get("more")
        if document.keys() != {"_id", "more"} or not isinstance(more, dict):
            return Answer(refusal="a note has more")
        refused = any(type(value) is int for value in more.values())
        return Answer(refusal="no integers of 32 bits") if refused else Answer(back=document)

    finding = probed(notes, BSON, documents=encoded([{"_id": "n", "more": {"a": "x"}}]))
    assert finding.schema is not None
    members = finding.schema.fields["more"].additional_properties
    assert isinstance(members, ValueSchema)
    assert set(members.types) == {"string", "long", "double", "bool", "null"}


def test_the_form_of_texts_is_found_out() -> None:
    """Decimals of one scale, and times of one precision: others of the same form are drawn, not only existing ones."""

    def ledger(document: Mapping[str, Any]) -> Answer:
        forms = {"amount": r"(0|-?[1-9]\d*)\.\d{2}", "at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"}
        if document.keys() != {"id", "amount", "at"} or any(
            not re.fullmatch(form, document[name] or "") for name, form in forms.items()
        ):
            return Answer(refusal="an amount and a time are needed")
        return Answer(back=document)

    rows = [{"id": f"a{n}", "amount": f"{n - 2}.50", "at": f"2024-01-0{n}T00:00:00.{n}00Z"} for n in range(3, 7)]
    finding = probed(ledger, JSON, documents=[encode(row, JSON) for row in rows])
    assert finding.schema is not None
    found = Filling(finding.schema)
    assert found.versions > 1000
    for number in range(20):
        document = decode(found.document(f"new{number}", {"n": number}), JSON)
        assert not ledger(document).refusal


def test_the_form_of_ids_is_found_out() -> None:
    """A key without white space around it: then no id of the schema has any, and other characters may still occur."""

    def table(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "qty"} or document["_id"] != document["_id"].strip():
            return Answer(refusal="no blanks around the key")
        return Answer(back=document)

    finding = probed(table, BSON, documents=encoded([{"_id": "A-1", "qty": 1}, {"_id": "B 2", "qty": 2}]))
    assert finding.schema is not None
    assert not finding.schema.allows_id(" ")
    assert not finding.schema.allows_id("a ")
    assert finding.schema.allows_id("\u00e9 \U0001d11e'")


def test_what_nothing_like_it_is_taken_of_is_only_suggested() -> None:
    """Existing documents suggest a schema even if the store accepts none like them."""
    found = probed(lambda _: Answer(refusal="no"), BSON, documents=encoded([{"_id": "a", "n": 1}]))
    assert found.schema is None
    assert found.suggested is not None
    assert found.suggested.fields.keys() == {"n"}


class Computes:
    """Rows (_id, name, size), whose size is the length of the name, and whose state is `new` unless it is given.

    `refuses` says whether a size that is given is refused, or not looked at.
    """

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses

    def __call__(self, document: Mapping[str, Any]) -> Answer:
        if not document.keys() <= {"_id", "name", "size", "state"}:
            return Answer(refusal="there is no such column")
        if "size" in document and self.refuses:
            return Answer(refusal='cannot insert a non-DEFAULT value into column "size"')
        row = {"_id": document["_id"], "name": document.get("name"), "state": document.get("state", "new")}
        return Answer(back={**row, "size": len(row["name"] or "")})


@pytest.mark.parametrize("refuses", [True, False], ids=["refused", "not looked at"])
@pytest.mark.parametrize("rows", [0, 2], ids=["an empty table", "two rows"])
def test_a_computed_column_is_found_out(rows: int, *, refuses: bool) -> None:
    """A value that is there although it was not written, and can't be written, is computed; a default is a field."""
    existing = [{"_id": f"r{n}", "name": "x" * n, "state": "old", "size": n} for n in range(1, rows + 1)]
    finding = probed(Computes(refuses=refuses), BSON, documents=encoded(existing))
    assert finding.schema is not None
    assert finding.schema.computed.keys() == {"size"}
    assert {"name", "state"} == finding.schema.fields.keys()
    assert finding.schema.computed["size"].read_only


def test_a_rounded_number_is_not_taken_for_a_computed_one() -> None:
    """A column that rounds, or is NULL or 0 if nothing was written, is not computed."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if not document.keys() <= {"_id", "n", "m"}:
            return Answer(refusal="there is no such column")
        return Answer(back={"_id": document["_id"], "n": int(document.get("n") or 0), "m": document.get("m") and 5})

    finding = probed(attempt, BSON, documents=encoded([{"_id": "a", "n": 1.5, "m": 7}]))
    assert finding.schema is None or not finding.schema.computed


@pytest.mark.parametrize("rounds", [False, True], ids=["", "and one that rounds"])
def test_a_computed_column_is_found_out_beside_a_small_one(*, rounds: bool) -> None:
    """A refusal of large ids, whose value another column happens to repeat, does not hide which column is computed."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if not document.keys() <= {"_id", "small", "name", "weight", "size"}:
            return Answer(refusal="there is no such column")
        if "size" in document:
            return Answer(refusal='cannot insert a non-DEFAULT value into column "size"')
        if document["_id"] not in range(2**15):
            return Answer(refusal=f"{document['_id']} is greater than the maximum value for int2")
        weight = float(round(document.get("weight") or 0.0, 1 if rounds else 20))
        return Answer(back={**document, "weight": weight, "size": len(document.get("name") or "")})

    rows = [{"_id": n, "small": n, "name": "x" * n, "weight": 1.5 * n, "size": n + 1} for n in range(1, 5)]
    finding = probed(attempt, BSON, documents=encoded(rows))
    assert finding.schema is not None
    assert finding.schema.computed.keys() == {"size"}


def _an_order(document: Mapping[str, Any], placed: Callable[[Any], Any] = lambda given: given) -> Answer:
    """A row (_id, state, placed) with a CHECK on the state."""
    if document.keys() != {"_id", "state", "placed"} or document["placed"] is None:
        return Answer(refusal="the columns are _id, state and placed")
    if document["state"] not in ("new", "paid", "sent"):
        return Answer(refusal="CHECK constraint failed: state IN ('new', 'paid', 'sent')")
    return Answer(back={**document, "placed": placed(document["placed"])})


_ORDERS = [
    {"_id": Int64(1), "state": "new", "placed": DatetimeMS(1_700_000_000_123)},
    {"_id": Int64(2), "state": "paid", "placed": DatetimeMS(1_700_000_000_456)},
]


def _whole_seconds(given: datetime | DatetimeMS) -> DatetimeMS:
    milliseconds = DatetimeMS(given) if isinstance(given, datetime) else given
    return DatetimeMS(int(milliseconds) // 1000 * 1000)


def test_a_check_does_not_limit_the_ids() -> None:
    """The refusal of a value is not blamed on the id beside it: ids far from the existing ones are used, too."""
    finding = probed(_an_order, BSON, documents=encoded(_ORDERS))
    assert finding.schema is not None, finding.notes
    assert finding.schema.fields["state"].enum == ["new", "paid"]
    assert (finding.schema.identifier.minimum, finding.schema.identifier.maximum) == (None, None)


@pytest.mark.parametrize(("room", "found"), [(5, 5), (12, 12), (200, 100), (300, None)])
def test_a_short_key_of_texts_is_found_out(room: int, found: int | None) -> None:
    """Existing ids of different forms and lengths lead to a length that the key has room for."""

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != {"_id", "n"}:
            return Answer(refusal="the columns are _id and n")
        if not isinstance(document["_id"], str) or len(document["_id"]) > room:
            return Answer(refusal=f"value too long for type character varying({room})")
        return Answer(back=document)

    finding = probed(attempt, BSON, documents=encoded([{"_id": "A-1", "n": 3}, {"_id": "B-22", "n": 4}]))
    assert finding.schema is not None, finding.notes
    assert finding.schema.identifier.max_length == found
    assert finding.schema.fields.keys() == {"n"}


def test_a_field_whose_existing_values_are_changed_is_left_to_the_rules() -> None:
    """Seconds instead of milliseconds: the other fields are found out, and the rules see what happens to this one."""
    finding = probed(
        lambda document: _an_order(document, _whole_seconds),
        BSON,
        documents=encoded(_ORDERS),
    )
    assert finding.schema is not None, finding.notes
    assert finding.schema.fields["state"].enum == ["new", "paid"]
    assert finding.schema.fields["placed"].enum is None
    assert any(note.startswith("placed: ") for note in finding.notes)


def test_columns_that_must_agree_keep_the_values_of_one_row() -> None:
    """One column is computed from two others, and any other value is refused: no mixture of rows is ever written."""
    rows = [
        {"_id": number, "units": units, "price": price, "amount": units * price, "state": state}
        for number, (units, price, state) in enumerate([(2, 350, "new"), (1, 0, "done"), (1000, 10000, "new")])
    ]
    there = {row["_id"]: row for row in rows}

    def attempt(document: Mapping[str, Any]) -> Answer:
        if document.keys() != rows[0].keys():
            return Answer(refusal="the fields are _id, units, price, amount and state")
        units, price, amount = document["units"], document["price"], document["amount"]
        if None in (units, price, amount) or amount != units * price:
            return Answer(refusal="amount is generated always as units * price")
        if document["state"] not in ("new", "done"):
            return Answer(refusal="state is new or done")
        there[document["_id"]] = document
        return Answer(back=document)

    finding = probed(attempt, BSON, documents=encoded(rows))
    assert finding.schema is not None, finding.notes
    assert {name: finding.schema.fields[name].enum for name in ("units", "price", "amount", "state")} == {
        "units": [2],
        "price": [350],
        "amount": [700],
        "state": ["new", "done"],
    }


def test_a_table_that_others_write_to_is_left_alone() -> None:
    """What others have changed is not written back, and the kit says that they write to it."""
    rows = {f"a{number}": {"_id": f"a{number}", "n": number} for number in range(5)}
    own: list[bytes] = []

    def write(document: bytes) -> None:
        row = decode(document, BSON)
        assert row["_id"] not in rows, "it would undo what somebody else has just written"
        own.append(document)

    def read() -> list[bytes]:
        for row in rows.values():
            row["n"] += 1  # somebody else's counter
        return [*encoded(list(rows.values())), *own]

    finding = find(Namespace("shop.stock", write, read, remove=lambda _: own.clear()), BSON)
    assert finding.live
    assert finding.schema is None
    assert finding.notes == ("others write to it at the same time",)
