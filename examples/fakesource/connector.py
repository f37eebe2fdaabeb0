"""A source of documents that exist nowhere, but are the same on every read."""

import hashlib
import random
import threading
import time
from collections.abc import Iterator, Sequence

import orjson

from dsync_kit import __version__
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.documents import encode_id, id_field
from dsync_kit.errors import InvalidArgument, NotFound
from dsync_kit.incoming import check_data_type
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_UPDATE,
    Capabilities,
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdatesPartition,
)

from .cursors import PageCursor, PartitionCursor, UpdatesCursor
from .data import Documents, document_id, picked
from .settings import FakeSourceSettings

__all__ = ["FakeSourceConnector"]

_DATA_TYPES = (DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON)


class FakeSourceConnector(Connector):
    """Lists documents, and streams updates of them."""

    def __init__(self, settings: FakeSourceSettings) -> None:
        self._settings = settings
        self._fields = settings.fields
        self._namespaces = [f"{settings.namespace_prefix}{number}" for number in range(settings.num_namespaces)]
        self._stopped = threading.Event()
        self._random = random.Random()

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        source = Capabilities.Source(supported_data_types=_DATA_TYPES, multi_namespace_plan=True, default_plan=True)
        return GetInfoResponse(
            id=self._identity(), db_type="fakesource", version=__version__, capabilities=Capabilities(source=source)
        )

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        self._check_namespaces([request.namespace])
        return GetNamespaceMetadataResponse(count=self._count())

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        self._check_namespaces(request.namespaces)
        namespaces = list(dict.fromkeys(request.namespaces)) or self._namespaces
        plan = GeneratePlanResponse()
        if request.initial_sync:
            plan.partitions.extend(
                Partition(
                    namespace=namespace,
                    cursor=PartitionCursor(partition=partition).encode(),
                    estimated_count=self._settings.num_docs_per_partition,
                )
                for namespace in namespaces
                for partition in range(self._settings.num_partitions_per_namespace)
            )
        if request.updates:
            plan.updates_partitions.extend(self._updates_partitions(namespaces))
        return plan

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        namespace = request.partition.namespace
        check_data_type(request.type, _DATA_TYPES)
        self._check_namespaces([namespace])
        partition = self._partition(request.partition.cursor)
        start = self._start(request.cursor, partition)
        self._sleep()
        end = min(start + self._settings.batch_size, self._settings.num_docs_per_partition)
        make = Documents(namespace, self._fields, request.type).document
        more = end < self._settings.num_docs_per_partition
        return ListDataResponse(
            data=[make(partition, number) for number in range(start, end)],
            next_cursor=PageCursor(partition=partition, start=end).encode() if more else b"",
        )

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        check_data_type(request.type, _DATA_TYPES)
        self._check_namespaces(request.namespaces)
        cursor = UpdatesCursor.decode(request.cursor)
        self._check_namespaces(cursor.namespaces)
        duration = self._settings.update_duration.total_seconds()
        end = time.monotonic() + duration if duration else None
        while not context.wait(self._settings.stream_tick.total_seconds()):
            if self._stopped.is_set() or (end is not None and time.monotonic() >= end):
                return
            for namespace, first, last in self._runs(cursor):
                cursor = cursor.model_copy(update={"operation": last})
                # What is not asked for is passed over: the cursor counts it all the same.
                wanted = not request.namespaces or namespace in request.namespaces
                updates = self._updates(namespace, cursor, first, last, request.type) if wanted else []
                yield StreamUpdatesResponse(namespace=namespace, updates=updates, next_cursor=cursor.encode())

    def teardown(self) -> None:
        self._stopped.set()

    def _identity(self) -> str:
        """The same for the same documents, however they are delivered."""
        settings = self._settings
        shape = [
            self._namespaces,
            settings.num_partitions_per_namespace,
            settings.num_docs_per_partition,
            self._fields,
        ]
        return hashlib.blake2b(orjson.dumps(shape, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()

    def _count(self) -> int:
        return self._settings.num_partitions_per_namespace * self._settings.num_docs_per_partition

    def _updates_partitions(self, namespaces: Sequence[str]) -> Iterator[UpdatesPartition]:
        shares = self._settings.num_update_partitions_per_namespace
        groups = [[namespace] for namespace in namespaces] if shares else [list(namespaces)]
        for group in groups:
            for share in range(shares or 1):
                cursor = UpdatesCursor(
                    namespaces=tuple(group), share=share, shares=shares or 1, run=self._settings.update_batch_size
                )
                yield UpdatesPartition(namespaces=group, cursor=cursor.encode())

    def _partition(self, data: bytes) -> int:
        partition = PartitionCursor.decode(data).partition
        if partition >= self._settings.num_partitions_per_namespace:
            raise InvalidArgument(f"there is no partition {partition}: they are numbered from 0")
        return partition

    def _start(self, data: bytes, partition: int) -> int:
        if not data:
            return 0
        cursor = PageCursor.decode(data)
        if cursor.partition != partition:
            raise InvalidArgument(f"the page cursor is of partition {cursor.partition}, not {partition}")
        return cursor.start

    def _runs(self, cursor: UpdatesCursor) -> Iterator[tuple[str, int, int]]:
        """The operations of one tick: a namespace, the first operation, and the one after the last."""
        position, end = cursor.operation, cursor.operation + self._settings.max_updates_per_tick
        if not self._share_size(cursor):
            return
        while position < end:
            number = position // cursor.run
            last = min(end, (number + 1) * cursor.run)
            yield cursor.namespaces[number % len(cursor.namespaces)], position, last
            position = last

    def _share_size(self, cursor: UpdatesCursor) -> int:
        """How many documents of each namespace a share has."""
        return len(range(cursor.share, self._count(), cursor.shares))

    def _updates(
        self, namespace: str, cursor: UpdatesCursor, first: int, last: int, data_type: DataType
    ) -> list[Update]:
        documents = Documents(namespace, self._fields, data_type)
        size, name = self._share_size(cursor), id_field(data_type)
        updates = []
        for operation in range(first, last):
            place = cursor.share + cursor.shares * picked(operation, size)
            partition, number = divmod(place, self._settings.num_docs_per_partition)
            key = encode_id(document_id(partition, number), name)
            data = documents.revised(partition, number, operation + 1)
            updates.append(Update(id=[key], type=UPDATE_TYPE_UPDATE, data=data))
        return updates

    def _check_namespaces(self, namespaces: Sequence[str]) -> None:
        for namespace in namespaces:
            if namespace not in self._namespaces:
                first, last = self._namespaces[0], self._namespaces[-1]
                raise NotFound(f"there is no namespace {namespace!r}: there are {first!r} to {last!r}")

    def _sleep(self) -> None:
        seconds = self._settings.sleep.total_seconds()
        jitter = self._settings.jitter.total_seconds()
        if seconds or jitter:
            self._stopped.wait(seconds + self._random.uniform(0, jitter))
