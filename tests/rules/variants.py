"""Unusual connectors that are correct: no rule may fail them."""

import json
import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Binary, Code, DatetimeMS, MaxKey, MinKey, Regex, Timestamp

from dsync_kit.connector import Connector, StreamContext
from dsync_kit.documents import decode_id, id_field
from dsync_kit.errors import Aborted, InvalidArgument, NotFound, Unavailable, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    Capabilities,
    DataType,
    GeneratePlanRequest,
    GetByIdsRequest,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamLSNRequest,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdatesPartition,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .altering import Altering, read_document, write_document
from .fault import CURSORS, REFERENCE, SETTINGS, STORE, Variant, unusual_in

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector
GIVEN = ("given.a", "given.b", "given.c")


@unusual()
class AsItIs(Reference):
    """The reference connector itself."""


@unusual()
class Rewritten(Altering):
    """Documents are taken apart, and put together again: other bytes, the same documents."""


# Listings


@unusual()
class ShuffledFields(Reference):
    """Field order is no part of a document: another one on each read."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        for number, data in enumerate(answer.data):
            fields = list(read_document(data, request.type).items())
            random.shuffle(fields)
            answer.data[number] = write_document(dict(fields), request.type)
        return answer


@unusual()
class RandomPageSizes(Reference):
    """A page holds what the store gives: sometimes more, sometimes less."""

    def page_size(self) -> int:
        return random.randint(1, 60)


@unusual(options=["--page-size", "1"])
class OneDocumentAPage(Reference):
    """The smallest page."""


@unusual(options=["--page-size", "1000", "--partitions", "1"])
class LargePages(Reference):
    """One partition, a thousand documents a page."""


@unusual(options=["--page-size", "100000", "--partitions", "1"])
class OnePageForAll(Reference):
    """A namespace is one page, as a file is."""


@unusual()
class EmptyPagesInBetween(Reference):
    """Before each page comes an empty one, as a filtered scan gives them."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if not request.cursor.startswith(b"skipped"):
            super().list_data(request)  # a cursor that is none of ours is refused at once
            return ListDataResponse(next_cursor=b"skipped" + request.cursor)
        request.cursor = request.cursor.removeprefix(b"skipped")
        return super().list_data(request)


class _Opened(Reference):
    """A connector that keeps its page cursors in memory."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.opened: dict[bytes, tuple[bytes, float]] = {}

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if request.cursor:
            cursor, opened = self.opened.get(request.cursor, (b"", 0.0))
            if not cursor or self.expired(opened):
                raise Aborted("the cursor has expired: list the partition again")
            request.cursor = cursor
        answer = super().list_data(request)
        if answer.next_cursor:
            key = b"cursor %d" % random.getrandbits(60)
            self.opened[key] = (answer.next_cursor, time.monotonic())
            answer.next_cursor = key
        return answer

    def expired(self, opened: float) -> bool:
        return False


@unusual()
class CursorsOfTheInstance(_Opened):
    """Another instance, or the same after a restart, answers a page cursor with ABORTED."""


@unusual()
class CursorsExpireSoon(_Opened):
    """A page cursor lives for a fifth of a second: whoever reads on without a pause has all of it."""

    def expired(self, opened: float) -> bool:
        return time.monotonic() - opened > 0.2


@unusual()
class OneOpenListingOfAPartition(_Opened):
    """A new listing of a partition ends the one before, whose cursors are answered with ABORTED."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.current: dict[tuple[str, bytes], set[bytes]] = {}

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        key = (request.partition.namespace, request.partition.cursor)
        if not request.cursor:
            self.current[key] = set()
        elif request.cursor not in self.current.get(key, ()):
            raise Aborted("another listing of this partition has begun")
        answer = super().list_data(request)
        self.current.setdefault(key, set()).add(answer.next_cursor)
        return answer


@unusual()
class NowAndThenUnavailable(Reference):
    """One call in a hundred is answered with UNAVAILABLE: dsync repeats it."""

    calls = 0

    def busy(self) -> None:
        self.calls += 1
        if self.calls % 101 == 100:
            raise Unavailable("the store is being restarted")

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.busy()
        return super().list_data(request)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.busy()
        return super().write_data(request)

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.busy()
        return super().write_updates(request)


