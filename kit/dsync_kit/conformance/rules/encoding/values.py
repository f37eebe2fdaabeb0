"""What documents hold comes back as it was: every BSON type and JSON value, with its boundaries."""

import contextlib
from typing import Any

from bson import Binary, Decimal128, Int64
from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule, rule
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.strategies import BSON, JSON
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_UPDATE, DataType, Update

__all__ = ["RULES"]

_TYPES = "respects array order and BSON types (int32 1, int64 1 and double 1.0 are three values)"
_BSON = (Need.SINK, Need.READING, Need.BSON)
_JSON = (Need.SINK, Need.READING, Need.JSON)
_DEPTH = 40


def _round_trip(case: Case, data_type: DataType, fields: dict[str, Any], *, may_refuse: bool = False) -> None:
    """Write a document with these fields, by WriteData or WriteUpdates, and read it back."""
    if data_type not in case.declared.types:
        raise case.decline("this type is not both written and read")
    if not case.holding(data_type).free:
        raise case.decline("its schema says which fields there are")
    value = case.identifiers(data_type, max_size=1)[0]
    document = case.document(value, fields, data_type)
    namespace = case.namespace()
    try:
        if _by_updates(case):
            change = strategies.update(UPDATE_TYPE_UPDATE, value, document, data_type)
            case.update(namespace, [change], data_type)
        else:
            case.write(namespace, [document], data_type)
    except ConnectorError as error:
        if may_refuse and case.refused(error):
            raise case.decline(f"it refuses this: {error}") from error
        raise
    case.expect(namespace, Model(data_type, [document]), "the listing of a document")


def _by_updates(case: Case) -> bool:
    return not case.found.copies_only and case.draw(st.booleans(), "by WriteUpdates")


def _placed(case: Case, values: list[Any]) -> dict[str, Any]:
    """The values as fields, within an array, or within a document."""
    where = case.draw(st.sampled_from(["fields", "array", "document"]), "as")
    fields = {f"v{number}": value for number, value in enumerate(values)}
    return {"fields": fields, "array": {"v": values}, "document": {"v": fields}}[where]


def _in_its_fields(case: Case, data_type: DataType, *types: str) -> bool:
    """Write values of these BSON types to a field that has one of them, each in a document, and read them back.

    False where documents may have any fields: the caller says which, then.
    """
    if data_type not in case.declared.types:
        raise case.decline("this type is not both written and read")
    holding = case.holding(data_type)
    if not isinstance(holding, Filling) or holding.free:
        return False
    places = holding.fields_of(*types)
    if not places:
        raise case.decline(f"its schema has no field of the type {' or '.join(types)}")
    name, kind = case.draw(st.sampled_from(places), "field, type")
    values = case.draw(holding.values_of(name, kind), "values")
    identifiers = case.numbered_ids(len(values), data_type)
    documents = [holding.document(one, {name: value}) for one, value in zip(identifiers, values, strict=True)]
    namespace = case.namespace()
    if _by_updates(case):
        changes = [Update(id=id_of(new, data_type), type=UPDATE_TYPE_UPDATE, data=new) for new in documents]
        case.update(namespace, changes, data_type)
    else:
        case.write(namespace, documents, data_type)
    case.expect(namespace, Model(data_type, documents), f"the listing of values of {name!r}")
    return True


_SCHEMA_TYPES = {
    "text": "string",
    "int32": "int",
    "int64": "long",
    "boolean": "bool",
    "object-id": "objectId",
    "binary": "binData",
}
"""The names of the types in schemas, where they are others."""


def _bson_rule(kind: str, what: str, hint: str) -> Rule:
    def check(case: Case) -> None:
        if _in_its_fields(case, BSON, _SCHEMA_TYPES.get(kind, kind)):
            return
        values = case.draw(strategies.BSON_SEVERAL[kind], "values")
        _round_trip(case, BSON, _placed(case, values))

    check.__doc__ = f"{what} come back unchanged."
    make = rule(
        f"encoding/bson-{kind}",
        _TYPES,
        needs=_BSON,
        hint=hint,
        after=(
            "write/read-back",
            "updates/update-missing",
        ),
        examples=0.6,
    )
    return make(check)


_SCALARS = (
    _bson_rule("text", "Texts of any script, and the empty one,", "text is cut, trimmed, normalised, or not UTF-8"),
    _bson_rule("int32", "Integers of 32 bits", "they become 64 bits wide, or doubles"),
    _bson_rule("int64", "Integers of 64 bits", "small ones become 32 bits wide, or large ones doubles"),
    _bson_rule("double", "Doubles with -0.0, NaN and the infinities", "whole ones become integers; NaN becomes null"),
    _bson_rule("boolean", "Booleans", "they become 0 and 1"),
    _bson_rule("null", "Nulls", "a field that is null is left out"),
    _bson_rule("object-id", "ObjectIds", "they become text"),
    _bson_rule(
        "date", "Dates from year 1 to 9999, in milliseconds,", "they are cut to seconds, or moved to a time zone"
    ),
    _bson_rule("binary", "Binaries with their subtypes", "the subtype is lost, or bytes become text"),
    _bson_rule("decimal", "Decimal128 values with their exponents", "they become doubles, or lose trailing zeros"),
)


