"""A source that makes its documents up: 20 namespaces of one page each, then a stream of random operations.

Each read of a namespace gives other documents. With `--seed`, the same read gives the same documents in every run:
whatever order the namespaces are read in, since each read has a generator of its own.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from bson import Int64, ObjectId

from dsync_kit import __version__
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.cursors import Cursor
from dsync_kit.documents import encode, encode_id
from dsync_kit.errors import InvalidArgument, NotFound
from dsync_kit.incoming import check_data_type
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    Capabilities,
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
from dsync_kit.settings import ConnectorSettings, Duration, option

__all__ = ["NAMESPACES", "RandomConnector", "RandomSettings"]

NAMESPACES = tuple(f"db{database}.col{collection}" for database in range(1, 11) for collection in (1, 2))


class RandomSettings(ConnectorSettings):
    """The options of `/dev/random`."""

    seed: int | None = option(
        None, help="repeat the documents of another run with this seed; without a seed every run differs"
    )
    docs_per_partition: int = option(500, help="documents in each namespace", ge=0)
    interval: Duration = option(timedelta(seconds=1), help="the time between two operations", gt=timedelta())
    duration: Duration = option(timedelta(minutes=1), help="the length of the stream", ge=timedelta())


class StreamCursor(Cursor):
    """A place in the operations that follow from a seed, so the same place on every instance."""

    seed: int
    operation: int = 0


class RandomConnector(Connector):
    """Lists and streams documents that exist nowhere."""

    def __init__(self, settings: RandomSettings) -> None:
        self._settings = settings
        self._seed = random.SystemRandom().getrandbits(63) if settings.seed is None else settings.seed
        self._reads: Counter[str] = Counter()
        self._lock = threading.Lock()

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        source = Capabilities.Source(
            supported_data_types=[DATA_TYPE_MONGO_BSON], multi_namespace_plan=True, default_plan=True
        )
        return GetInfoResponse(db_type="random", version=__version__, capabilities=Capabilities(source=source))

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        _check_namespaces([request.namespace])
        return GetNamespaceMetadataResponse(count=self._settings.docs_per_partition)

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        _check_namespaces(request.namespaces)
        namespaces = list(dict.fromkeys(request.namespaces)) or NAMESPACES
        plan = GeneratePlanResponse()
        if request.initial_sync:
            count = self._settings.docs_per_partition
            plan.partitions.extend(Partition(namespace=namespace, estimated_count=count) for namespace in namespaces)
        if request.updates:
            cursor = StreamCursor(seed=self._seed).encode()
            plan.updates_partitions.append(UpdatesPartition(namespaces=namespaces, cursor=cursor))
        return plan

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        namespace = request.partition.namespace
        check_data_type(request.type, [DATA_TYPE_MONGO_BSON])
        _check_namespaces([namespace])
        if request.partition.cursor or request.cursor:
            cursor = request.partition.cursor or request.cursor
            raise InvalidArgument(f"not a cursor of /dev/random: {cursor[:64]!r}: each of its partitions is one page")
        with self._lock:
            self._reads[namespace] += 1
            read = self._reads[namespace]
        rng = random.Random(f"{self._seed} {namespace} {read}")
        documents = (_document(rng, ObjectId(rng.randbytes(12))) for _ in range(self._settings.docs_per_partition))
        return ListDataResponse(data=[encode(document, request.type) for document in documents])

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        check_data_type(request.type, [DATA_TYPE_MONGO_BSON])
        _check_namespaces(request.namespaces)
        cursor = StreamCursor.decode(request.cursor)
        total = self._settings.duration // self._settings.interval
        operations = _operations(random.Random(cursor.seed), list(request.namespaces) or NAMESPACES)
        for number, (namespace, update) in enumerate(islice(operations, cursor.operation, total), cursor.operation + 1):
            if context.wait(self._settings.interval.total_seconds()):
                return
            next_cursor = StreamCursor(seed=cursor.seed, operation=number).encode()
            yield StreamUpdatesResponse(
                namespace=namespace, updates=[update], next_cursor=next_cursor, time=datetime.now(UTC)
            )


def _check_namespaces(namespaces: Sequence[str]) -> None:
    for namespace in namespaces:
        if namespace not in NAMESPACES:
            raise NotFound(f"there is no namespace {namespace!r}: there are {NAMESPACES[0]} to {NAMESPACES[-1]}")


def _operations(rng: random.Random, namespaces: Sequence[str]) -> Iterator[tuple[str, Update]]:
    """Endless operations; updates and deletes are of documents that were inserted before."""
    live: list[tuple[str, ObjectId]] = []
    while True:
        kind = rng.choice((UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE)) if live else UPDATE_TYPE_INSERT
        if kind == UPDATE_TYPE_INSERT:
            live.append((rng.choice(namespaces), ObjectId(rng.randbytes(12))))
            index = len(live) - 1
        else:
            index = rng.randrange(len(live))
        namespace, key = live[index]
        if kind == UPDATE_TYPE_DELETE:
            del live[index]
            yield namespace, Update(id=[encode_id(key)], type=kind)
        else:
            data = encode(_document(rng, key), DATA_TYPE_MONGO_BSON)
            yield namespace, Update(id=[encode_id(key)], type=kind, data=data)


def _document(rng: random.Random, key: ObjectId) -> dict[str, Any]:
    words = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven")
    return {
        "_id": key,
        "name": " ".join(rng.choices(words, k=2)),
        "age": rng.randrange(100),
        "visits": Int64(rng.getrandbits(40)),
        "balance": round(rng.uniform(-1000, 1000), 2),
        "active": rng.random() < 0.5,
        "since": datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**9)),
        "tags": rng.sample(words, k=rng.randrange(4)),
        "address": {"street": f"{rng.choice(words)} street {rng.randrange(1, 200)}", "note": None},
    }
