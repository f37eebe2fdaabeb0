"""Documents that do not fit a namespace's schema are refused as a whole, or kept exactly."""

from collections.abc import Sequence

from bson import Int64, ObjectId
from hypothesis import strategies as st

from dsync_kit.conformance.calls.transcript import show_document
from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule, rule
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.documents.misfits import Misfit, MisfitKind, rules_out, several_misfits
from dsync_kit.conformance.documents.strategies import id_value, make_document, some
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode, encode, id_of, same_document
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, UPDATE_TYPE_UPDATE, DataType, Update

__all__ = ["RULES"]

_SENTENCE = "They refuse other documents as a whole …, and never silently drop, cut or convert anything."
_NEEDS = (Need.SINK, Need.READING, Need.SCHEMA)
_AFTER = ("write/read-back", "write/accepts", "write/overwrites")

_ALONE = {
    MisfitKind.UNKNOWN_FIELD: "schema/unknown-field",
    MisfitKind.MISSING_FIELD: "schema/missing-field",
    MisfitKind.NULL: "schema/null",
    MisfitKind.OTHER_TYPE: "schema/other-type",
    MisfitKind.TEXT_TOO_LONG: "schema/text-length",
    MisfitKind.TEXT_TOO_SHORT: "schema/text-length",
    MisfitKind.OTHER_FORM: "schema/text-form",
    MisfitKind.NUL: "schema/text-form",
    MisfitKind.NOT_LISTED: "schema/listed-values",
    MisfitKind.OUT_OF_RANGE: "schema/number-range",
    MisfitKind.TOO_MANY_DIGITS: "schema/digits",
    MisfitKind.REPEATS_NOT: "schema/repeated-id",
}
"""The rule on single documents that do not fit in this way: what fails there isn't a fault of pages or updates."""


def _filling(case: Case, data_type: DataType, kinds: Sequence[MisfitKind] = (), *, ids: bool = False) -> Filling:
    """What the example's namespaces hold: of several, such as rule something out in one of these ways."""

    def rules_some_out(holding: Holding) -> bool:
        return isinstance(holding, Filling) and (not kinds or rules_out(holding, kinds, ids=ids))

    case.prefer(data_type, rules_some_out)
    holding = case.holding(data_type)
    if not isinstance(holding, Filling):
        raise case.does_not_apply("there is no schema of its namespace")
    return holding


def _misfits(
    case: Case, filling: Filling, kinds: Sequence[MisfitKind], *, ids: bool = False, most: int = 64
) -> list[Misfit]:
    """Documents that do not fit in one of these ways. Raises Inapplicable if the schema rules out none."""
    judged = [kind for kind in kinds if not case.showing.lacks(FeatureKind.MISFIT, kind)]
    found = several_misfits(filling, judged, ids=ids, most=most)
    if found is None:
        raise case.does_not_apply(f"its schema rules out no {' and no '.join(kinds)}")
    return case.draw(found, "what does not fit", show=lambda misfit: misfit.reason)


def _own_both(case: Case, namespace: str, wrong: Sequence[Misfit], data_type: DataType) -> None:
    """Have documents removed even if the store writes them under the value of a field that should repeat the id."""
    for misfit in wrong:
        if misfit.kind is MisfitKind.REPEATS_NOT:
            other = decode(misfit.document, data_type)[misfit.field]
            case.own(namespace, data_type, [case.document(other, {}, data_type)])


def _owner(wrong: Sequence[Misfit], taken: Sequence[bytes], own: str) -> str:
    """The rule on the first document that was accepted although it does not fit, or `own`."""
    return next((_ALONE[misfit.kind] for misfit in wrong if misfit.document in taken), own)


def _reasons(misfits: Sequence[Misfit]) -> str:
    return "; ".join(misfit.reason for misfit in misfits[:3])


def _control(case: Case, namespace: str, filling: Filling) -> bytes:
    """A document that fits, and is written before all others: if it comes back changed, misfits are not to blame."""
    control = case.document(filling.sample_id(), {"n": 0}, filling.data_type)
    case.write(namespace, [control], filling.data_type)
    return control


def _owns(own: str, listed: Sequence[bytes], control: bytes, data_type: DataType) -> str:
    return own if any(same_document(found, control, data_type) for found in listed) else ""


def _compare(case: Case, namespace: str, model: Model, what: str, own: str, control: bytes) -> None:
    """Raise Violation unless the namespace equals the model. The rule `own` owns it, if the control is unchanged."""

    def look() -> None:
        listed = case.read(namespace, model.data_type, expected=len(model.documents))
        model.check(listed, what=what, owner=_owns(own, listed, control, model.data_type))

    case.checks += 1
    case.settled(look)


