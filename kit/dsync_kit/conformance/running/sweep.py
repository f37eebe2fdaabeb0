"""Empties namespaces that dead runs left in a store."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError, InvalidArgument, UsageError
from dsync_kit.protocol import UPDATE_TYPE_DELETE, Capabilities, DataType, GetInfoRequest, Update
from dsync_kit.targets.target import OpenTarget

__all__ = ["Swept", "named_like_the_kits", "sweep_namespaces"]

_OURS = re.compile(r"dsynckit_[0-9a-f]{6}\.c[0-9]+|dsynckit[0-9a-f]{6}c[0-9]+")
_SPARE_DOCUMENTS = 1_000_000
_MOST_UPDATES = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How many namespaces contained something, and how many documents were deleted."""

    namespaces: int
    documents: int


def named_like_the_kits(opened: OpenTarget) -> list[str]:
    """The namespaces of the default plan with names that the kit makes up.

    Raises UsageError if the connector has no default plan, ConnectorError if a call fails.
    """
    if not opened.api.get_info(GetInfoRequest()).capabilities.source.default_plan:
        raise UsageError(f"{opened.title} declares no default_plan: it cannot list its namespaces")
    plan = Driver(opened.api).plan()
    return sorted({found.namespace for found in plan.partitions if _OURS.fullmatch(found.namespace)})


def sweep_namespaces(opened: OpenTarget, namespaces: Sequence[str]) -> Swept:
    """Delete every document in these namespaces.

    Raises UsageError if the connector cannot list or delete them, ConnectorError if a call fails.
    """
    capabilities = opened.api.get_info(GetInfoRequest()).capabilities
    types = _types(capabilities)
    if not types:
        raise UsageError(f"{opened.title} cannot both list and write a data type: empty the namespaces without it")
    driver = Driver(opened.api)
    # Each type lists the same documents, except those whose ids differ there.
    deleted = {namespace: max(_emptied(driver, namespace, kind) for kind in types) for namespace in namespaces}
    return Swept(sum(count > 0 for count in deleted.values()), sum(deleted.values()))


def _types(capabilities: Capabilities) -> list[DataType]:
    written = set(capabilities.sink.supported_data_types)
    return [kind for kind in capabilities.source.supported_data_types if kind in written]


def _emptied(driver: Driver, namespace: str, data_type: DataType) -> int:
    """How many documents were deleted."""
    try:
        listed = driver.listing([namespace], data_type, expected=_SPARE_DOCUMENTS)
    except ConnectorError as error:
        if error.code is StatusCode.NOT_FOUND:
            return 0
        raise
    updates = []
    for found, document in listed:
        if found != namespace:
            continue  # of another namespace, which was not requested
        try:
            updates.append(Update(id=id_of(document, data_type), type=UPDATE_TYPE_DELETE))
        except InvalidArgument:
            continue  # not written by the kit
    for start in range(0, len(updates), _MOST_UPDATES):
        driver.write_updates(namespace, updates[start : start + _MOST_UPDATES], data_type)
    return len(updates)
