"""The RPCs. Small methods, each with one job, so that a variant of the connector overrides just one."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from dsync_kit.connector import Connector, StreamContext
from dsync_kit.conversion import convert
from dsync_kit.documents import id_field, id_of
from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument
from dsync_kit.incoming import bare_document, check_data_type, check_document, check_id, check_same_id, check_update
from dsync_kit.partial import apply_partial_update
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
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdatesPartition,
    UpdateType,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .conversion import converted, converted_update
from .cursors import PageCursor, PartitionCursor, UpdatesCursor
from .identity import hash_range, position_of
from .journal import Journal, journal_error
from .settings import Settings
from .store import Change, Collection, Entry, Store, Stored

_DATA_TYPES = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)
_PAGE_BYTES = 8 << 20  # a page of large documents is cut short: it is held in memory as a whole, on both ends
_MESSAGE_UPDATES = 500
_SCANNED_ENTRIES = 10_000  # log entries that are looked at under the lock in one go
_POLL_SECONDS = 0.05  # how soon a stream sees what another process wrote


class ReferenceConnector(Connector):
    """A source and a sink over one `Store`. Connectors that share a store are instances of one connector."""

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        """Open the settings' folder, if no store is given. Raises UsageError if that fails."""
        self.settings = settings
        self._owns_store = store is None
        self._closed = False
        if store is None:
            folder = settings.folder()
            store = Store(Journal(folder) if folder is not None else None)
        self.store = store

    # --- GetInfo ---

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return GetInfoResponse(
            id=self.identity(), db_type="reference", version="1", spec="reference", capabilities=self.capabilities()
        )

    def identity(self) -> str:
        """The same as long as the store has the same data."""
        return self.store.id

    def capabilities(self) -> Capabilities:
        return Capabilities(source=self.source_capabilities(), sink=self.sink_capabilities())

    def source_capabilities(self) -> Capabilities.Source:
        return Capabilities.Source(
            supported_data_types=_DATA_TYPES,
            lsn_stream=True,
            multi_namespace_plan=True,
            default_plan=True,
            get_by_ids=True,
        )

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=_DATA_TYPES)

    # --- GetNamespaceMetadata ---

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        self.check_namespace(request.namespace)
        with self.store.reading():
            return GetNamespaceMetadataResponse(count=self.count(request.namespace))

    def count(self, namespace: str) -> int:
        return self.store.count(namespace)

    # --- GeneratePlan ---

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        for namespace in request.namespaces:
            self.check_namespace(namespace)
        with self.store.reading():
            plan = GeneratePlanResponse()
            if request.updates:
                plan.updates_partitions.extend(self.updates_partitions(request.namespaces))
            if request.initial_sync:
                for namespace in self.planned_namespaces(request.namespaces):
                    plan.partitions.extend(self.partitions(namespace))
            return plan

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        """Each requested namespace once; all existing ones if none is requested."""
        return list(dict.fromkeys(requested)) or self.store.namespaces()

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        namespaces = list(dict.fromkeys(requested))
        return [UpdatesPartition(namespaces=namespaces, cursor=self.update_cursor(self.store.end))]

    def partitions(self, namespace: str) -> list[Partition]:
        count = self.partition_count(namespace)
        estimate = self.store.count(namespace) // count
        return [
            Partition(
                namespace=namespace,
                cursor=self.partition_cursor(index, count),
                estimated_count=estimate,
            )
            for index in range(count)
        ]

    def partition_count(self, namespace: str) -> int:
        """The number of a namespace's partitions; one for an empty namespace."""
        return self.settings.partitions if self.store.count(namespace) else 1

    def partition_cursor(self, index: int, count: int) -> bytes:
        return PartitionCursor(index=index, count=count).encode()

    # --- ListData ---

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.check_namespace(request.partition.namespace)
        self.check_data_type(request.type)
        partition = PartitionCursor.decode(request.partition.cursor)
        with self.store.reading():
            cursor = self.page_cursor(request.cursor, partition)
            page, more = self.cut_page(self.all_listed(request.partition.namespace, request.type, cursor))
            next_cursor = self.next_cursor(cursor, page) if more else b""
        return ListDataResponse(data=[self.outgoing(stored.data) for _, stored in page], next_cursor=next_cursor)

    def page_cursor(self, data: bytes, partition: PartitionCursor) -> PageCursor:
        """Where the page starts; if `data` is empty, at the partition's start, and its bound is set now."""
        if not data:
            return PageCursor(index=partition.index, count=partition.count, after=b"", bound=self.store.end)
        cursor = PageCursor.decode(data)
        if (cursor.index, cursor.count) != (partition.index, partition.count):
            raise InvalidArgument(f"the page cursor is of partition {cursor.index}, not {partition.index}")
        return cursor

    def all_listed(self, namespace: str, data_type: DataType, cursor: PageCursor) -> Iterator[tuple[bytes, Stored]]:
        """The partition's documents after the cursor, of all types, as one type."""
        listed = self.listed(self.store.collection(namespace, data_type), cursor)
        others = [
            converted(self.listed(self.store.collection(namespace, other), cursor), other, data_type)
            for other in self.store.data_types(namespace)
            if other != data_type
        ]
        return heapq.merge(listed, *others, key=itemgetter(0)) if others else listed

    def listed(self, collection: Collection, cursor: PageCursor) -> Iterator[tuple[bytes, Stored]]:
        """The partition's documents after the cursor; those created since the listing began are left to the stream."""
        start, end = self.partition_range(cursor.index, cursor.count)
        for position, stored in collection.between(start, cursor.after, end):
            if stored.created <= cursor.bound:
                yield position, stored

    def partition_range(self, index: int, count: int) -> tuple[bytes, bytes | None]:
        return hash_range(index, count)

    def cut_page(self, documents: Iterator[tuple[bytes, Stored]]) -> tuple[list[tuple[bytes, Stored]], bool]:
        """The documents of one page, and whether there are more after it."""
        page: list[tuple[bytes, Stored]] = []
        size = 0
        for position, stored in documents:
            size += len(stored.data)
            if page and (len(page) >= self.page_size() or size > _PAGE_BYTES):
                return page, True
            page.append((position, stored))
        return page, False

    def page_size(self) -> int:
        return self.settings.page_size

    def next_cursor(self, cursor: PageCursor, page: Sequence[tuple[bytes, Stored]]) -> bytes:
        return cursor.model_copy(update={"after": page[-1][0]}).encode()

    def outgoing(self, document: bytes) -> bytes:
        """A document as it is listed and looked up: the written bytes."""
        return document

    # --- WriteData ---

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.check_namespace(request.namespace)
        self.check_data_type(request.type)
        changes = [self.insertion(document, request.type) for document in request.data]
        with self.store.writing():
            self.commit(request.namespace, request.type, changes)
        return WriteDataResponse()

    def insertion(self, document: bytes, data_type: DataType) -> Change:
        """A listed document as a change. Raises InvalidArgument if it is malformed, or has no id."""
        part = self.document_id(document, data_type)
        update = Update(id=[part], type=UPDATE_TYPE_INSERT, data=self.incoming(document))
        return Change(self.position(part, data_type), update)

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        """The id of a whole document. Raises InvalidArgument if it is malformed, or has no id."""
        return check_document(document, data_type)

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        """The place of an id in its namespace; ids that share it are the same."""
        return position_of(part, data_type)

    def incoming(self, document: bytes) -> bytes:
        """A document as it is stored: the received bytes."""
        return document

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Change]) -> None:
        """Apply all changes, or none."""
        self.store.commit(namespace, data_type, changes)

    # --- WriteUpdates ---

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.check_namespace(request.namespace)
        self.check_data_type(request.type)
        parts = [self.update_id(update, request.type) for update in request.updates]
        with self.store.writing():
            self.commit(request.namespace, request.type, self.changes(request, parts))
        return WriteUpdatesResponse()

    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        """An update's id. Raises InvalidArgument for an update that does not fit its id, or is malformed."""
        return check_update(update, data_type)

    def changes(self, request: WriteUpdatesRequest, parts: Sequence[BsonValue]) -> list[Change]:
        """The updates as changes of whole documents; each sees the earlier ones."""
        documents: dict[bytes, bytes | None] = {}
        changes: list[Change] = []
        for update, part in zip(request.updates, parts, strict=True):
            position = self.position(part, request.type)
            if position not in documents:
                documents[position] = self.found(request.namespace, request.type, position)
            change = Change(position, self.whole_update(update, part, documents[position], request.type))
            documents[position] = change.update.data if change.update.type != UPDATE_TYPE_DELETE else None
            changes.append(change)
        return changes

    def whole_update(self, update: Update, part: BsonValue, current: bytes | None, data_type: DataType) -> Update:
        """The update as the log stores it, with the id as in its document."""
        if update.type == UPDATE_TYPE_DELETE:
            return self.deletion(part if current is None else id_of(current, data_type)[0], data_type)
        kind: UpdateType = update.type
        data = update.data
        if kind == UPDATE_TYPE_PARTIAL_UPDATE:
            kind, data = UPDATE_TYPE_UPDATE, self.merged(update, part, current, data_type)
        return Update(id=id_of(data, data_type), type=kind, data=self.incoming(data))

    def deletion(self, part: BsonValue, data_type: DataType) -> Update:
        named = BsonValue(data=part.data, type=part.type, name=id_field(data_type))
        return Update(id=[named], type=UPDATE_TYPE_DELETE)

    def merged(self, update: Update, part: BsonValue, current: bytes | None, data_type: DataType) -> bytes:
        """The whole document after a partial update; a missing one is made from its id and the changed fields."""
        if current is None:
            current = bare_document(part, data_type)
        data = apply_partial_update(current, update.data, update.partial_update_unset, data_type)
        check_same_id(part, data, data_type)
        return data

    # --- StreamUpdates ---

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        self.check_data_type(request.type)
        sequence = self.stream_start(request.cursor)
        wanted = frozenset(request.namespaces)
        context.add_callback(self.store.notify)
        while not self.ended(context):
            entries = self.entries_after(sequence, context)
            yield from self.messages(sequence, entries, wanted, request.type)
            sequence += len(entries)

    def stream_start(self, data: bytes) -> int:
        """The sequence number that an update cursor stands for.

        Raises FailedPrecondition where the cursor is of other data: going on from it would lose updates in silence.
        """
        cursor = UpdatesCursor.decode(data)
        with self.store.reading():
            if cursor.store != self.store.id or not 0 <= cursor.sequence <= self.store.end:
                raise FailedPrecondition("the cursor is of another store, or of one that lost its data: plan again")
        return cursor.sequence

    def update_cursor(self, sequence: int) -> bytes:
        return UpdatesCursor(store=self.store.id, sequence=sequence).encode()

    def ended(self, context: StreamContext) -> bool:
        return context.cancelled or self._closed

    def entries_after(self, sequence: int, context: StreamContext) -> list[Entry]:
        """The next entries of the log; waits for some, and returns none when the stream ends."""
        while True:
            with self.store.reading():
                if self.store.end > sequence:
                    return self.store.log[sequence : sequence + _SCANNED_ENTRIES]
                if self.ended(context):
                    return []
                self.store.changed.wait(_POLL_SECONDS if self.store.shared else None)
            if self.ended(context):
                return []

    def messages(
        self, sequence: int, entries: Sequence[Entry], wanted: frozenset[str], data_type: DataType
    ) -> Iterator[StreamUpdatesResponse]:
        """Runs of updates of one namespace, each with the cursor after its last one."""
        numbered = (
            (number, entry) for number, entry in enumerate(entries, sequence + 1) if self.is_wanted(entry, wanted)
        )
        for namespace, group in groupby(numbered, key=lambda item: item[1].namespace):
            run = list(group)
            for start in range(0, len(run), _MESSAGE_UPDATES):
                batch = run[start : start + _MESSAGE_UPDATES]
                yield StreamUpdatesResponse(
                    namespace=namespace,
                    updates=[self.streamed(entry, data_type) for _, entry in batch],
                    next_cursor=self.update_cursor(batch[-1][0]),
                )

    def streamed(self, entry: Entry, data_type: DataType) -> Update:
        return entry.update if entry.data_type == data_type else converted_update(entry, data_type)

    def is_wanted(self, entry: Entry, wanted: frozenset[str]) -> bool:
        """Whether an entry is in one of the namespaces; none means all."""
        return not wanted or entry.namespace in wanted

    # --- StreamLSN ---

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[StreamLSNResponse]:
        sequence = self.stream_start(request.cursor)
        wanted = frozenset(request.namespaces)
        context.add_callback(self.store.notify)
        lsn = 0
        while not self.ended(context):
            entries = self.entries_after(sequence, context)
            sequence += len(entries)
            lsn += self.counted(entries, wanted)
            yield StreamLSNResponse(lsn=lsn, next_cursor=self.update_cursor(sequence))

    def counted(self, entries: Sequence[Entry], wanted: frozenset[str]) -> int:
        return sum(self.is_wanted(entry, wanted) for entry in entries)

    # --- GetByIds ---

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        self.check_namespace(request.namespace)
        self.check_data_type(request.type)
        positions = [self.position(check_id(item.id, request.type), request.type) for item in request.ids]
        with self.store.reading():
            found = [self.found(request.namespace, request.type, position) for position in positions]
        return GetByIdsResponse(data=[self.response_item(document) for document in found])

    def found(self, namespace: str, data_type: DataType, position: bytes) -> bytes | None:
        """The document at a place, as this type."""
        for known in self.store.data_types(namespace):
            if (stored := self.store.collection(namespace, known).documents.get(position)) is not None:
                return convert(stored.data, known, data_type)
        return None

    def response_item(self, document: bytes | None) -> GetByIdsResponse.ResponseItem:
        return GetByIdsResponse.ResponseItem(data=self.outgoing(document) if document is not None else b"")

    # --- what all of them need ---

    def check_namespace(self, namespace: str) -> None:
        if not namespace:
            raise InvalidArgument("the namespace is empty: expected a name like 'db.collection'")

    def check_data_type(self, data_type: DataType) -> None:
        check_data_type(data_type, _DATA_TYPES)

    def translate_error(self, error: Exception) -> ConnectorError | None:
        return journal_error(error) if isinstance(error, OSError) else None

    def teardown(self) -> None:
        self._closed = True
        if self._owns_store:
            self.store.close()
        self.store.notify()
