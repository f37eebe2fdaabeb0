"""A document that does not fit its namespace's schema is refused, or kept exactly."""

from collections.abc import Sequence

from hypothesis import strategies as st

from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule, rule
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.misfits import MisfitKind
from dsync_kit.conformance.rules.schema.judging import (
    AFTER,
    NEEDS,
    SENTENCE,
    UnfitWrites,
    each_filling,
    misfits_of,
    own_both,
    reasons,
)
from dsync_kit.errors import ConnectorError

__all__ = ["RULES"]


def _outside(name: str, summary: str, hint: str, *kinds: MisfitKind, ids: bool = False) -> Rule:
    own = f"schema/{name}"

    def check(case: Case) -> None:
        data_type = case.data_type()
        for filling in each_filling(case, data_type, kinds, ids=ids):
            _judge(case, filling, own, kinds, ids=ids)

    check.__doc__ = summary
    return rule(own, SENTENCE, needs=NEEDS, hint=hint, after=AFTER, examples=0.6)(check)


def _judge(case: Case, filling: Filling, own: str, kinds: Sequence[MisfitKind], *, ids: bool) -> None:
    """Write documents that do not fit to one of the namespaces, and look what it holds then."""
    data_type = filling.data_type
    wrong = misfits_of(case, filling, kinds, ids=ids)
    writes = UnfitWrites(case, filling, own)
    own_both(case, writes.namespace, wrong, data_type)
    there: list[bytes] = []
    if not ids and case.draw(st.booleans(), "documents with these ids exist"):
        there = [case.document(misfit.identifier, {"n": 1}, data_type) for misfit in wrong]
        case.write(writes.namespace, there, data_type)
        writes.model.write(there)
    for misfit in wrong:
        try:
            case.write(writes.namespace, [misfit.document], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a document that does not fit ({misfit.reason})")
        else:
            writes.model.write([misfit.document])
            writes.accepted[misfit.document] = misfit
    what = f"documents that do not fit ({reasons(wrong)}) were {'written' if writes.accepted else 'refused'}"
    writes.check(what, before=there)


RULES = (
    _outside(
        "unknown-field",
        "A document with a field that is not in the schema is refused, or keeps the field.",
        "the statement contains only known fields, and the others are dropped",
        MisfitKind.UNKNOWN_FIELD,
    ),
    _outside(
        "missing-field",
        "A document that lacks a required field is refused, or still lacks it afterwards.",
        "an omitted column gets its default, NULL, or keeps its previous value",
        MisfitKind.MISSING_FIELD,
    ),
    _outside(
        "null",
        "A document with a null that the schema forbids is refused, or keeps the null.",
        "null becomes a default, or its row is left out",
        MisfitKind.NULL,
    ),
    _outside(
        "other-type",
        "A document with a value of the wrong type is refused, or keeps value and type.",
        "the store converts: '5' becomes 5, 5.5 becomes 5, int32 becomes int64, 1 becomes true",
        MisfitKind.OTHER_TYPE,
    ),
    _outside(
        "text-length",
        "A document with a text that is too long or too short is refused, or keeps the whole text.",
        "texts (or just trailing spaces) are cut at the column's length, or padded to it",
        MisfitKind.TEXT_TOO_LONG,
        MisfitKind.TEXT_TOO_SHORT,
    ),
    _outside(
        "text-form",
        "A document with a text that does not match its pattern, or has a NUL, is refused, or keeps the text.",
        "texts are made to fit: they are trimmed, change case, or lose a NUL",
        MisfitKind.OTHER_FORM,
        MisfitKind.NUL,
    ),
    _outside(
        "listed-values",
        "A document with a value that the schema does not list is refused, or keeps the value.",
        "the value is replaced by the most similar one, the first one, or an empty one",
        MisfitKind.NOT_LISTED,
    ),
    _outside(
        "number-range",
        "A document with a number or date out of range is refused, or keeps the value.",
        "numbers are clamped to the nearest bound or wrap around, or NaN becomes null",
        MisfitKind.OUT_OF_RANGE,
    ),
    _outside(
        "digits",
        "A document with a number with too many digits is refused, or keeps all digits.",
        "a column with a scale rounds, or cuts digits off",
        MisfitKind.TOO_MANY_DIGITS,
    ),
    _outside(
        "repeated-id",
        "A document whose field does not repeat the id is refused, or keeps both values.",
        "the row is written under the field's value instead of the id, or the other way around",
        MisfitKind.REPEATS_NOT,
    ),
    _outside(
        "ids",
        "A document with an id of the wrong type, length or range is refused, or stored under exactly that id.",
        "ids are cut, converted, or forced into their range, so two become one",
        MisfitKind.OTHER_TYPE,
        MisfitKind.TEXT_TOO_LONG,
        MisfitKind.TEXT_TOO_SHORT,
        MisfitKind.OTHER_FORM,
        MisfitKind.NOT_LISTED,
        MisfitKind.OUT_OF_RANGE,
        ids=True,
    ),
)
