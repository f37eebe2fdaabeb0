"""A connector's plan, and how its partitions become Spark's."""

import heapq
from collections.abc import Sequence

from dsync_kit.errors import UsageError
from dsync_kit.flow.listing import strip
from dsync_kit.flow.negotiation import End
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetInfoResponse,
    Partition,
)
from dsync_kit.protocol.names import type_name
from dsync_kit.spark.failures import refused

__all__ = ["plan", "shares", "sink_types", "source_info", "source_type"]

_TYPES: dict[str, DataType] = {"bson": DATA_TYPE_MONGO_BSON, "json": DATA_TYPE_JSON_ID}


def source_info(end: End) -> GetInfoResponse:
    """The answer to GetInfo of a connector that is to be read. Raises UsageError if it is not a source."""
    with refused(end, "GetInfo"):
        info = end.info()
    if not info.capabilities.HasField("source"):
        raise UsageError(f"{end.title} is not a source: it can only be written to")
    return info


def sink_types(end: End) -> list[DataType]:
    """The data types that a connector takes. Raises UsageError if it is not a sink."""
    with refused(end, "GetInfo"):
        info = end.info()
    if not info.capabilities.HasField("sink"):
        raise UsageError(f"{end.title} is not a sink: it can only be read from")
    return list(info.capabilities.sink.supported_data_types)


def source_type(end: End, info: GetInfoResponse, wanted: str | None) -> DataType:
    """The data type to read: the wanted one (`bson`, `json`), else the source's first. Raises UsageError."""
    types = list(info.capabilities.source.supported_data_types)
    if wanted is None:
        return types[0]
    data_type = _TYPES[wanted]
    if data_type not in types:
        names = ", ".join(map(type_name, types))
        raise UsageError(f"{end.title} does not give {type_name(data_type)} documents: it gives {names}")
    return data_type


def plan(
    end: End, info: GetInfoResponse, namespaces: Sequence[str], *, initial_sync: bool, updates: bool
) -> GeneratePlanResponse:
    """The plan for these namespaces, or for all; of a source that plans one at a time, one plan after another.

    Raises UsageError if a source needs the names of its namespaces, CallFailed if it refuses.
    """
    capabilities = info.capabilities.source
    if not namespaces and not capabilities.default_plan:
        raise UsageError(f"{end.title} cannot say which namespaces it has: name them with the option 'namespace'")
    whole = GeneratePlanResponse()
    groups = [list(namespaces)]
    if len(namespaces) > 1 and not capabilities.multi_namespace_plan:
        groups = [[namespace] for namespace in namespaces]
    for group in groups:
        request = GeneratePlanRequest(namespaces=group, initial_sync=initial_sync, updates=updates)
        with refused(end, f"GeneratePlan({', '.join(group) or 'all namespaces'})"):
            whole.MergeFrom(end.api.generate_plan(request))
    return whole


def shares(partitions: Sequence[Partition], most: int | None) -> list[list[Partition]]:
    """The partitions in at most so many groups of about the same size, each stripped as dsync sends it."""
    if most is None or most >= len(partitions):
        return [[strip(partition)] for partition in partitions]
    groups: list[list[Partition]] = [[] for _ in range(most)]
    heap = [(0, number) for number in range(most)]
    for partition in sorted(partitions, key=lambda each: each.estimated_count, reverse=True):
        size, number = heapq.heappop(heap)
        groups[number].append(strip(partition))
        heapq.heappush(heap, (size + max(1, partition.estimated_count), number))
    return groups