@rule(
    "encoding/bson-rare",
    "MONGO_BSON: a whole BSON document with `_id`.",
    needs=_BSON,
    hint="a rare type becomes another one: keep it, or refuse the document with INVALID_ARGUMENT",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
)
def bson_rare(case: Case) -> None:
    """Rare types and values (regex, code, timestamp, min and max key, far dates) come back, or are refused."""
    kind = case.draw(st.sampled_from(sorted(strategies.BSON_RARE)), "kind")
    value = case.draw(strategies.BSON_RARE[kind], "value")
    _round_trip(case, BSON, {"v": value}, may_refuse=True)


@rule(
    "encoding/number-types",
    _TYPES,
    needs=_BSON,
    hint="a number is stored by its value, without its type",
    after=("encoding/bson-int32", "encoding/bson-int64", "encoding/bson-double"),
    examples=0.6,
)
def number_types(case: Case) -> None:
    """The same number as int32, int64, double and decimal stays four values, as fields and in an array."""
    number = case.draw(st.sampled_from([0, 1, 5, -1, 2**31 - 1]), "number")
    _round_trip(case, BSON, _placed(case, [number, Int64(number), float(number), Decimal128(str(number))]))


@rule(
    "encoding/empty-and-null",
    "MONGO_BSON: a whole BSON document with `_id`.",
    needs=(Need.SINK, Need.READING),
    hint="empty values are left out, or become null",
    after=(
        "write/read-back",
        "updates/update-missing",
        "encoding/bson-null",
    ),
    examples=0.5,
)
def empty_and_null(case: Case) -> None:
    """An empty text, array or document, null, false, 0 and a missing field stay distinct."""
    data_type = case.data_type()
    empties: dict[str, Any] = {
        "text": "",
        "array": [],
        "document": {},
        "null": None,
        "false": False,
        "zero": 0,
        "nested": [[], {}, [None]],
    }
    names = case.draw(st.lists(st.sampled_from(sorted(empties)), min_size=1, unique=True), "fields")
    fields: dict[str, Any] = {name: empties[name] for name in names}
    if data_type == BSON and case.draw(st.booleans(), "empty binary"):
        fields["binary"] = Binary(b"", 0)
    _round_trip(case, data_type, fields)


@rule(
    "encoding/array-order",
    "ignores field order, but respects array order",
    needs=(Need.SINK, Need.READING),
    hint="an array is stored as a set, or sorted, or nested arrays are flattened",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
    examples=0.5,
)
def array_order(case: Case) -> None:
    """Arrays keep their order, their repeated items and their nesting."""
    data_type = case.data_type()
    scalars = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"]), st.none(), st.booleans())
    items = st.lists(st.one_of(scalars, st.lists(scalars, max_size=3)), min_size=1, max_size=12)
    _round_trip(case, data_type, {"v": case.draw(items, "array")})


@rule(
    "encoding/field-names",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="field names change case, are trimmed, or have a special meaning",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
)
def field_names(case: Case) -> None:
    """Field names of any script come back; names that differ only in case stay two, and numbers stay names."""
    data_type = case.data_type()
    names = case.draw(strategies.several_field_names, "names")
    reserved = "_id" if data_type == BSON else "id"
    other = "id" if data_type == BSON else "_id"
    fields = {name: number for number, name in enumerate([*names, other]) if name != reserved}
    nested = {"by number": {"0": "a", "1": "b"}, "by id": {"id": "a", "_id": "b"}}
    _round_trip(case, data_type, {**fields, **nested})


_SPECIAL_NAMES = ["a.b", "$set", "$a", "", ".", "a.", "$ref", "$oid", "$numberLong", "x\u0001", "n" * 200]

_SPECIAL_DOCUMENTS: list[dict[str, object]] = [
    {"$ref": "c", "$id": 5},
    {"$oid": "64736e632d6b69742d696431"},
    {"$numberLong": "5"},
    {"$date": "2020-01-02T03:04:05Z"},
    {"$binary": {"base64": "YQ==", "subType": "00"}},
]
"""What is a value of another type to some libraries, and here is a document of texts."""