def _outside(name: str, summary: str, hint: str, *kinds: MisfitKind, ids: bool = False) -> Rule:
    own = f"schema/{name}"

    def check(case: Case) -> None:
        data_type = case.data_type()
        filling = _filling(case, data_type, kinds, ids=ids)
        wrong = _misfits(case, filling, kinds, ids=ids)
        namespace = case.namespace()
        _own_both(case, namespace, wrong, data_type)
        control = _control(case, namespace, filling)
        model = Model(data_type, [control])
        if not ids and case.draw(st.booleans(), "the ids are there"):
            there = [case.document(misfit.identifier, {"n": 1}, data_type) for misfit in wrong]
            case.write(namespace, there, data_type)
            model.write(there)
        taken = []
        for misfit in wrong:
            try:
                case.write(namespace, [misfit.document], data_type)
            except ConnectorError as error:
                expect_final(case, error, f"a document that does not fit ({misfit.reason})")
            else:
                model.write([misfit.document])
                taken.append(misfit)
        what = f"OK for {_reasons(taken)}" if taken else f"a refusal ({_reasons(wrong)})"
        _compare(case, namespace, model, f"the listing after {what}", own, control)

    check.__doc__ = summary
    return rule(own, _SENTENCE, needs=_NEEDS, hint=hint, after=_AFTER, examples=0.6)(check)


