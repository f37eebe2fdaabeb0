"""Whether a connector, and the way it is run, offer what a rule needs."""

from collections.abc import Sequence

from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.finding_out.streaming_only import ONLY_STREAMS
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON

__all__ = ["UNKNOWN", "lacking", "offers"]

UNKNOWN = "nobody knows a document that it accepts: declare what the namespace holds with --documents"
"""Why rules that write do not run if the schema of a namespace is neither declared nor found out."""

_SAY_SO = (Owner.PLAN_PARTITIONS, Owner.LIST_COMPLETE, Owner.WRITE_READ_BACK)
"""The rules that fail if nothing that was written is listed: no others need to run."""

_SHOWN = frozenset({Need.LISTING, Need.LOADING, Need.CHANGING, Need.READING})


def lacking(subject: Subject, needs: Sequence[Need], rule: str = "") -> str:
    """Why a rule with these needs and this id does not apply to a connector; empty if it does."""
    need = next((need for need in needs if not offers(subject, need)), None)
    if need is None and not _SHOWN.isdisjoint(needs) and not subject.found.shows and rule not in _SAY_SO:
        return "nothing that was written is listed"
    match need:
        case None:
            return ""
        case Need.LOADING | Need.CHANGING | Need.READING if not subject.declared.takes:
            return UNKNOWN
        case Need.CHANGING if subject.found.copies_only:
            return Need.APPLYING.value
        case Need.LISTING | Need.READING if subject.declared.only_streams:
            return ONLY_STREAMS
        case Need.LISTING | Need.UPDATES if not subject.declared.is_source:
            return Need.SOURCE.value
        case Need.LOADING | Need.CHANGING if subject.declared.is_sink and not subject.declared.can_read:
            return Need.READING.value
        case Need.SECOND_INSTANCE | Need.ELSEWHERE if subject.target.second is not None:
            return f"a second instance cannot run beside the first one ({subject.alone})"
        case _:
            return need.value


def offers(subject: Subject, need: Need) -> bool:
    """Whether the connector, and the way it is run, offer what a rule needs."""
    target, declared = subject.target, subject.declared
    source = declared.info.capabilities.source
    match need:
        case Need.SOURCE:
            return declared.is_source
        case Need.SINK:
            return declared.is_sink
        case Need.NO_SOURCE:
            return not declared.is_source
        case Need.NO_SINK:
            return not declared.is_sink
        case Need.LISTING:
            return declared.is_source and declared.can_read and bool(declared.loads or subject.existing())
        case Need.LOADING:
            return declared.loads
        case Need.CHANGING:
            return declared.can_change and declared.loads
        case Need.APPLYING:
            return not subject.found.copies_only
        case Need.DELETING:
            return subject.found.deletes
        case Need.READING:
            return declared.can_read and declared.loads
        case Need.UPDATES:
            return subject.found.streams
        case Need.FINITE:
            return not (declared.can_change and declared.loads)
        case Need.LSN:
            return source.lsn_stream
        case Need.NO_LSN:
            return not source.lsn_stream
        case Need.GET_BY_IDS:
            return source.get_by_ids
        case Need.NO_GET_BY_IDS:
            return not source.get_by_ids
        case Need.MULTI_NAMESPACE_PLAN:
            return source.multi_namespace_plan
        case Need.DEFAULT_PLAN:
            return source.default_plan
        case Need.BSON:
            return DATA_TYPE_MONGO_BSON in (declared.types or declared.source_types or declared.sink_types)
        case Need.JSON:
            return DATA_TYPE_JSON_ID in (declared.types or declared.source_types or declared.sink_types)
        case Need.TWO_TYPES:
            return len({*declared.source_types, *declared.sink_types}) > 1
        case Need.TWO_NAMESPACES:
            return subject.found.makes_namespaces or any(len(family.names) > 1 for family in subject.families)
        case Need.SCHEMA:
            return any(family.schema is not None for family in subject.families)
        case Need.IN_PROCESS:
            return target.connector is not None
        case Need.SECOND_INSTANCE:
            return target.second is not None and not subject.alone
        case Need.ELSEWHERE:
            return target.second is not None and (not subject.alone or target.stop is not None)
        case Need.OTHER_DATA:
            return target.elsewhere is not None and not subject.namespaces.offered
        case Need.CONNECTION:
            return target.connect is not None
        case Need.RESTART:
            return target.process is not None
        case Need.EARLIER:
            return target.process is not None and target.earlier is not None
        case Need.OUTAGE:
            return target.harness is not None and target.harness.offers("outage")
        case Need.THROTTLE:
            return target.harness is not None and target.harness.offers("throttle")
        case Need.FOLDER:
            return target.folder is not None
        case Need.SECRETS:
            return target.settings is not None and bool(target.settings.secrets())
