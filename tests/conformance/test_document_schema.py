"""The document schema: read from a file with clear errors, checked, printed, and drawn from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from dsync_kit.conformance.documents.filling import Filling, TooFewError
from dsync_kit.conformance.documents.identifiers import NUMBERED_KINDS, numbered_ids
from dsync_kit.conformance.documents.misfits import Misfit, MisfitKind, rules_out, several_misfits
from dsync_kit.conformance.documents.schema.schema_file import load, parse, printed
from dsync_kit.documents import decode
from dsync_kit.errors import UsageError
from dsync_kit.protocol import DATA_TYPE_JSON_ID as JSON
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON

QUICK = settings(max_examples=40, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TABLE: dict[str, Any] = {
    "bsonType": "object",
    "required": ["_id", "name", "price"],
    "properties": {
        "_id": {"bsonType": "string", "minLength": 1, "maxLength": 20},
        "number": {"bsonType": "string"},
        "name": {"bsonType": ["string", "null"], "maxLength": 12},
        "price": {"bsonType": "decimal", "minimum": -99999999.99, "maximum": 99999999.99, "multipleOf": 0.01},
        "state": {"enum": ["new", "old"]},
        "code": {"bsonType": "string", "pattern": "^[A-Z]{3}-[0-9]{1,4}$"},
        "made": {"bsonType": "date", "minimum": {"$date": "1970-01-01T00:00:00Z"}},
        "small": {"bsonType": "int", "minimum": 0, "maximum": 100, "exclusiveMaximum": True},
        "tags": {"bsonType": "array", "items": {"bsonType": "string"}, "maxItems": 2, "uniqueItems": True},
        "where": {"bsonType": "object", "required": ["x"], "properties": {"x": {"bsonType": "double"}}},
        "uuid": {"bsonType": "binData", "format": "uuid"},
        "data": {"bsonType": "binData", "format": "bytes"},
    },
    "additionalProperties": False,
}
REPEATED = {"$jsonSchema": TABLE, "$expr": {"$eq": ["$number", "$_id"]}}
ROW: dict[str, Any] = {
    "_id": "a",
    "number": "a",
    "name": None,
    "price": Decimal128("1.15"),
    "state": "new",
    "code": "ABC-1",
    "made": DatetimeMS(0),
    "small": 99,
    "tags": ["x", "y"],
    "where": {"x": 1.5, "more": 1},
    "uuid": Binary(b"sixteen bytes id", 4),
    "data": b"text",
}


def test_a_document_fits() -> None:
    """A document with a value of each allowed kind fits, encoded or not."""
    schema = parse(REPEATED).of(BSON)
    assert not list(schema.reasons(ROW))
    assert schema.fits(bson.encode(ROW))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "x" * 13}, "name: 13 characters, at most 12 expected"),
        ({"price": Decimal128("1.155")}, "price: 1.155 is not a multiple of 0.01"),
        ({"price": Decimal128("100000000")}, "price: 100000000 is above 99999999.99"),
        ({"price": Decimal128("NaN")}, "price: NaN is not comparable to -99999999.99"),
        ({"price": 1.15}, "price: of type double, not decimal"),
        ({"state": "NEW"}, "state: 'NEW' is not one of 'new', 'old'"),
        ({"code": "abc-1"}, "code: 'abc-1' does not match '^[A-Z]{3}-[0-9]{1,4}$'"),
        ({"made": DatetimeMS(-1)}, "made: 1969-12-31T23:59:59.999Z is below 1970-01-01T00:00:00.000Z"),
        ({"small": 100}, "small: 100 is the bound, which is excluded"),
        ({"small": Int64(5)}, "small: of type long, not int"),
        ({"tags": ["x", 5]}, "tags[1]: of type int, not string"),
        ({"tags": ["x", "x"]}, "tags: an item occurs twice"),
        ({"where": {}}, "where.x: missing, but required"),
        ({"where": {"x": 1}}, "where.x: of type int, not double"),
        ({"data": Binary(b"text", 5)}, "data: of the subtype 5, not 0"),
        ({"uuid": Binary(b"sixteen bytes id", 0)}, "uuid: not a UUID: 16 bytes of the subtype 4 expected"),
        ({"number": "b"}, "number: 'b' does not repeat the id, 'a'"),
        ({"other": 1}, "other: unknown field"),
        ({"_id": 5}, "_id: of type int, not string"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], reason: str) -> None:
    """A document that does not fit has one reason, which names the field and says what was expected."""
    assert reason in list(parse(REPEATED).of(BSON).reasons({**ROW, **change}))


def test_numbers_of_json_are_judged_by_value() -> None:
    """JSON has one kind of number: 5 and 5.0 are whole, and within 32 bits; 5.5 and 2**31 are not."""
    schema = parse({"properties": {"n": {"bsonType": "int"}}}).of(JSON)
    assert [schema.fits({"id": "a", "n": value}) for value in (5, 5.0, 5.5, 2**31)] == [True, True, False, False]


def test_one_schema_serves_both_types() -> None:
    """The schema of `_id` applies to a JSON document's `id`, and a field that repeats it there is the id itself."""
    given = {"properties": {"_id": {"bsonType": "long"}, "id": {"bsonType": "long"}}, "additionalProperties": False}
    file = parse({"$jsonSchema": given, "$expr": {"$eq": ["$id", "$_id"]}})
    assert file.of(BSON).repeats == {"id": ()}
    assert file.of(JSON).repeats == {}
    assert file.of(JSON).fits(b'{"id": 5}')
    assert not file.of(JSON).fits(b'{"id": "5"}')