@unusual()
class AnswersGetLost(NowAndThenUnavailable):
    """The same, but the write was done: its answer was lost on the way."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        answer = Reference.write_data(self, request)
        self.busy()
        return answer

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        answer = Reference.write_updates(self, request)
        self.busy()
        return answer


@unusual(options=["--partitions", "16"])
class ManyPartitions(Reference):
    """Sixteen partitions, some of them empty."""


@unusual()
class FilledPartitions(Reference):
    """All fields of a partition are filled; those that dsync does not send back are for people."""

    def partitions(self, namespace: str) -> list[Partition]:
        planned = super().partitions(namespace)
        for number, partition in enumerate(planned):
            partition.partition_header = "share"
            partition.partition_value = str(number)
            partition.estimated_count = 12345
        return planned


@unusual()
class RawCursors(Reference):
    """Cursors are bare keys: every string of bytes is one, and none is refused."""

    def partition_cursor(self, index: int, count: int) -> bytes:
        return bytes([index, count])

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return page[-1][0]

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        index, count, *_ = *request.partition.cursor, 0, 1
        count = max(count, 1)
        partition = CURSORS.PartitionCursor(index=index % count, count=count)
        request.partition.cursor = partition.encode()
        if request.cursor:
            page = CURSORS.PageCursor(index=index % count, count=count, after=request.cursor, bound=1 << 60)
            request.cursor = page.encode()
        return super().list_data(request)


@unusual()
class SnapshotListings(Reference):
    """A listing gives what was there when its first page was asked for, whatever happens meanwhile."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.snapshots: dict[bytes, list[Any]] = {}

    def page_cursor(self, data: bytes, partition: Any) -> Any:
        self.first = not data
        return super().page_cursor(data, partition)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        known, _, after = request.cursor.partition(b"#")
        if not request.cursor:
            partition = CURSORS.PartitionCursor.decode(request.partition.cursor)
            self.check_namespace(request.partition.namespace)
            self.check_data_type(request.type)
            with self.store.reading():
                collection = self.store.collection(request.partition.namespace, request.type)
                start, end = self.partition_range(partition.index, partition.count)
                known = b"%d" % random.getrandbits(60)
                self.snapshots[known] = [stored.data for _, stored in collection.between(start, b"", end)]
        elif known not in self.snapshots:
            raise Aborted("the snapshot has expired")
        documents = self.snapshots[known]
        begin = int(after or b"0")
        finish = begin + self.page_size()
        more = finish < len(documents)
        return ListDataResponse(data=documents[begin:finish], next_cursor=b"%s#%d" % (known, finish) if more else b"")


@unusual()
class SlowAnswers(Reference):
    """Thirty milliseconds a call."""

    def check_namespace(self, namespace: str) -> None:
        time.sleep(0.03)
        super().check_namespace(namespace)


# Namespaces


class _Unknown(Reference):
    """A connector whose plans and counts of a namespace that it does not know are NOT_FOUND."""

    def known(self, namespace: str) -> None:
        if namespace not in self.store.namespaces():
            raise NotFound(f"there is no {namespace!r}")

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        for namespace in requested:
            self.known(namespace)
        return super().planned_namespaces(requested)

    def count(self, namespace: str) -> int:
        self.known(namespace)
        return super().count(namespace)


@unusual()
class UnknownIsNotFound(_Unknown):
    """A namespace that nobody has written to is NOT_FOUND, for plans, listings and counts."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        with self.store.reading():
            self.known(request.partition.namespace)
        return super().list_data(request)


class _Made(Reference):
    """A connector whose namespaces are made by somebody else."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        if namespace not in self.made():
            raise self.refusal(namespace)

    def made(self) -> Sequence[str]:
        return GIVEN

    def refusal(self, namespace: str) -> Exception:
        return NotFound(f"there is no table {namespace!r}")


@unusual(namespaces=GIVEN)
class MadeBeforehand(_Made):
    """Namespaces must be there before anything is written, and those that are not are NOT_FOUND."""


