"""What the kit saw changed while it found out what a namespace holds."""

from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.choosing import most
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.rules.schema.judging import AFTER, NEEDS
from dsync_kit.conformance.rules.schema.single import RULES as SINGLE
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import ConnectorError

__all__ = ["RULES"]


@rule(
    "schema/acknowledged",
    "what comes back must be what was acknowledged, or the write must be refused",
    needs=NEEDS,
    hint="some values of a column are converted, cut or dropped: refuse them, or keep them",
    after=(*AFTER, *(rule.id for rule in SINGLE)),
    examples=0.28,
)
def acknowledged(case: Case) -> None:
    """Documents that came back changed when the kit found out what fits are refused, or kept exactly."""
    data_type = case.data_type()
    if not any(_altered(family.holding(data_type)) for family in case.subject.families):
        raise case.does_not_apply("no document came back changed when the kit found out what fits")
    for holding in case.each_holding(data_type, lambda holding: bool(_altered(holding))):
        documents = case.draw(most(_altered(holding)), "documents")
        namespace, model = case.namespace(), Model(data_type)
        for document in documents:
            try:
                case.write(namespace, [document], data_type)
            except ConnectorError as error:
                expect_final(case, error, "a document that was acknowledged before")
            else:
                model.write([document])
        case.expect(namespace, model, "the listing of acknowledged documents")


def _altered(holding: Holding) -> tuple[bytes, ...]:
    return holding.schema.altered if isinstance(holding, Filling) else ()


RULES = (acknowledged,)