def test_composite_ids() -> None:
    """A composite id is an object, and fields may repeat its parts."""
    key = {
        "bsonType": "object",
        "required": ["k", "n"],
        "properties": {"k": {"bsonType": "string"}, "n": {"bsonType": "int"}},
    }
    properties = {"_id": {**key, "additionalProperties": False}, "k": {}, "n": {}}
    equal = [{"$eq": ["$k", "$_id.k"]}, {"$eq": ["$n", "$_id.n"]}]
    schema = parse({"$jsonSchema": {"properties": properties}, "$expr": {"$and": equal}}).of(BSON)
    assert schema.fits({"_id": {"k": "x", "n": 1}, "k": "x", "n": 1})
    assert not schema.fits({"_id": {"k": "x", "n": 1}, "k": "x", "n": 2})
    made = Filling(schema)
    document = decode(made.document(made.numbered("a", 3)(2), {}), BSON)
    assert (document["k"], document["n"]) == (document["_id"]["k"], document["_id"]["n"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "given an array"),
        ({"bsonType": "strng"}, "bsonType: expected types among string"),
        ({"bsonType": "array"}, "documents must be of type object, given array"),
        ({"properties": {"a": {"minLength": "x"}}}, 'properties.a.minLength: expected a valid integer, given "x"'),
        ({"properties": {"a": {"maxlength": 3}}}, "this keyword is not supported: did you mean maxLength? expected"),
        ({"properties": {"a": {"anyOf": []}}}, "properties.a.anyOf: this keyword is not supported"),
        ({"properties": {"a": {"maximum": 3, "exclusiveMaximum": 3}}}, "expected true or false, given 3"),
        ({"properties": {"a": {"exclusiveMinimum": True}}}, "exclusiveMinimum needs minimum beside it"),
        ({"properties": {"a": {"pattern": "[a"}}}, "properties.a.pattern: expected a regular expression"),
        ({"properties": {"a": {"multipleOf": 0}}}, "properties.a.multipleOf: expected a number above 0, given 0"),
        ({"properties": {"a": {"minimum": "x"}}}, "properties.a.minimum: expected a number, or a date"),
        ({"$jsonSchema": {}, "$where": "x"}, "$where is not supported"),
        ({"$jsonSchema": {}, "$expr": {"$eq": ["$a", "$b"]}}, '$expr: given {"$eq": ["$a", "$b"]}: expected'),
        ({"$jsonSchema": {}, "$expr": {"$eq": ["$a", "$_id"]}}, "'a' is not among the properties"),
    ],
)
def test_what_is_not_a_schema_is_refused(given: object, message: str) -> None:
    """An invalid schema is the user's mistake: the message says where, what was given and what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(given, origin="rows.json")
    assert message in str(caught.value)
    assert str(caught.value).startswith("rows.json: ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"additionalProperties": False}, "no document could have an id"),
        (
            {"properties": {"_id": {"bsonType": "null"}}},
            "properties._id: the id of a MONGO_BSON document has type",
        ),
        ({"properties": {"a": {"minimum": 3, "maximum": 2}}}, "properties.a: minimum 3 is above maximum 2"),
        ({"properties": {"a": {"bsonType": "int", "minimum": 1, "maximum": 4, "multipleOf": 5}}}, "no number lies"),
        ({"properties": {"a": {"pattern": "^[a-z]{5}$", "maxLength": 3}}}, "no text was found that matches"),
        ({"properties": {"a": {"enum": [5], "bsonType": "string"}}}, "no member of enum fits the other keywords"),
        ({"properties": {"a": {"bsonType": "string", "type": "number"}}}, "no type is left"),
        (
            {"properties": {"_id": {}}, "required": ["a"], "additionalProperties": False},
            "'a' is required, but not among the properties",
        ),
    ],
)
def test_a_schema_that_nothing_satisfies_is_refused(given: object, message: str) -> None:
    """A schema that no document fits is the user's mistake, too, and the message says why."""
    with pytest.raises(UsageError, match=message):
        parse(given).of(BSON)