@unusual(namespaces=GIVEN[:1])
class OneNamespaceGiven(_Made):
    """One namespace, and others are INVALID_ARGUMENT."""

    def made(self) -> Sequence[str]:
        return GIVEN[:1]

    def refusal(self, namespace: str) -> Exception:
        return InvalidArgument(f"the only table is {GIVEN[0]!r}")


class NoneGiven(_Made):
    """Namespaces must be there beforehand, and none was named to the kit: nothing much can be said of it."""


@unusual(namespaces=GIVEN)
class FullBeforehand(_Made):
    """Namespaces that are there beforehand, with documents of somebody else in them."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store or STORE.Store())
        if not self.store.end:
            for namespace in GIVEN:
                _fill(self, namespace, 130)


@unusual()
class StrictNames(Reference):
    """Names are letters, digits, `_`, `-` and dots, 200 at most; others are refused."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        plain = namespace.replace("_", "a").replace("-", "a").replace(".", "a")
        if len(namespace) > 200 or not (plain.isascii() and plain.isalnum()):
            raise InvalidArgument(f"{namespace[:80]!r} is no name of a table")


@unusual()
class NoDots(Reference):
    """A name is one word: dots are refused."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        if not namespace.isalnum():
            raise InvalidArgument(f"{namespace[:80]!r} is no name of a table")


@unusual()
class EmptyIsGone(Reference):
    """A namespace whose last document is deleted is no longer there."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        return list(requested) or [name for name in self.store.namespaces() if self.store.count(name)]


@unusual()
class GoneWithItsLastDocument(_Unknown, EmptyIsGone):
    """The same, and a plan or a count of a namespace that is no longer there is NOT_FOUND."""

    def known(self, namespace: str) -> None:
        if not self.store.count(namespace):
            raise NotFound(f"there is no {namespace!r}")


def _fill(connector: Any, namespace: str, count: int) -> None:
    for data_type in (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID):
        documents = [write_document({id_field(data_type): f"own-{n}", "n": n}, data_type) for n in range(count)]
        Reference.write_data(connector, WriteDataRequest(namespace=namespace, type=data_type, data=documents))


# Ids


class _Picky(Reference):
    """A connector that takes ids of some types only."""

    types: tuple[int, ...] = ()

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        if part.type not in self.types:
            raise InvalidArgument(f"ids of BSON type {part.type} are not supported")
        return super().position(part, data_type)


@unusual()
class TextIdsOnly(_Picky):
    """Ids are texts."""

    types = (2,)


class _BsonOnly(Reference):
    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_MONGO_BSON]
        return source

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=[DATA_TYPE_MONGO_BSON])

    def check_data_type(self, data_type: DataType) -> None:
        if data_type != DATA_TYPE_MONGO_BSON:
            raise InvalidArgument("BSON only")


@unusual()
class BsonOnly(_BsonOnly):
    """Nothing but BSON."""


@unusual()
class ObjectIdsOnly(_BsonOnly, _Picky):
    """Ids are ObjectIds, and documents BSON."""

    types = (7,)


@unusual()
class NumberIdsOnly(_BsonOnly, _Picky):
    """Ids are 64-bit integers, as a serial key is."""

    types = (18,)


@unusual()
class UuidIdsOnly(Reference):
    """Ids are UUIDs: binary ones in BSON, their text in JSON."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        try:
            identifier = value if isinstance(value, UUID) else UUID(value) if isinstance(value, str) else None
            identifier = value.as_uuid() if isinstance(value, Binary) else identifier
        except ValueError:
            identifier = None
        if identifier is None:
            raise InvalidArgument("an id is a UUID")
        return super().position(part, data_type)


@unusual()
class NamesAsIds(Reference):
    """Ids become parts of names: up to 40 letters, digits, `-` and `_`."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9_-]{1,40}", value):
            raise InvalidArgument("an id is 1 to 40 letters, digits, - and _")
        return super().position(part, data_type)


