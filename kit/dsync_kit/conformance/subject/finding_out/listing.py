"""Finds out whether anything that was written is listed."""

from dsync_kit.conformance.documents.identifiers import sample_id
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.errors import ConnectorError

__all__ = ["lists_nothing"]


def lists_nothing(access: Access, samples: Samples, known: Known) -> bool:
    """Whether, after an unlisted first document, nothing of several pages with ids of all kinds is listed."""
    if not samples.unseen or not known.makes_namespaces:
        return False
    name, data_type = access.namespaces.fresh(), access.declared.types[0]
    holding = known.holding(data_type)
    number = holding.numbered("hidden", 21)
    numbered = [holding.document(number(place), {}) for place in range(21)]
    of_all_kinds = [holding.document(sample_id(kind), {}) for kind in holding.kinds]
    try:
        for page in (of_all_kinds, numbered[:20], numbered[20:]):
            access.data.load(name, page, data_type, driver=access.driver)
            access.remembered.keep(name, data_type, page)
        return not access.data.read(name, data_type, driver=access.driver)
    except (ConnectorError, Violation):
        return False  # the rules will meet it again
