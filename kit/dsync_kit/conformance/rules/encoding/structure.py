"""A document's structure survives: field names, nesting, order, size, empty and missing values."""

import contextlib
from typing import Any

from bson import Binary
from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing, field_values
from dsync_kit.conformance.documents.strategies import BSON
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import DoesNotApply, Inapplicable
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.encoding.round_trip import round_trip
from dsync_kit.conformance.rules.encoding.values import SCALARS

__all__ = ["RULES"]

_DEPTH = 40
_TEXTS = (100_000, 10_000, 1000)
"""The lengths of a long text, the first that the store accepts."""


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
    round_trip(case, data_type, fields)


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
    round_trip(case, data_type, {"v": case.draw(items, "array")})


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
    """Field names of any script come back; names that differ only in case stay distinct, and numbers stay names."""
    data_type = case.data_type()
    names = case.draw(field_values.several_field_names, "names")
    reserved = "_id" if data_type == BSON else "id"
    other = "id" if data_type == BSON else "_id"
    fields = {name: number for number, name in enumerate([*names, other]) if name != reserved}
    nested = {"by number": {"0": "a", "1": "b"}, "by id": {"id": "a", "_id": "b"}}
    round_trip(case, data_type, {**fields, **nested})


_SPECIAL_NAMES = ["a.b", "$set", "$a", "", ".", "a.", "$ref", "$oid", "$numberLong", "x\u0001", "n" * 200]


_SPECIAL_DOCUMENTS: list[dict[str, object]] = [
    {"$ref": "c", "$id": 5},
    {"$oid": "64736e632d6b69742d696431"},
    {"$numberLong": "5"},
    {"$date": "2020-01-02T03:04:05Z"},
    {"$binary": {"base64": "YQ==", "subType": "00"}},
]
"""Documents of texts that some libraries take for values of other types."""

_RESERVED_NAMES: list[tuple[str, object]] = [
    *(("_deleted", True), ("__deleted", "true"), ("deleted", True), ("op", "d"), ("before", None), ("after", None)),
    *(("_version", 1), ("_rev", "1-a"), ("_ts", 1), ("_source", {"a": 1}), ("ttl", 1), ("expireAt", "2001-01-01")),
    *(("select", "x"), ("group", "x"), ("constructor", "x"), ("length", 3), ("toString", "x"), ("data", "x")),
]
"""Fields that some stores, formats of change events and languages use themselves, each with a value that they have."""


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

    So do names that stores use themselves, and documents that look like Extended JSON or a reference.
    """
    data_type = case.data_type()
    if not case.holding(data_type).free:
        raise case.does_not_apply("its schema fixes the fields")
    names = case.draw(choosing.some(_SPECIAL_NAMES), "names")
    tried = [fields for name in names for fields in ({name: "1"}, {"v": {name: "1"}})]
    tried += [{"v": document} for document in case.draw(choosing.some(_SPECIAL_DOCUMENTS), "documents")]
    tried.append(dict(case.draw(choosing.some(_RESERVED_NAMES), "reserved names")))
    for fields in tried:
        # One refusal says nothing about the other names.
        with contextlib.suppress(Inapplicable):
            round_trip(case, data_type, fields, may_refuse=True)


@rule(
    "encoding/deep",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="nested documents are flattened, cut, or written by a function that recurses too deeply",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
    examples=0.44,
)
def deep(case: Case) -> None:
    """Documents and arrays nested 40 levels deep come back; 100 levels deep they may be refused."""
    if case.showing.lacks(FeatureKind.DEEP):
        raise case.decline("it refuses documents that are nested deeply")
    data_type = case.data_type()
    depth = case.draw(st.sampled_from([5, _DEPTH, 100]), "depth")
    arrays = case.draw(st.booleans(), "arrays")
    value: Any = "bottom"
    for _ in range(depth):
        value = [value] if arrays else {"d": value}
    round_trip(case, data_type, {"v": value}, may_refuse=depth > _DEPTH)


@rule(
    "encoding/wide",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="fields beyond a limit are dropped, or a long text is cut",
    after=(
        "write/read-back",
        "updates/update-missing",
    ),
    examples=0.28,
)
def wide(case: Case) -> None:
    """A document with 1,000 fields and a text of 100,000 characters (or as many bytes) comes back."""
    data_type = case.data_type()
    fields = {f"field{number}": number for number in range(1000)}
    of_bytes = data_type == BSON and case.draw(st.booleans(), "bytes")
    for size in _TEXTS:  # a store may refuse documents beyond a size
        long: Any = bytes(range(256)) * (size // 256 + 10) if of_bytes else "xé𝄞 " * (size // 4)
        try:
            round_trip(case, data_type, {**fields, "v": long}, may_refuse=True)
        except DoesNotApply:
            raise
        except Inapplicable:
            if size == _TEXTS[-1]:
                raise
        else:
            return


@rule(
    "encoding/documents",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object",
    needs=(Need.SINK, Need.READING),
    hint="a value changes because of its neighbours: see the smallest document",
    after=(
        "write/read-back",
        "updates/update-missing",
        *(scalar.id for scalar in SCALARS),
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
    """Documents with any values, several on a page, come back unchanged."""
    namespace, model = case.loaded(min_size=1, max_size=4)
    case.expect(namespace, model, "the listing of a page of documents")


RULES = (
    empty_and_null,
    array_order,
    field_names,
    special_field_names,
    deep,
    wide,
    documents,
)