@unusual()
class JsonOnly(Reference):
    """Nothing but JSON."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_JSON_ID]
        return source

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=[DATA_TYPE_JSON_ID])

    def check_data_type(self, data_type: DataType) -> None:
        if data_type != DATA_TYPE_JSON_ID:
            raise Unimplemented("JSON only")


@unusual()
class PrefersJson(Reference):
    """Both types, JSON first."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON]
        return source


@unusual()
class EqualNumbersAreOne(Reference):
    """Numbers of one value are one id, whatever their type, as in MongoDB; the last one written is kept."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return super().position(part, data_type)
        key = f"number {Decimal(value)}".encode()
        return (hash(key) & 0xFFFFFFFF).to_bytes(4) + key


@unusual()
class EqualNumbersKeepTheirType(EqualNumbersAreOne):
    """The same, but the id keeps the type with which it was first written."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        known = self.store.collection(namespace, data_type).documents
        kept = []
        for change in changes:
            old = known.get(change.position)
            if old is not None and change.update.type != UPDATE_TYPE_DELETE:
                name = id_field(data_type)
                document = read_document(change.update.data, data_type)
                document[name] = read_document(old.data, data_type)[name]
                data = write_document(document, data_type)
                update = Update(id=REFERENCE.id_of(data, data_type), type=change.update.type, data=data)
                change = STORE.Change(change.position, update)
            kept.append(change)
            super().commit(namespace, data_type, [change])


class _CompositeIds(Reference):
    """A connector that looks at ids of several parts."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        kept = [update for update in request.updates if len(update.id) < 2 or self.composite(update)]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=kept))

    def composite(self, update: Update) -> bool:
        return True


@unusual()
class CompositeIsUnimplemented(_CompositeIds):
    """Composite ids are refused with UNIMPLEMENTED."""

    def composite(self, update: Update) -> bool:
        raise Unimplemented("composite ids")


@unusual()
class CompositeFindsNothing(_CompositeIds):
    """Composite ids are supported: a delete of one that is not there is OK."""

    def composite(self, update: Update) -> bool:
        if update.type != UPDATE_TYPE_DELETE:
            raise InvalidArgument("the document's id is not the update's")
        return False


class _NoPartialUpdates(Reference):
    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        part = super().update_id(update, data_type)
        if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
            raise self.refusal()
        return part

    def refusal(self) -> Exception:
        return InvalidArgument("partial updates are not supported")


@unusual()
class PartialIsInvalid(_NoPartialUpdates):
    """Partial updates are refused with INVALID_ARGUMENT."""


@unusual()
class PartialIsUnimplemented(_NoPartialUpdates):
    """Partial updates are refused with UNIMPLEMENTED."""

    def refusal(self) -> Exception:
        return Unimplemented("partial updates")


# What is declared


@unusual()
class NoIdInInfo(Reference):
    """No id: no flow resumes."""

    def identity(self) -> str:
        return ""


@unusual()
class CountsNothing(Reference):
    """Counting is not offered: 0."""

    def count(self, namespace: str) -> int:
        return 0


class _Declared(Reference):
    """A connector that leaves a capability out."""

    without = ""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        if self.without:
            source.ClearField(self.without)
        return source


@unusual()
class NoLsn(_Declared):
    """No StreamLSN."""

    without = "lsn_stream"

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Any:
        raise Unimplemented("StreamLSN")


@unusual()
class NoGetByIds(_Declared):
    """No GetByIds."""

    without = "get_by_ids"

    def get_by_ids(self, request: GetByIdsRequest) -> Any:
        raise Unimplemented("GetByIds")


@unusual()
class NoDefaultPlan(_Declared):
    """Namespaces must be named."""

    without = "default_plan"

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if not request.namespaces:
            raise InvalidArgument("name a namespace")
        return super().generate_plan(request)


@unusual()
class OneNamespaceAPlan(_Declared):
    """A plan is of one namespace."""

    without = "multi_namespace_plan"

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if len(request.namespaces) > 1:
            raise InvalidArgument("one namespace at a time")
        return super().generate_plan(request)


@unusual()
class NoUpdates(Reference):
    """Nothing to stream: a plan has no updates partition."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.lsn_stream = False
        return source

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        return []

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Any:
        raise Unimplemented("StreamUpdates")

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Any:
        raise Unimplemented("StreamLSN")