@rule(
    "schema/page",
    _SENTENCE,
    needs=_NEEDS,
    hint="the page is answered with OK, but the documents that failed are left out",
    after=(*_AFTER, "write/several-pages"),
    examples=0.6,
)
def page(case: Case) -> None:
    """A page with a document that does not fit is written whole if accepted, and changes nothing if refused."""
    data_type = case.data_type()
    filling = _filling(case, data_type)
    known = [kind for kind in MisfitKind if rules_out(filling, [kind])]
    if not known:
        raise case.does_not_apply("its schema rules nothing out")
    namespace = case.namespace()
    control = _control(case, namespace, filling)
    model = Model(data_type)
    refused: list[bytes] = []
    why: list[Misfit] = []
    for number, kind in enumerate(case.draw(some(known), "pages with")):
        wrong = _misfits(case, filling, [kind], most=1)
        good = case.numbered(case.draw(st.integers(1, 4), "documents that fit"), data_type, prefix=f"good{number}-")
        _own_both(case, namespace, wrong, data_type)
        place = case.draw(st.integers(0, len(good)), "place")
        documents = [*good[:place], wrong[0].document, *good[place:]]
        why += wrong
        try:
            case.write(namespace, documents, data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a page with a document that does not fit ({wrong[0].reason})")
            refused += good
        else:
            model.write(documents)
    taken = list(model.documents.values())
    own = _owner(why, taken, "schema/page")
    _expect_some(case, namespace, refused, data_type, own, and_all=taken, why=_reasons(why), control=control)


@rule(
    "schema/updates",
    _SENTENCE,
    needs=(*_NEEDS, Need.CHANGING),
    hint="an update that fails is skipped, or stripped of what does not fit",
    after=(*_AFTER, "updates/update-missing"),
)
def updates(case: Case) -> None:
    """An update whose document does not fit has its full effect if accepted, and none if refused."""
    data_type = case.data_type()
    filling = _filling(case, data_type)
    wrong = _misfits(case, filling, tuple(MisfitKind), most=6)
    namespace = case.namespace()
    _own_both(case, namespace, wrong, data_type)
    control = _control(case, namespace, filling)
    (good,) = case.numbered(1, data_type, prefix="good")
    alone = case.draw(st.booleans(), "alone in its call")
    before = [] if alone else [Update(id=id_of(good, data_type), type=UPDATE_TYPE_UPDATE, data=good)]
    taken: list[bytes] = []
    for misfit in wrong:
        parts = id_value(misfit.identifier, data_type)
        call = [*before, Update(id=parts, type=UPDATE_TYPE_UPDATE, data=misfit.document)]
        try:
            case.update(namespace, call, data_type)
        except ConnectorError as error:
            expect_final(case, error, f"an update that does not fit ({misfit.reason})")
        else:
            taken += [misfit.document, *([] if alone else [good])]
    own = _owner(wrong, taken, "schema/updates")
    _expect_some(case, namespace, [good], data_type, own, and_all=taken, why=_reasons(wrong), control=control)


_BY_PARTS = (
    *(MisfitKind.MISSING_FIELD, MisfitKind.UNKNOWN_FIELD, MisfitKind.NULL, MisfitKind.OTHER_TYPE),
    *(MisfitKind.TEXT_TOO_LONG, MisfitKind.NUL, MisfitKind.TOO_MANY_DIGITS, MisfitKind.OUT_OF_RANGE),
)
"""The ways in which a change of one field can break a schema."""


@rule(
    "schema/partial-updates",
    _SENTENCE,
    needs=(*_NEEDS, Need.CHANGING),
    hint="unknown fields of a partial update are dropped, or removed fields become null",
    after=(*_AFTER, "updates/partial"),
)
def partial_updates(case: Case) -> None:
    """A partial update that makes a document unfit has its full effect if accepted, and none if refused."""
    data_type = case.data_type()
    filling = _filling(case, data_type, _BY_PARTS)
    wrong = _misfits(case, filling, _BY_PARTS, most=6)
    namespace = case.namespace()
    control = _control(case, namespace, filling)
    model = Model(data_type, [control])
    there = [case.document(misfit.identifier, {"n": 1}, data_type) for misfit in wrong]
    case.write(namespace, there, data_type)
    model.write(there)
    for misfit, whole in zip(wrong, there, strict=True):
        fields = decode(misfit.document, data_type)
        changes = {misfit.field: fields[misfit.field]} if misfit.field in fields else {}
        unset = [] if changes else [misfit.field]
        update = Update(
            id=id_value(misfit.identifier, data_type),
            type=UPDATE_TYPE_PARTIAL_UPDATE,
            data=encode(changes, data_type),
            partial_update_unset=unset,
        )
        try:
            case.update(namespace, [update], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a partial update after which a document does not fit ({misfit.reason})")
        else:
            after = {
                name: value for name, value in {**decode(whole, data_type), **changes}.items() if name not in unset
            }
            model.write([make_document(after.pop(filling.schema.id_field), after, data_type)])
    what = f"the listing after partial updates ({_reasons(wrong)})"
    _compare(case, namespace, model, what, "schema/partial-updates", control)


@rule(
    "schema/other-ids",
    "A number and a text never name the same document, nor do a date and an integer.",
    needs=(*_NEEDS, Need.CHANGING),
    hint="ids are converted to the key's type before they are looked up",
    after=(*_AFTER, "updates/delete"),
    examples=0.5,
)
def other_ids(case: Case) -> None:
    """A DELETE of an id that only looks like a document's ('5' for 5) leaves the document."""
    data_type = case.data_type()
    filling = _filling(case, data_type)
    values = case.identifiers(data_type, max_size=4)
    alike = [other for value in values for other in _read_alike(value) if not filling.schema.allows_id(other)]
    if not alike:
        raise case.decline("no id of another type looks like one of its own")
    namespace = case.namespace()
    control = _control(case, namespace, filling)
    documents = [case.document(value, {"n": 0}, data_type) for value in values]
    case.write(namespace, documents, data_type)
    for value in alike:
        removal = Update(id=id_value(value, data_type), type=UPDATE_TYPE_DELETE)
        try:
            case.update(namespace, [removal], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"the id {value!r}")
    what = f"the listing after DELETE of {', '.join(map(repr, alike[:3]))}"
    _compare(case, namespace, Model(data_type, [control, *documents]), what, "schema/other-ids", control)


def _read_alike(value: object) -> list[object]:
    """Ids of other types that look like this one."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        return [str(int(value))]
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return [Int64(min(int(value), 2**62))]
    return [str(value)] if isinstance(value, ObjectId) else []


def _expect_some(
    case: Case,
    namespace: str,
    maybe: list[bytes],
    data_type: DataType,
    own: str,
    *,
    control: bytes,
    and_all: Sequence[bytes] = (),
    why: str = "",
) -> None:
    """The listing holds all of `and_all` and perhaps some of the documents, as they were written, and nothing else."""

    # In a namespace of few ids, one that does not fit may have replaced the control.
    all_of_them = list(Model(data_type, [control, *and_all]).documents.values())

    def look() -> None:
        listed = case.read(namespace, data_type, expected=len(maybe))
        allowed = [*maybe, *all_of_them]
        strange = [found for found in listed if not any(same_document(found, known, data_type) for known in allowed)]
        missing = [
            known for known in all_of_them if not any(same_document(found, known, data_type) for found in listed)
        ]
        if strange or missing:
            raise Violation(
                f"acknowledged documents are missing or changed, or refused ones are there ({why})",
                expected=f"{len(all_of_them)} documents, and none but {len(maybe)} others, as they were written",
                seen=f"{len(missing)} missing, {len(strange)} others ({', '.join(map(show_document, strange[:3]))})",
                owner=_owns(own, listed, control, data_type),
                rests_on=Evidence.LISTING,
            )

    case.checks += 1
    case.settled(look)


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
        "texts are trimmed, change case, or lose a NUL, to fit",
        MisfitKind.OTHER_FORM,
        MisfitKind.NUL,
    ),
    _outside(
        "listed-values",
        "A document with a value that the schema does not list is refused, or keeps the value.",
        "the value becomes the most similar one, the first one, or the empty one",
        MisfitKind.NOT_LISTED,
    ),
    _outside(
        "number-range",
        "A document with a number or date out of range is refused, or keeps the value.",
        "numbers are clamped to the nearest bound, or wrap around; NaN becomes null",
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
        "ids are cut, converted, or moved into their range: two become one",
        MisfitKind.OTHER_TYPE,
        MisfitKind.TEXT_TOO_LONG,
        MisfitKind.TEXT_TOO_SHORT,
        MisfitKind.OTHER_FORM,
        MisfitKind.NOT_LISTED,
        MisfitKind.OUT_OF_RANGE,
        ids=True,
    ),
    page,
    updates,
    partial_updates,
    other_ids,
)
