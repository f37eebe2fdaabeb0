"""Samples what a source sends on its own, for connectors whose data the kit cannot change."""

import time

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, StreamUpdatesResponse

__all__ = ["SAMPLE_SECONDS", "changes_by_itself", "sample", "sampled_namespaces"]

_SAMPLED = 40
SAMPLE_SECONDS = 2.0
"""Seconds for which a source's stream is read."""


def changes_by_itself(case: Case) -> bool:
    """Whether a source that the kit cannot write to changes meanwhile, according to its stream."""
    if case.declared.loads or not case.found.streams:
        return False
    try:
        return any(message.updates for messages in sample(case).values() for message in messages)
    except (Violation, ConnectorError):
        return False  # the rules stream/… report what is wrong with it


def sample(case: Case) -> dict[DataType, list[StreamUpdatesResponse]]:
    """Some messages that a source sends on its own, by type. Raises Violation if its stream fails."""
    for data_type in case.declared.source_types:
        if data_type not in case.subject.remembered.sampled:
            case.subject.remembered.sampled[data_type] = _first_messages(case, data_type)
    return case.subject.remembered.sampled


def sampled_namespaces(case: Case) -> list[str]:
    """The namespaces whose stream is sampled; none stands for all."""
    return [] if case.offers(Need.DEFAULT_PLAN) else list(case.subject.existing()[:1])


def _first_messages(case: Case, data_type: DataType) -> list[StreamUpdatesResponse]:
    asked = sampled_namespaces(case)
    cursor = case.driver.updates_partition(asked).cursor
    end = time.monotonic() + SAMPLE_SECONDS
    messages: list[StreamUpdatesResponse] = []
    with case.driver.stream_updates(cursor, asked, data_type) as stream:
        while len(messages) < _SAMPLED and (message := stream.next(max(0.0, end - time.monotonic()))) is not None:
            messages.append(message)
        if stream.error is not None:
            raise Violation(
                "StreamUpdates fails when it is opened with the plan's cursor",
                expected="a stream of updates",
                seen=str(stream.error),
                owner=Owner.STREAM_OPENS,
            )
    return messages
