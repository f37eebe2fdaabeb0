"""Values come back unchanged: every BSON type and JSON value, with its boundaries."""

from bson import Decimal128, Int64
from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule, rule
from dsync_kit.conformance.documents import choosing, field_values
from dsync_kit.conformance.documents.strategies import BSON, JSON
from dsync_kit.conformance.results.outcome import DoesNotApply, Inapplicable
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.encoding.round_trip import in_its_fields, placed, round_trip

__all__ = ["RULES", "SCALARS"]

_TYPES = "respects array order and BSON types (int32 1, int64 1 and double 1.0 are different values)"
_BSON = (Need.SINK, Need.READING, Need.BSON)
_JSON = (Need.SINK, Need.READING, Need.JSON)

_SCHEMA_TYPES = {
    "text": "string",
    "int32": "int",
    "int64": "long",
    "boolean": "bool",
    "object-id": "objectId",
    "binary": "binData",
}
"""The types that have another name in schemas."""


def _bson_rule(kind: str, what: str, hint: str) -> Rule:
    def check(case: Case) -> None:
        if in_its_fields(case, BSON, _SCHEMA_TYPES.get(kind, kind)):
            return
        values = case.draw(field_values.BSON_SEVERAL[kind], "values")
        round_trip(case, BSON, placed(case, values))

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


SCALARS = (
    _bson_rule("text", "Texts of any script, and the empty text,", "text is cut, trimmed, normalised, or not UTF-8"),
    _bson_rule("int32", "Integers of 32 bits", "integers become 64 bits wide, or become doubles"),
    _bson_rule("int64", "Integers of 64 bits", "small integers become 32 bits wide, or large ones become doubles"),
    _bson_rule(
        "double", "Doubles with -0.0, NaN and the infinities", "whole numbers become integers, or NaN becomes null"
    ),
    _bson_rule("boolean", "Booleans", "true and false become 1 and 0"),
    _bson_rule("null", "Nulls", "a field that is null is left out"),
    _bson_rule("object-id", "ObjectIds", "ObjectIds become text"),
    _bson_rule(
        "date",
        "Dates from year 1 to 9999, in milliseconds,",
        "dates are cut to seconds, or shifted to another time zone",
    ),
    _bson_rule("binary", "Binaries with their subtypes", "the subtype is lost, or bytes become text"),
    _bson_rule("decimal", "Decimal128 values with their exponents", "decimals become doubles, or lose trailing zeros"),
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
    examples=0.5,
)
def bson_rare(case: Case) -> None:
    """Rare types and values (regex, code, timestamp, min and max key, far dates) come back, or are refused."""
    kept, refusal = False, None
    for kind in case.draw(choosing.some(sorted(field_values.BSON_RARE)), "kinds"):
        value = case.draw(field_values.BSON_RARE[kind], kind)
        try:
            round_trip(case, BSON, {"v": value}, may_refuse=True)
        except DoesNotApply:
            raise
        except Inapplicable as refused:  # says nothing about the other kinds
            refusal = refused
        else:
            kept = True
    if refusal and not kept:
        raise refusal


@rule(
    "encoding/number-types",
    _TYPES,
    needs=_BSON,
    hint="a number is stored by its value, without its type",
    after=("encoding/bson-int32", "encoding/bson-int64", "encoding/bson-double"),
    examples=0.6,
)
def number_types(case: Case) -> None:
    """The same number as int32, int64, double and decimal stays four different values, as fields and in an array."""
    number = case.draw(st.sampled_from([0, 1, 5, -1, 2**31 - 1]), "number")
    round_trip(case, BSON, placed(case, [number, Int64(number), float(number), Decimal128(str(number))]))


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
    """64-bit JSON numbers keep their value, even beyond 2^53."""
    if not in_its_fields(case, JSON, "int", "long", "double", "decimal"):
        round_trip(case, JSON, placed(case, case.draw(field_values.JSON_SEVERAL["numbers"], "numbers")))


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
    """JSON texts of any script come back unchanged; one with NUL may be refused."""
    if in_its_fields(case, JSON, "string"):
        return
    if case.draw(st.integers(0, 3), "with NUL") == 1:
        round_trip(case, JSON, placed(case, ["a\0b", "\0", "text\0"]), may_refuse=True)
    else:
        round_trip(case, JSON, placed(case, case.draw(field_values.JSON_SEVERAL["text"], "texts")))


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
    """true, false, null and texts that look like literals, numbers or dates come back unchanged."""
    if not in_its_fields(case, JSON, "bool", "null"):
        round_trip(case, JSON, placed(case, case.draw(field_values.JSON_SEVERAL["literals"], "values")))


RULES = (
    *SCALARS,
    bson_rare,
    number_types,
    json_numbers,
    json_text,
    json_literals,
)