@unusual()
class RefusesPlansOfUpdates(NoUpdates):
    """Nothing to stream, and a plan that asks for updates is UNIMPLEMENTED."""

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        raise Unimplemented("updates are not supported: use the initial sync alone")


@unusual()
class SourceOnly(Connector):
    """A source over fixed data, in three namespaces, that nobody can write to."""

    settings_type = SETTINGS.Settings

    def __init__(self, settings: Any, store: Any = None) -> None:
        self.settings = settings
        self.inner = Reference(settings, store or STORE.Store())
        if not self.inner.store.end:
            for namespace, count in (("fixed.few", 3), ("fixed.many", 450), ("fixed.one", 1)):
                _fill(self.inner, namespace, count)

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        info = self.inner.get_info(request)
        info.capabilities.ClearField("sink")
        info.capabilities.source.lsn_stream = False
        info.capabilities.source.get_by_ids = False
        return info

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        return GetNamespaceMetadataResponse()

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if request.updates and not request.initial_sync:
            return REFERENCE.GeneratePlanResponse()
        request.updates = False
        return self.inner.generate_plan(request)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        return self.inner.list_data(request)

    def teardown(self) -> None:
        self.inner.teardown()


@unusual()
class FiniteSource(SourceOnly):
    """A source over fixed data whose stream is empty, and ends."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        return self.inner.generate_plan(request)

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        self.inner.stream_start(request.cursor)
        yield StreamUpdatesResponse(next_cursor=request.cursor)


@unusual()
class TakesEverything(Connector):
    """A sink like /dev/null: whatever comes is fine."""

    settings_type = SETTINGS.Settings

    def __init__(self, settings: Any, store: Any = None) -> None:
        self.settings = settings

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        types = [DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID]
        sink = Capabilities.Sink(supported_data_types=types)
        return GetInfoResponse(id="null", db_type="null", capabilities=Capabilities(sink=sink))

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        return WriteUpdatesResponse()


@unusual()
class SinkOnly(Reference):
    """A sink that nobody can read: the source's methods are not there."""

    def capabilities(self) -> Capabilities:
        return Capabilities(sink=self.sink_capabilities())

    generate_plan = Connector.generate_plan
    list_data = Connector.list_data
    stream_updates = Connector.stream_updates
    stream_lsn = Connector.stream_lsn
    get_by_ids = Connector.get_by_ids
    get_namespace_metadata = Connector.get_namespace_metadata


# Documents


@unusual()
class JsonNormalised(Altering):
    """JSON numbers as a store prints them (1 for 1.0), keys sorted."""

    types = (DATA_TYPE_JSON_ID,)

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(super().document(document).items()))

    def value(self, value: Any) -> Any:
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
        return int(value) if whole else value


@unusual()
class WholeNumbersHaveAPoint(Reference):
    """JSON numbers as a store of doubles prints them where that is exact: 1.0 for 1, ids as well."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == DATA_TYPE_JSON_ID:
            answer.data[:] = [json.dumps(self.printed(json.loads(data))).encode() for data in answer.data]
        return answer

    def printed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.printed(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.printed(item) for item in value]
        exact = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        return float(value) if exact else value


class _Fussy(Altering):
    """A connector that refuses values that its store cannot hold."""

    def value(self, value: Any) -> Any:
        if self.bad(value):
            raise InvalidArgument(f"{type(value).__name__} values like this one are not supported")
        return value

    def bad(self, value: Any) -> bool:
        return False


@unusual()
class NoRareTypes(_Fussy):
    """Rare BSON types, far dates and texts with NUL are refused."""

    def bad(self, value: Any) -> bool:
        rare = (Regex, Code, Timestamp, MinKey, MaxKey, DatetimeMS)
        return isinstance(value, rare) or (isinstance(value, str) and "\0" in value)


@unusual()
class NoSpecialNames(Altering):
    """Field names with a dollar or a dot, empty ones and long ones are refused."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(self.items(document.items()))

    def items(self, items: Any) -> Any:
        for name, _ in items:
            if not 0 < len(name) < 128 or "." in name or name.startswith("$") or min(name) < " ":
                raise InvalidArgument(f"{name[:40]!r} is no name of a field")
        return super().items(items)


