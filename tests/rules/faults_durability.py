"""Connectors that lose what they promised when their process dies."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from dsync_kit.errors import FailedPrecondition, InvalidArgument
from dsync_kit.protocol import DataType, ListDataRequest, StreamUpdatesRequest, WriteDataRequest, WriteUpdatesRequest

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("durability/starts-again", "rare")
class LockIsLeftBehind(Reference):
    """A lock that only an orderly end removes."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if getattr(self.store, "locked_for_writing", False):
            raise FailedPrecondition("another process holds the lock")

    def write_data(self, request: WriteDataRequest) -> Any:
        answer = super().write_data(request)
        self.store.locked_for_writing = len(request.data) == 5  # the writes that come just before the end
        return answer

    def teardown(self) -> None:
        self.store.locked_for_writing = False
        super().teardown()


@broken("durability/id", "rare")
class IdIsOfTheRecovery(Reference):
    """Recovery after a crash begins a new timeline, and the id is that of the timeline."""

    def identity(self) -> str:
        return f"{super().identity()}-{self.store.crashes}"


class _Buffered(Reference):
    """Writes stay in memory, and reach the store when something is read or the connector ends."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.buffer: list[tuple[str, DataType, Sequence[Any]]] = []

    def flush(self) -> None:
        waiting, self.buffer = self.buffer, []
        with self.store.writing():
            for namespace, data_type, changes in waiting:
                super().commit(namespace, data_type, changes)

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        self.buffer.append((namespace, data_type, changes))

    def generate_plan(self, request: Any) -> Any:
        self.flush()
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        self.flush()
        return super().list_data(request)

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        self.flush()
        return super().stream_updates(request, context)

    def teardown(self) -> None:
        self.flush()
        super().teardown()


@broken("durability/write-data", "rare")
class PagesAreBuffered(_Buffered):
    """Pages wait in memory for a full batch."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        waiting, self.buffer = self.buffer, []
        answer = super().write_updates(request)
        self.flush()
        self.buffer = waiting
        return answer


@broken("durability/write-updates", "rare")
class UpdatesAreBuffered(_Buffered):
    """Updates wait in memory for a full batch."""

    def write_data(self, request: WriteDataRequest) -> Any:
        waiting, self.buffer = self.buffer, []
        answer = super().write_data(request)
        self.flush()
        self.buffer = waiting
        return answer


@broken("durability/plan", "rare")
class PartitionsAreInMemory(Reference):
    """A partition's cursor is a number in a table shared by the instances of a process."""

    def partition_cursor(self, index: int, count: int) -> bytes:
        return b"%d " % self.store.crashes + super().partition_cursor(index, count)

    def list_data(self, request: ListDataRequest) -> Any:
        process, _, request.partition.cursor = request.partition.cursor.partition(b" ")
        if process != b"%d" % self.store.crashes:
            raise InvalidArgument("unknown partition")
        return super().list_data(request)


@broken("durability/cursor", "rare")
class PlanPositionIsInMemory(Reference):
    """The plan's position is a number in a table of the process; those of messages are not."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.plans: dict[bytes, bytes] = {}

    def updates_partitions(self, requested: Sequence[str]) -> Any:
        found = super().updates_partitions(requested)
        for partition in found:
            handle = uuid4().hex.encode()
            self.plans[handle] = partition.cursor
            partition.cursor = handle
        return found

    def stream_start(self, data: bytes) -> int:
        if len(data) == 32 and data not in self.plans:
            return int(self.store.end)  # unknown: from now on
        return int(super().stream_start(self.plans.get(data, data)))


@broken("durability/resume", "rare")
class SentPositionIsInMemory(Reference):
    """The positions of messages are numbers in a table of the process; the plan's is not."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.positions: dict[bytes, bytes] = {}

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Any:
        for message in super().messages(sequence, entries, wanted, data_type):
            handle = uuid4().hex.encode()
            self.positions[handle] = message.next_cursor
            message.next_cursor = handle
            yield message

    def stream_start(self, data: bytes) -> int:
        return int(super().stream_start(self.positions.get(data, data)))
