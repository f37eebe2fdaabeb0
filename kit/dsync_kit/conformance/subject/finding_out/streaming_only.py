"""Finds out whether a source can only be streamed: a topic, or a feed of changes, has nothing to list."""

from collections.abc import Sequence

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.subject.data import DECLINING_CODES
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import Partition

__all__ = ["ONLY_STREAMS", "only_streams"]

ONLY_STREAMS = "it can only be streamed: ListData answers UNIMPLEMENTED, and its plans have no partitions"
"""Why no rule lists such a source."""


def only_streams(access: Access) -> bool:
    """Whether ListData answers UNIMPLEMENTED, and plans have updates, but no partitions.

    A plan without partitions whose ListData is implemented is a fault instead.
    """
    declared, namespaces, driver = access.declared, access.namespaces, access.driver
    if not declared.is_source or not declared.source_types:
        return False
    name = namespaces.offered[0] if namespaces.offered else namespaces.beside("unknown")
    try:
        driver.page(Partition(namespace=name), declared.source_types[0])
    except ConnectorError as error:
        if error.code is not StatusCode.UNIMPLEMENTED:
            return False
    else:
        return False
    asked = [] if declared.info.capabilities.source.default_plan and not namespaces.offered else [name]
    return _streams(driver, asked) and not _has_partitions(driver, asked)


def _streams(driver: Driver, asked: Sequence[str]) -> bool:
    try:
        return bool(driver.plan(asked, initial_sync=False, updates=True).updates_partitions)
    except ConnectorError:
        return False


def _has_partitions(driver: Driver, asked: Sequence[str]) -> bool:
    try:
        return bool(driver.plan(asked, initial_sync=True).partitions)
    except ConnectorError as error:
        return error.code not in DECLINING_CODES