@unusual()
class HalfWritten(Reference):
    """A page with a bad document is refused when those before it are written: dsync's user writes it again."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for data in request.data:
            super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=[data]))
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type))


@unusual()
class UpdatesOneByOne(Reference):
    """Updates are applied as they are read, so that a bad one stops the call half way."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        for update in [*request.updates]:
            one = WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=[update])
            super().write_updates(one)
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type))


@unusual()
class FirstOfAPageWins(Reference):
    """Of a page that holds an id twice, the first document is kept."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        kept: dict[bytes, bytes] = {}
        self.check_namespace(request.namespace)
        self.check_data_type(request.type)
        for data in request.data:
            kept.setdefault(self.insertion(data, request.type).position, data)
        return super().write_data(
            WriteDataRequest(namespace=request.namespace, type=request.type, data=list(kept.values()))
        )


@unusual()
class OneWriter(Reference):
    """Writers wait for each other."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.lock = threading.Lock()

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        with self.lock:
            return super().write_data(request)


@unusual()
class NotFoundForMalformedCursors(Reference):
    """A cursor that is none of its own is NOT_FOUND."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        try:
            return super().list_data(request)
        except InvalidArgument as error:
            raise (NotFound(error.message) if "Cursor" in error.message else error) from error


# Streams


class _Streaming(Reference):
    """A connector that sends what it streams in another way."""

    def messages(self, *args: Any) -> Iterator[StreamUpdatesResponse]:
        for message in super().messages(*args):
            yield from self.sent(message)

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        yield message


@unusual()
class InsertsAreUpdates(_Streaming):
    """Every upsert is streamed as an UPDATE."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        for update in message.updates:
            if update.type == UPDATE_TYPE_INSERT:
                update.type = UPDATE_TYPE_UPDATE
        yield message


@unusual()
class Heartbeats(_Streaming):
    """Messages without updates, with a cursor and without one."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        yield StreamUpdatesResponse()
        yield message
        yield StreamUpdatesResponse(next_cursor=message.next_cursor)


@unusual()
class StreamedTwice(_Streaming):
    """At least once: everything comes twice."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        yield message
        yield message


@unusual()
class OneUpdateAMessage(_Streaming):
    """A message for each update; the cursor comes with the last one."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        for update in message.updates[:-1]:
            yield StreamUpdatesResponse(namespace=message.namespace, updates=[update])
        yield StreamUpdatesResponse(
            namespace=message.namespace, updates=message.updates[-1:], next_cursor=message.next_cursor
        )


@unusual()
class Coalesced(_Streaming):
    """Of several updates of one id in a message, the last one is sent."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        last = {update.id[0].SerializeToString(): update for update in message.updates}
        yield StreamUpdatesResponse(
            namespace=message.namespace, updates=list(last.values()), next_cursor=message.next_cursor
        )


@unusual()
class PolledStream(Reference):
    """The source is asked once a second."""

    def entries_after(self, sequence: int, context: StreamContext) -> list[Any]:
        if context.wait(1.0):
            return []
        with self.store.reading():
            return self.store.log[sequence : sequence + 10_000]


@unusual()
class LivingSource(SourceOnly):
    """A source that others write to all the time: two listings differ, and the stream says why."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ended = threading.Event()
        self.writer = threading.Thread(target=self.live, daemon=True)
        self.writer.start()

    def live(self) -> None:
        while not self.ended.wait(0.0003):
            document = write_document({"_id": "own-0", "n": time.monotonic_ns()}, DATA_TYPE_MONGO_BSON)
            page = WriteDataRequest(namespace="fixed.few", type=DATA_TYPE_MONGO_BSON, data=[document])
            self.inner.write_data(page)

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        return self.inner.generate_plan(request)

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        return self.inner.stream_updates(request, context)

    def teardown(self) -> None:
        self.ended.set()
        self.writer.join()
        super().teardown()