@rule(
    "encoding/special-field-names",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="a name with a dot becomes a path, one with a dollar an operator: keep them, or refuse the document",
    after=("encoding/field-names",),
    examples=0.5,
)
def special_field_names(case: Case) -> None:
    """Field names with dots, dollars, 200 letters or none at all come back, or the document is refused.

    So do documents that read like Extended JSON, or like a reference: they are what was written.
    """
    data_type = case.data_type()
    names = case.draw(strategies.some(_SPECIAL_NAMES), "names")
    tried = [fields for name in names for fields in ({name: "1"}, {"v": {name: "1"}})]
    tried += [{"v": document} for document in case.draw(strategies.some(_SPECIAL_DOCUMENTS), "documents")]
    for fields in tried:
        # One that is refused says nothing about the others.
        with contextlib.suppress(Inapplicable):
            _round_trip(case, data_type, fields, may_refuse=True)


@rule(
    "encoding/deep",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="nested documents are flattened, cut, or written by a function that recurses too deep",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
    examples=0.3,
)
def deep(case: Case) -> None:
    """Documents and arrays nested 40 levels deep come back; 100 levels deep they may be refused."""
    data_type = case.data_type()
    depth = case.draw(st.sampled_from([5, _DEPTH, 100]), "depth")
    arrays = case.draw(st.booleans(), "arrays")
    value: Any = "bottom"
    for _ in range(depth):
        value = [value] if arrays else {"d": value}
    _round_trip(case, data_type, {"v": value}, may_refuse=depth > _DEPTH)


@rule(
    "encoding/wide",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="fields beyond a limit are dropped, or a long text is cut",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
    examples=0.2,
)
def wide(case: Case) -> None:
    """A document with 1,000 fields, and with a text of 100,000 characters or as many bytes, comes back."""
    data_type = case.data_type()
    fields = {f"field{number}": number for number in range(1000)}
    long: Any = "xé𝄞 " * 25_000
    if data_type == BSON and case.draw(st.booleans(), "bytes"):
        long = bytes(range(256)) * 400
    _round_trip(case, data_type, {**fields, "v": long})


@rule(
    "encoding/json-numbers",
    "JSON_ID: a UTF-8 JSON object with a top-level `id`.",
    needs=_JSON,
    hint="numbers pass through a double, or through a float's text",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
)
def json_numbers(case: Case) -> None:
    """64-bit JSON numbers come back with their value, even those beyond 2^53."""
    if not _in_its_fields(case, JSON, "int", "long", "double", "decimal"):
        _round_trip(case, JSON, _placed(case, case.draw(strategies.JSON_SEVERAL["numbers"], "numbers")))


@rule(
    "encoding/json-text",
    "JSON_ID: a UTF-8 JSON object with a top-level `id`.",
    needs=_JSON,
    hint="text is escaped twice, cut, or not UTF-8",
    after=(
        "write/read-back",
        "updates/update-missing",
        "encoding/bson-text",
    ),
)
def json_text(case: Case) -> None:
    """JSON texts of any script come back unchanged."""
    if not _in_its_fields(case, JSON, "string"):
        _round_trip(case, JSON, _placed(case, case.draw(strategies.JSON_SEVERAL["text"], "texts")))


@rule(
    "encoding/json-literals",
    "JSON_ID: a UTF-8 JSON object with a top-level `id`.",
    needs=_JSON,
    hint="true, false and null become text or numbers, or text that looks like them becomes a literal",
    after=(
        "write/read-back",
        "updates/update-missing",
        "encoding/bson-null",
        "encoding/bson-boolean",
        "encoding/json-text",
    ),
    examples=0.5,
)
def json_literals(case: Case) -> None:
    """true, false, null and texts that look like literals, numbers or dates come back as what they are."""
    if not _in_its_fields(case, JSON, "bool", "null"):
        _round_trip(case, JSON, _placed(case, case.draw(strategies.JSON_SEVERAL["literals"], "values")))


@rule(
    "encoding/documents",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="a value changes because of its neighbours: see the smallest document",
    after=(
        "write/read-back",
        "updates/update-missing",
        *(scalar.id for scalar in _SCALARS),
        "encoding/empty-and-null",
        "encoding/array-order",
        "encoding/field-names",
        "encoding/json-numbers",
        "encoding/json-text",
        "encoding/json-literals",
    ),
    examples=1.5,
)
def documents(case: Case) -> None:
    """Whole documents of any values, several on a page, come back unchanged."""
    namespace, model = case.loaded(min_size=1, max_size=4)
    case.expect(namespace, model, "the listing of a page of documents")


RULES = (
    *_SCALARS,
    bson_rare,
    number_types,
    empty_and_null,
    array_order,
    field_names,
    special_field_names,
    deep,
    wide,
    json_numbers,
    json_text,
    json_literals,
    documents,
)