def test_a_file_that_is_not_json_is_refused_with_its_line(tmp_path: Path) -> None:
    """A file that cannot be read, is not JSON, or has a name twice is refused with the place."""
    file = tmp_path / "rows.json"
    with pytest.raises(UsageError, match="cannot be read"):
        load(file)
    file.write_text('{\n  "bsonType": object\n}')
    with pytest.raises(UsageError, match=r"rows\.json, line 2, column 15: not JSON"):
        load(file)
    file.write_text('{"bsonType": "object", "bsonType": "object"}')
    with pytest.raises(UsageError, match="'bsonType' occurs twice"):
        load(file)


@pytest.mark.parametrize("given", [TABLE, REPEATED, {}])
def test_what_is_printed_is_read_back(given: object, tmp_path: Path) -> None:
    """A schema that is printed and saved keeps its meaning."""
    schema = parse(given).of(BSON)
    file = tmp_path / "rows.json"
    file.write_text(printed(schema))
    again = load(file).of(BSON)
    assert (again.identifier, again.fields, again.required, again.repeats) == (
        schema.identifier,
        schema.fields,
        schema.required,
        schema.repeats,
    )
    assert printed(again) == printed(schema)


def test_a_printed_field_is_one_line() -> None:
    """So that a user can edit it."""
    lines = printed(parse(REPEATED).of(BSON)).splitlines()
    assert '      "state": {"enum": ["new", "old"]},' in lines


def schemas() -> Iterator[tuple[str, Any]]:
    """Schemas of one field, with two values that fit it, at its bounds."""
    yield "varchar", {"bsonType": "string", "maxLength": 5}
    yield "char", {"bsonType": "string", "minLength": 5, "maxLength": 5}
    yield "smallint", {"bsonType": "int", "minimum": -32768, "maximum": 32767}
    yield "numeric", {"bsonType": "decimal", "minimum": -9.99, "maximum": 9.99, "multipleOf": 0.01}
    yield "percent", {"bsonType": "double", "minimum": 0, "maximum": 1}
    yield "quarter", {"bsonType": "double", "multipleOf": 0.25}
    yield "even", {"bsonType": "long", "multipleOf": 2}
    yield "pattern", {"bsonType": "string", "pattern": "^[a-f]{2,4}$", "maxLength": 3}
    yield "date-time", {"bsonType": "string", "format": "date-time"}
    yield "timestamp", {"bsonType": "date", "minimum": {"$date": "2000-01-01T00:00:00Z"}}
    yield "enum", {"bsonType": "long", "enum": [1, 2, 3]}
    yield "nested", {"bsonType": "object", "properties": {"a": {"type": "boolean"}}, "additionalProperties": False}
    yield "any-object", {"bsonType": ["object", "null"]}
    yield "list", {"bsonType": "array", "items": {"bsonType": "int"}, "minItems": 1, "maxItems": 2}
    yield "uuid", {"bsonType": "binData", "format": "uuid"}
    yield "plain-bytes", {"bsonType": "binData", "format": "bytes", "maxLength": 5}
    yield "bytes", {"bsonType": "binData", "minLength": 3, "maxLength": 3}
    yield "anything", {}


def _of_one_field(value: dict[str, Any]) -> Filling:
    properties = {"_id": {"type": "string"}, "v": value}
    return Filling(parse({"required": ["_id", "v"], "properties": properties, "additionalProperties": False}).of(BSON))


@pytest.fixture(scope="module", params=[pytest.param(value, id=name) for name, value in schemas()])
def filling(request: pytest.FixtureRequest) -> Filling:
    """The documents of a namespace with one field; made in the test, because texts of a pattern take long to find."""
    return _of_one_field(request.param)


