"""Finds out whether plans have updates."""

from collections.abc import Sequence
from contextlib import suppress

from dsync_kit.conformance.subject.data import DECLINING_CODES
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.found import FirstPlan
from dsync_kit.errors import ConnectorError

__all__ = ["first_plan", "plans_updates"]


def first_plan(access: Access) -> FirstPlan | None:
    """Plan the updates of a namespace before anything is written: the log of changes may not exist yet."""
    if not (access.declared.is_source and access.declared.written_types):
        return None
    name = next(iter(access.namespaces.offered), "") or access.namespaces.fresh()
    with suppress(ConnectorError):  # an unknown namespace may be refused
        for partition in access.driver.plan([name], initial_sync=False, updates=True).updates_partitions:
            return FirstPlan(name, partition.cursor)
    return None


def plans_updates(access: Access, known: Known) -> bool | None:
    """Whether a plan has updates; None if GeneratePlan fails, so that it remains unknown."""
    if not access.declared.is_source:
        return False
    if access.declared.loads and known.makes_namespaces and known.accepts:
        namespaces = [_loaded(access, known)]
    else:
        namespaces = list(access.namespaces.existing(access.driver)[:1])
    found = [_has_updates(access, namespaces, initial_sync=False)]
    if not found[0]:
        found.append(_has_updates(access, namespaces, initial_sync=True))
    return True if True in found else None if None in found else False


def _loaded(access: Access, known: Known) -> str:
    """A new namespace with a document, unless that is refused: the plan shows it, even if the namespace is empty."""
    name, data_type = access.namespaces.fresh(), access.declared.types[0]
    holding = known.holding(data_type)
    document = holding.document(holding.sample_id(), {})
    with suppress(ConnectorError):
        access.data.load(name, [document], data_type, driver=access.driver)
        access.remembered.keep(name, data_type, [document])
    return name


def _has_updates(access: Access, namespaces: Sequence[str], *, initial_sync: bool) -> bool | None:
    try:
        return bool(access.driver.plan(namespaces, initial_sync=initial_sync, updates=True).updates_partitions)
    except ConnectorError as error:
        return False if error.code in DECLINING_CODES else None
