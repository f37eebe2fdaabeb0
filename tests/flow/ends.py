"""Ends of runs in this process: the reference connector in memory, with faults on demand."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext, Connector
from dsync_kit.documents import decode, decode_id, encode, encode_id, id_field
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.engine import FlowOptions, run_flow
from dsync_kit.flow.events import Event, FlowResult
from dsync_kit.flow.negotiation import End
from dsync_kit.flow.state import State
from dsync_kit.flow.transform import TransformClient
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    DataType,
    GeneratePlanRequest,
    ListDataRequest,
    ListDataResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.registry import discover, import_folder, packaged_folder

_FOLDER = packaged_folder("examples") / "reference"
_SETTINGS = import_folder(_FOLDER, "settings").Settings
Reference: Any = import_folder(_FOLDER, "connector").ReferenceConnector


def made(uri: str, *options: str) -> Connector:
    """A bundled connector."""
    connector = next(connector for connector in discover() if connector.matches(uri))
    settings, rest = connector.settings.parse([uri, *options], {})
    assert rest == []
    return connector.create(settings)


def end(connector: Connector, title: str = "end") -> End:
    """A connector as an end of a run."""
    return End(title, LocalClient(connector, copies=False))


def run(
    source: Connector,
    destination: Connector,
    options: FlowOptions | None = None,
    *,
    state: State | None = None,
    stop: CallContext | None = None,
    listener: Callable[[Event], object] | None = None,
    transform: TransformClient | None = None,
) -> FlowResult:
    """A run between two connectors of this process."""
    return run_flow(
        end(source, "the source"),
        end(destination, "the sink"),
        options or FlowOptions(),
        state=state or State(),
        stop=stop or CallContext(),
        listener=listener or [].append,
        transform=transform,
    )


class Ends(Reference):  # type: ignore[misc]
    """The reference connector in memory, whose calls may be made to fail.

    `faults` are, by RPC, the errors that the next calls are answered with. With
    `stream_ends` a stream ends by itself at the end of the log.
    """

    def __init__(self, *, page_size: int = 10, partitions: int = 2) -> None:
        super().__init__(_SETTINGS(uri="reference://", page_size=page_size, partitions=partitions))
        self.faults: dict[str, list[ConnectorError]] = defaultdict(list)
        self.page_writes: list[WriteDataRequest] = []
        self.update_writes: list[WriteUpdatesRequest] = []
        self.listings: list[ListDataRequest] = []
        self.plans: list[GeneratePlanRequest] = []
        self.stream_ends = False
        self._calls = threading.Lock()

    def fail(self, rpc: str) -> None:
        with self._calls:
            error = self.faults[rpc].pop(0) if self.faults[rpc] else None
        if error is not None:
            raise error

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.listings.append(request)
        self.fail("list_data")
        answer: ListDataResponse = super().list_data(request)
        return answer

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        self.plans.append(request)
        self.fail("generate_plan")
        return super().generate_plan(request)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.page_writes.append(request)
        self.fail("write_data")
        answer: WriteDataResponse = super().write_data(request)
        return answer

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.update_writes.append(request)
        self.fail("write_updates")
        answer: WriteUpdatesResponse = super().write_updates(request)
        return answer

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[StreamUpdatesResponse]:
        self.fail("stream_updates")
        end = self.store.end
        if not self.stream_ends:
            yield from super().stream_updates(request, context)
            return
        inner = CallContext()
        sequence = self.stream_start(request.cursor)
        while sequence < end and not context.cancelled:
            entries = self.entries_after(sequence, inner)
            yield from self.messages(sequence, entries, frozenset(request.namespaces), request.type)
            sequence += len(entries)

    def fill(
        self, namespace: str, documents: Sequence[dict[str, Any]], data_type: DataType = DATA_TYPE_MONGO_BSON
    ) -> None:
        """Put documents in."""
        data = [encode(document, data_type) for document in documents]
        super().write_data(WriteDataRequest(namespace=namespace, data=data, type=data_type))

    def change(self, namespace: str, updates: Sequence[Update], data_type: DataType = DATA_TYPE_MONGO_BSON) -> None:
        """Apply updates."""
        super().write_updates(WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type))

    def contents(self, namespace: str, data_type: DataType = DATA_TYPE_MONGO_BSON) -> dict[Any, dict[str, Any]]:
        """The documents by their id."""
        found = {}
        for partition in (
            super().generate_plan(GeneratePlanRequest(namespaces=[namespace], initial_sync=True)).partitions
        ):
            cursor = b""
            while True:
                request = ListDataRequest(partition=partition, type=data_type, cursor=cursor)
                page = super().list_data(request)
                for data in page.data:
                    document = decode(data, data_type)
                    found[document[id_field(data_type)]] = document
                cursor = page.next_cursor
                if not cursor:
                    break
        return found


def numbered(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Documents with the ids 0, 1, …"""
    return [{"_id": number, **fields} for number in range(count)]


def upsert(key: Any, **fields: Any) -> Update:
    """An update to a whole BSON document."""
    data = encode({"_id": key, **fields}, DATA_TYPE_MONGO_BSON)
    return Update(id=[encode_id(key)], type=UPDATE_TYPE_UPDATE, data=data)


def delete(key: Any) -> Update:
    """A delete."""
    return Update(id=[encode_id(key)], type=UPDATE_TYPE_DELETE)


def ids(updates: Sequence[Update]) -> list[Any]:
    """The ids of updates."""
    return [decode_id(update.id[0]) for update in updates]


def as_json(data: bytes) -> Any:
    """A JSON document."""
    return json.loads(data)