@QUICK
@given(data=st.data())
def test_what_is_drawn_fits(filling: Filling, data: st.DataObject) -> None:
    """Drawn and made documents fit; misfits do not, and say why. Only NUL fits, but stores may refuse it."""
    schema = filling.schema
    page = data.draw(filling.pages(min_size=1, small=data.draw(st.booleans())))
    for document in (*page, filling.smallest, filling.document("a", {"n": 5}), filling.document("a", {"v": "x"})):
        assert not list(schema.reasons(document))
    kind = data.draw(st.sampled_from(list(MisfitKind)))
    if (wrong := several_misfits(filling, [kind], most=1)) is not None:
        (misfit,) = data.draw(wrong)
        reasons = list(schema.reasons(misfit.document))
        assert misfit.reason in reasons if kind is not MisfitKind.NUL else not reasons and b"\0" in misfit.document


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ({"bsonType": "string", "maxLength": 5}, "null, another type, text too long, text with NUL"),
        ({"bsonType": ["string", "null"]}, "another type, text with NUL"),
        ({"bsonType": "int"}, "null, another type, number out of range"),
        ({"bsonType": "decimal", "multipleOf": 0.01}, "null, another type, too many digits"),
        ({"bsonType": "string", "enum": ["a"]}, "null, another type, value that is not listed"),
        ({"bsonType": "string", "pattern": "^[a-z]+$"}, "null, another type, text of another form"),
    ],
)
def test_each_limit_has_documents_beyond_it(value: dict[str, Any], kinds: str) -> None:
    """Whatever a schema rules out for a field, or a store may refuse for it, there are misfits that have it."""
    given = {"properties": {"_id": {}, "v": value}}
    filling = Filling(parse(given).of(BSON))
    found = [kind.value for kind in MisfitKind if rules_out(filling, [kind])]
    assert ", ".join(found) == kinds


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_decimals_with_a_scale_are_written_in_one_way_alone(data: st.DataObject) -> None:
    """A store with two decimal places shows 0.1 as 0.10, which is another value in BSON, so it is not drawn."""
    filling = _of_one_field({"bsonType": "decimal", "minimum": -9.99, "maximum": 9.99, "multipleOf": 0.01})
    for value in data.draw(filling.values_of("v", "decimal")):
        digits = value.to_decimal().as_tuple()
        assert (digits.exponent, digits.digits[-1] != 0) == (-2, True)


def test_a_field_holds_the_types_of_its_listed_values() -> None:
    """If the schema lists values and names no type, no other types are drawn."""
    filling = _of_one_field({"enum": ["a", "b", None]})
    assert filling.fields_of("string", "null") == [("v", "string"), ("v", "null")]
    assert filling.fields_of("int", "date", "binData") == []


def test_documents_that_would_differ_still_do() -> None:
    """Versions with fields that the schema lacks become as many documents of the schema."""
    filling = Filling(parse(REPEATED).of(BSON))
    versions = [{"n": 0}, {"n": 1}, {"a": 1, "b": "old"}, {"c": "new"}, {"state": "old"}]
    documents = [filling.document("a", fields) for fields in versions]
    assert len(set(documents)) == len(versions)
    assert all(filling.schema.fits(document) for document in documents)
    assert decode(documents[-1], BSON)["state"] == "old"


@pytest.mark.parametrize(
    "identifier",
    [
        {"bsonType": "string", "maxLength": 4},
        {"bsonType": "string", "format": "uuid"},
        {"bsonType": "int", "minimum": 0, "maximum": 32767},
        {"bsonType": "long"},
        {"bsonType": "string", "pattern": "^[A-Z]{4}$"},
        {"bsonType": "string", "pattern": "^no-[0-9]{6}$"},
        {"bsonType": "objectId"},
        {"bsonType": "date"},
    ],
)
def test_numbered_ids_are_different_and_in_order(identifier: dict[str, Any]) -> None:
    """A thousand ids of any form fit, are different, and sort by number."""
    filling = Filling(parse({"properties": {"_id": identifier}}).of(BSON))
    make = filling.numbered("doc", 1000)
    values = [make(number) for number in range(1000)]
    assert all(map(filling.schema.allows_id, values))
    keys = [int(value) if isinstance(value, DatetimeMS) else value for value in values]
    assert keys == sorted(keys)
    assert len({json.dumps(value, default=str) for value in values}) == 1000


def test_ids_that_are_too_few_are_said() -> None:
    """A schema with three ids gives three documents, and raises an error if more are needed."""
    filling = Filling(parse({"properties": {"_id": {"enum": ["a", "b", "c"]}}}).of(BSON))
    with pytest.raises(TooFewError, match="its schema allows 3 different ids, and 5 are needed"):
        filling.numbered("doc", 5)


@pytest.mark.parametrize("kind", NUMBERED_KINDS)
def test_ids_with_another_prefix_are_others(kind: str) -> None:
    """Two series of ids have none in common, even if their prefixes differ only at the end."""
    series = [[repr(numbered_ids(kind, prefix, 9)(number)) for number in range(9)] for prefix in ("part0", "part1")]
    assert not set(series[0]) & set(series[1])


