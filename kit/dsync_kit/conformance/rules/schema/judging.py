"""What the rules on documents that do not fit a schema have in common: which ones they write, and how they judge."""

from collections.abc import Callable, Iterator, Sequence

from dsync_kit.conformance.calls.transcript import show_document
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.documents.misfits import Misfit, MisfitKind, rules_out, several_misfits
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode, same_document
from dsync_kit.protocol import DataType

__all__ = [
    "AFTER",
    "NEEDS",
    "SENTENCE",
    "UnfitWrites",
    "each_filling",
    "filling_of",
    "misfits_of",
    "own_both",
    "reasons",
]

SENTENCE = (
    "Typed stores … refuse other documents as a whole with INVALID_ARGUMENT or FAILED_PRECONDITION, and never silently "
    "drop, cut or convert anything."
)
NEEDS = (Need.SINK, Need.READING, Need.SCHEMA)
AFTER = ("write/read-back", "write/accepts", "write/overwrites")

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

_DROPPED = "documents that do not fit are answered with OK, and not written"
_IGNORED = "an error of the store is ignored: the write is answered with OK, but nothing is written"


def filling_of(case: Case, data_type: DataType, kinds: Sequence[MisfitKind] = (), *, ids: bool = False) -> Filling:
    """What the example's namespaces hold: if possible, a schema that rules something out in one of these ways."""
    case.prefer(data_type, _ruling_out(kinds, ids=ids))
    return _filling(case, case.holding(data_type))


def each_filling(
    case: Case, data_type: DataType, kinds: Sequence[MisfitKind] = (), *, ids: bool = False
) -> Iterator[Filling]:
    """The same for most of the tables, one after another."""
    for holding in case.each_holding(data_type, _ruling_out(kinds, ids=ids)):
        yield _filling(case, holding)


def _ruling_out(kinds: Sequence[MisfitKind], *, ids: bool) -> Callable[[Holding], bool]:
    def rules_some_out(holding: Holding) -> bool:
        return isinstance(holding, Filling) and (not kinds or rules_out(holding, kinds, ids=ids))

    return rules_some_out


def _filling(case: Case, holding: Holding) -> Filling:
    if not isinstance(holding, Filling):
        raise case.does_not_apply("its namespace has no schema")
    return holding


def misfits_of(
    case: Case, filling: Filling, kinds: Sequence[MisfitKind], *, ids: bool = False, most: int = 64
) -> list[Misfit]:
    """Documents that do not fit in one of these ways. Raises Inapplicable if the schema rules out none."""
    judged = [kind for kind in kinds if not case.showing.lacks(FeatureKind.MISFIT, kind)]
    found = several_misfits(filling, judged, ids=ids, most=most)
    if found is None:
        raise case.does_not_apply(f"nothing violates its schema in this way: {', '.join(kinds)}")
    return case.draw(found, "what does not fit", show=lambda misfit: misfit.reason)


def own_both(case: Case, namespace: str, wrong: Sequence[Misfit], data_type: DataType) -> None:
    """Have documents removed even if the store writes them under the value of a field that should repeat the id."""
    for misfit in wrong:
        if misfit.kind is MisfitKind.REPEATS_NOT:
            other = decode(misfit.document, data_type)[misfit.field]
            case.own(namespace, data_type, [case.document(other, {}, data_type)])


def reasons(misfits: Sequence[Misfit]) -> str:
    return "; ".join(misfit.reason for misfit in misfits[:3])


class UnfitWrites:
    """Writes of documents that do not fit, to one namespace, judged together at the end.

    `control` fits, and is written before them: if it comes back changed, they are not to blame. `model` is what the
    namespace should hold. `accepted` are the documents that do not fit and were answered with OK, by their bytes.
    """

    def __init__(self, case: Case, filling: Filling, rule: str) -> None:
        self._case = case
        self._rule = rule
        self.namespace = case.namespace()
        self.control = case.document(filling.sample_id(), {"n": 0}, filling.data_type)
        case.write(self.namespace, [self.control], filling.data_type)
        self.model = Model(filling.data_type, [self.control])
        self.accepted: dict[bytes, Misfit] = {}

    def check(
        self,
        what: str,
        *,
        alone: bool = True,
        before: Sequence[bytes] = (),
        maybe: Sequence[bytes] = (),
        none_of: Sequence[bytes] = (),
    ) -> None:
        """Raise Violation unless the namespace equals the model. The rule owns it, if the control is unchanged.

        `what` has happened before. If the accepted documents were not written `alone`, the rule on such single
        documents owns what is wrong with them. `before` is what was there of the same ids. Of the documents `maybe`,
        any may be there. `none_of` are documents that fit, of pages that were refused as a whole.
        """
        data_type = self.model.data_type

        def unwritten(wrong: Wrong) -> bool:
            """Whether an accepted document is not there: what was there before is, or nothing."""
            if wrong.expected not in self.accepted:
                return False
            return wrong.seen is None or any(same_document(wrong.seen, old, data_type) for old in before)

        def look() -> None:
            listed = self._case.read(self.namespace, data_type, expected=len(self.model.documents))

            def there(document: bytes) -> bool:
                return any(same_document(document, found, data_type) for found in listed)

            if kept := [good for good in none_of if there(good)]:
                raise Violation(
                    f"{what}: a page was refused, and a part of it is kept",
                    expected=f"none of the {len(none_of)} documents of refused pages",
                    seen=f"{len(kept)} of them ({', '.join(map(show_document, kept[:3]))})",
                    rests_on=Evidence.LISTING,
                )
            changed = [
                self.accepted[one] for one in self.model.documents.values() if one in self.accepted and not there(one)
            ]
            expected = self.model.copy()
            expected.write(filter(there, maybe))
            said = f"a document that does not fit ({reasons(changed[:1])}) was accepted" if changed else what
            owner = _ALONE[changed[0].kind] if changed and not alone else self._rule
            owner = owner if there(self.control) else ""
            try:
                expected.check(listed, what=f"{said}, but the listing", owner=owner)
            except Violation as violation:
                if owner and violation.wrong and all(map(unwritten, violation.wrong)):
                    violation.symptom, violation.hint = _DROPPED, _IGNORED
                raise

        self._case.checks += 1
        self._case.settled(look)
