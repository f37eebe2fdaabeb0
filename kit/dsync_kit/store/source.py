"""`Source`: plans, pages and lookups."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence

from dsync_kit.errors import InvalidArgument
from dsync_kit.incoming import check_data_type, check_id
from dsync_kit.protocol import (
    Capabilities,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    UpdatesPartition,
)
from dsync_kit.settings import ConnectorSettings, option
from dsync_kit.store.connector import StoreConnector
from dsync_kit.store.cursors import PageCursor, PartitionCursor
from dsync_kit.store.paging import first_page
from dsync_kit.store.values import Key, Listed, Range

__all__ = ["Source", "SourceSettings"]


class SourceSettings(ConnectorSettings):
    """The options that every source has; add your own."""

    page_size: int = option(500, help="the most documents on a page", gt=0)
    partitions: int = option(4, help="partitions of each namespace: how many readers can work at once", gt=0, le=1024)


class Source(StoreConnector):
    """A store that dsync reads."""

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._page_size, self._partitions = settings.page_size, settings.partitions

    # --- What the author writes ---

    @abstractmethod
    def namespaces(self) -> Collection[str]:
        """Every namespace that has documents."""

    @abstractmethod
    def split(self, namespace: str, parts: int) -> Sequence[Range]:
        """Cut a namespace into about `parts` ranges that do not overlap and together cover all of its documents.

        If the store can't be split well, one range is enough. Ranges need not cover documents that are inserted later,
        and must not if the listing could then grow for ever.
        """

    @abstractmethod
    def read(self, namespace: str, rest: Range, limit: int) -> Iterable[Listed]:
        """The documents of a range in a stable order. Only the first `limit` are used.

        A generator is closed when the page is full, so it need not read `limit` large documents.
        """

    # --- What dsync calls ---

    def capabilities(self) -> Capabilities:
        found = super().capabilities()
        found.source.supported_data_types.extend(self.data_types)
        found.source.multi_namespace_plan = found.source.default_plan = True
        found.source.get_by_ids = self._finds
        return found

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        namespaces = list(dict.fromkeys(request.namespaces))
        for namespace in namespaces:
            self.check_namespace(namespace)
        plan = GeneratePlanResponse()
        if request.updates:
            # Before any data is read: the stream has all later changes.
            plan.updates_partitions.extend(self._updates_partitions(namespaces))
        if request.initial_sync:
            for namespace in namespaces or self.namespaces():
                plan.partitions.extend(self._partitions_of(namespace))
        return plan

    def _updates_partitions(self, namespaces: Sequence[str]) -> Sequence[UpdatesPartition]:
        return ()

    def _partitions_of(self, namespace: str) -> list[Partition]:
        count = self.count(namespace)
        # Empty namespaces are planned, too: dsync refuses a plan without partitions.
        ranges = self.split(namespace, self._partitions if count else 1)
        return [
            Partition(
                namespace=namespace,
                cursor=PartitionCursor(start=share.start, end=share.end).encode(),
                estimated_count=count // len(ranges),
            )
            for share in ranges
        ]

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        namespace = request.partition.namespace
        self.check_namespace(namespace)
        check_data_type(request.type, self.data_types)
        partition = PartitionCursor.decode(request.partition.cursor)
        rest = _rest(request.cursor, partition)
        # One more than fits on a page shows whether there is another page.
        page, after = first_page(self.read(namespace, rest, self._page_size + 1), self._page_size)
        next_cursor = b""
        if after is not None:
            next_cursor = PageCursor(start=partition.start, end=partition.end, after=after).encode()
        return ListDataResponse(data=[self.converted(known, request.type) for known in page], next_cursor=next_cursor)

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        self.check_namespace(request.namespace)
        check_data_type(request.type, self.data_types)
        keys = [Key.of(check_id(item.id, request.type), request.type) for item in request.ids]
        found = self.find(request.namespace, keys)
        response = GetByIdsResponse()
        for key in keys:
            response.data.add(data=self.converted(found[key], request.type) if key in found else b"")
        return response


def _rest(data: bytes, partition: PartitionCursor) -> Range:
    """The rest of a partition that is still to be listed: all of it if there is no page cursor yet."""
    if not data:
        return partition.range
    cursor = PageCursor.decode(data)
    if cursor.range != partition.range:
        raise InvalidArgument("the page cursor belongs to another partition")
    return cursor.rest