def test_no_id_is_tried_that_no_update_can_name() -> None:
    """JSON integers beyond 64 bits have no BSON type: a store that keeps one could not be asked to delete it."""
    filling = Filling(parse({"properties": {"id": {"bsonType": "long"}, "n": {"bsonType": "int"}}}).of(JSON))
    kinds = list(MisfitKind)
    found = several_misfits(filling, kinds, ids=True)

    @settings(max_examples=50, database=None, derandomize=True)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        assert found is not None
        tried = [misfit.identifier for misfit in data.draw(found)]
        assert all(not isinstance(value, int) or abs(value) < 2**63 for value in tried)

    check()


@pytest.mark.parametrize("pattern", ["^[a-z0-9]+$", "^[0-9]{13}$", "^[A-Z]{2}-[0-9]{8}$", "^no-[0-9]{6}$"])
def test_texts_of_a_form_with_another_prefix_are_others(pattern: str) -> None:
    """So it is if the form has no room for the prefix, or for the hyphen behind it."""
    filling = Filling(parse({"properties": {"_id": {"bsonType": "string", "pattern": pattern}}}).of(BSON))
    series = [filling.numbered(prefix, 100) for prefix in ("many0", "many1", "doc")]
    assert len({make(number) for make in series for number in range(100)}) == 300


@QUICK
@given(st.data())
def test_bytes_of_other_subtypes_do_not_fit(data: st.DataObject) -> None:
    """A column of bytes must refuse other subtypes, or keep them: the rules try some."""
    column = {"bsonType": "binData", "format": "bytes"}
    filling = Filling(parse({"properties": {"_id": {"bsonType": "string"}, "data": column}}).of(BSON))
    misfits = several_misfits(filling, [MisfitKind.OTHER_FORM])
    assert misfits is not None
    for misfit in data.draw(misfits):
        assert decode(misfit.document, BSON)["data"].subtype in (2, 5, 128)


def test_a_text_of_a_form_is_tried_with_a_blank_at_its_end() -> None:
    """A fixed-width column cuts off the blank, although the text is as long as the others of its form."""
    code = {"bsonType": "string", "pattern": "^[A-Z]{4}$"}
    filling = Filling(parse({"properties": {"_id": {"bsonType": "string"}, "code": code}}).of(BSON))
    misfits = several_misfits(filling, [MisfitKind.OTHER_FORM])
    assert misfits is not None

    def is_tried(found: list[Misfit]) -> bool:
        codes = [decode(misfit.document, BSON)["code"] for misfit in found]
        return any(one.endswith(" ") and len(one) == 4 for one in codes)

    assert find(misfits, is_tried, settings=QUICK)


def test_dates_are_tried_with_parts_of_a_second() -> None:
    """Where whole minutes were found out, a column may cut off the rest."""
    at = {"bsonType": "date", "multipleOf": 60_000}
    filling = Filling(parse({"properties": {"_id": {"bsonType": "string"}, "at": at}}).of(BSON))
    misfits = several_misfits(filling, [MisfitKind.TOO_MANY_DIGITS])
    assert misfits is not None

    def is_tried(found: list[Misfit]) -> bool:
        return any(decode(misfit.document, BSON)["at"].microsecond for misfit in found)

    assert find(misfits, is_tried, settings=QUICK)


@pytest.mark.parametrize(
    ("value", "kind", "wrong"),
    [
        ({"bsonType": "double", "multipleOf": 0.5, "minimum": -100, "maximum": 100}, MisfitKind.TOO_MANY_DIGITS, 1 / 3),
        ({"bsonType": "long", "minimum": -100, "maximum": 100}, MisfitKind.OUT_OF_RANGE, 2**53 + 1),
    ],
)
def test_numbers_that_a_store_may_round_are_among_the_misfits(
    value: dict[str, Any], kind: MisfitKind, wrong: float
) -> None:
    """A schema that was found out has only numbers that came back: what lies just beyond may be kept, too, and a store
    that rounds to 15 digits is only seen by numbers that have more."""
    root = {"bsonType": "object", "required": ["id", "n"], "properties": {"id": {"bsonType": "string"}, "n": value}}
    filling = Filling(parse(root).of(JSON))
    misfits = several_misfits(filling, [kind])
    assert misfits is not None
    values: list[Any] = []

    @QUICK
    @given(misfits)
    def collect(drawn: Any) -> None:
        values.extend(decode(misfit.document, JSON)["n"] for misfit in drawn)

    collect()
    assert wrong in values
