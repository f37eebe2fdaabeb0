"""Whether a connector, and the way it is run, offer what a rule needs."""

from collections.abc import Callable, Sequence

from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.finding_out.streaming_only import ONLY_STREAMS
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, Capabilities, DataType

__all__ = ["lacking", "no_known_document", "offers"]

_SAY_SO = (Owner.PLAN_PARTITIONS, Owner.LIST_COMPLETE, Owner.WRITE_READ_BACK)
"""The rules that fail if nothing that was written is listed: no others need to run."""

_OTHER_FORMS = "the given namespaces hold different documents: name two that hold the same"

_SHOWN = frozenset({Need.LISTING, Need.LOADING, Need.CHANGING, Need.READING})


def lacking(subject: Subject, needs: Sequence[Need], rule: str = "") -> str:
    """Why a rule with these needs and this id does not apply to a connector; empty if it does."""
    need = next((need for need in needs if not offers(subject, need)), None)
    if need is Need.DELETING and subject.found.vain_deletes:
        return "" if rule == Owner.DELETES else f"it deletes nothing, as {Owner.DELETES} shows"
    if need is None and not _SHOWN.isdisjoint(needs) and not subject.found.shows and rule not in _SAY_SO:
        return "nothing that was written is listed"
    match need:
        case None:
            return ""
        case Need.LOADING | Need.CHANGING | Need.READING if not subject.declared.accepts:
            return no_known_document(subject)
        case Need.CHANGING if subject.found.copies_only:
            return Need.APPLYING.value
        case Need.LISTING | Need.READING if subject.declared.only_streams:
            return ONLY_STREAMS
        case Need.LISTING | Need.UPDATES if not subject.declared.is_source:
            return Need.SOURCE.value
        case Need.LOADING | Need.CHANGING if subject.declared.is_sink and not subject.declared.can_read:
            return Need.READING.value
        case Need.TWO_NAMESPACES if len(subject.namespaces.offered) > 1:
            return _OTHER_FORMS
        case Need.OTHER_DATA if subject.target.elsewhere is not None:
            return "another scratch area has only the namespaces that conformance.py names, without others"
        case Need.SECOND_INSTANCE | Need.ELSEWHERE if subject.target.second is not None:
            return f"a second instance cannot run beside the first one ({subject.instances.alone})"
        case _:
            return need.value


def no_known_document(subject: Subject) -> str:
    """Why rules that write do not run if the schema of no namespace is declared or found out."""
    for name, reason in subject.found.unknown.items():
        shown = "a new namespace" if name == EVERY_NAMESPACE else name
        return f"no document is known that {shown} accepts: {reason}"
    return "no document is known that it accepts: declare what its namespaces hold with --documents"


def offers(subject: Subject, need: Need) -> bool:
    """Whether the connector, and the way it is run, offer what a rule needs."""
    return _OFFERS[need](subject)


def _source(subject: Subject) -> Capabilities.Source:
    return subject.declared.info.capabilities.source


def _speaks(subject: Subject, data_type: DataType) -> bool:
    declared = subject.declared
    return data_type in (declared.types or declared.source_types or declared.sink_types)


def _harness_offers(subject: Subject, method: str) -> bool:
    return subject.target.harness is not None and subject.target.harness.offers(method)


_OFFERS: dict[Need, Callable[[Subject], bool]] = {
    Need.SOURCE: lambda subject: subject.declared.is_source,
    Need.SINK: lambda subject: subject.declared.is_sink,
    Need.NO_SOURCE: lambda subject: not subject.declared.is_source,
    Need.NO_SINK: lambda subject: not subject.declared.is_sink,
    Need.LISTING: lambda subject: (
        subject.declared.is_source and subject.declared.can_read and bool(subject.declared.loads or subject.existing())
    ),
    Need.LOADING: lambda subject: subject.declared.loads,
    Need.CHANGING: lambda subject: subject.declared.can_change and subject.declared.loads,
    Need.APPLYING: lambda subject: not subject.found.copies_only,
    Need.DELETING: lambda subject: subject.found.deletes,
    Need.READING: lambda subject: subject.declared.can_read and subject.declared.loads,
    Need.UPDATES: lambda subject: subject.found.streams,
    Need.FINITE: lambda subject: not (subject.declared.can_change and subject.declared.loads),
    Need.LSN: lambda subject: _source(subject).lsn_stream,
    Need.NO_LSN: lambda subject: not _source(subject).lsn_stream,
    Need.GET_BY_IDS: lambda subject: _source(subject).get_by_ids,
    Need.NO_GET_BY_IDS: lambda subject: not _source(subject).get_by_ids,
    Need.MULTI_NAMESPACE_PLAN: lambda subject: _source(subject).multi_namespace_plan,
    Need.DEFAULT_PLAN: lambda subject: _source(subject).default_plan,
    Need.BSON: lambda subject: _speaks(subject, DATA_TYPE_MONGO_BSON),
    Need.JSON: lambda subject: _speaks(subject, DATA_TYPE_JSON_ID),
    Need.TWO_TYPES: lambda subject: len({*subject.declared.source_types, *subject.declared.sink_types}) > 1,
    Need.TWO_NAMESPACES: lambda subject: (
        subject.found.makes_namespaces or any(len(family.names) > 1 for family in subject.families)
    ),
    Need.SEVERAL_FORMS: lambda subject: sum(family.schema is not None for family in subject.families) > 1,
    Need.SCHEMA: lambda subject: any(family.schema is not None for family in subject.families),
    Need.IN_PROCESS: lambda subject: subject.target.connector is not None,
    Need.SECOND_INSTANCE: lambda subject: subject.target.second is not None and not subject.instances.alone,
    Need.ELSEWHERE: lambda subject: (
        subject.target.second is not None and (not subject.instances.alone or subject.target.stop is not None)
    ),
    Need.OTHER_DATA: lambda subject: subject.target.elsewhere is not None and subject.offers_own_namespaces,
    Need.CONNECTION: lambda subject: subject.target.connect is not None,
    Need.RESTART: lambda subject: subject.target.process is not None,
    Need.EARLIER: lambda subject: subject.target.process is not None and subject.target.earlier is not None,
    Need.OUTAGE: lambda subject: _harness_offers(subject, "outage"),
    Need.THROTTLE: lambda subject: _harness_offers(subject, "throttle"),
    Need.FOLDER: lambda subject: subject.target.folder is not None,
    Need.SECRETS: lambda subject: subject.target.settings is not None and bool(subject.target.settings.secrets()),
}
