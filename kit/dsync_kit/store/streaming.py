"""`StreamingSource`: a source whose store has a log of its changes."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from dsync_kit.connector import StreamContext
from dsync_kit.documents import id_of
from dsync_kit.errors import FailedPrecondition
from dsync_kit.incoming import check_data_type
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    Capabilities,
    DataType,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdatesPartition,
)
from dsync_kit.store.cursors import UpdatesCursor
from dsync_kit.store.following import ChangeLog, follow
from dsync_kit.store.source import Source
from dsync_kit.store.values import Change, Place

__all__ = ["StreamingSource"]


class StreamingSource(Source):
    """A store that dsync reads, and whose changes it follows after the copy."""

    # --- What the author writes ---

    @abstractmethod
    def last_change(self) -> Place:
        """The current end of the log of changes: all later changes come after this place."""

    @abstractmethod
    def changes(self, after: Place, limit: int, wait: float) -> Iterable[Change]:
        """The changes after a place, in order, also after a restart. Only the first `limit` are used.

        If there are none yet, a store that can wake its readers waits for the first, at most `wait` seconds. Any other
        store returns none, and is asked again, less and less often. Raise FailedPrecondition if the log no longer
        reaches back that far.
        """

    def check_place(self, place: Place) -> None:
        """Raise FailedPrecondition if the log cannot be followed from this place."""
        if isinstance(place, int):
            last = self.last_change()
            if not isinstance(last, int) or not 0 <= place <= last:
                raise FailedPrecondition(f"the log of changes has no place {place}: plan again")

    def open_log(self, after: Place) -> ChangeLog:
        """Open the log for one stream. Override it if a stream needs a connection or a cursor of the store."""
        return _AskedLog(self, after)

    # --- What dsync calls ---

    def capabilities(self) -> Capabilities:
        found = super().capabilities()
        found.source.lsn_stream = True
        return found

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        check_data_type(request.type, self.data_types)
        for batch in self._follow(request.cursor, context):
            for namespace, run in groupby(batch, lambda change: _wanted_namespace(change, request.namespaces)):
                changes = list(run)
                # Also without any wanted updates: a resumed stream need not read the others again.
                yield StreamUpdatesResponse(
                    namespace=namespace,
                    updates=[self._update(change, request.type) for change in changes] if namespace else [],
                    next_cursor=self._update_cursor(changes[-1].place),
                )

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[StreamLSNResponse]:
        lsn = 0
        for batch in self._follow(request.cursor, context):
            lsn += sum(bool(_wanted_namespace(change, request.namespaces)) for change in batch)
            yield StreamLSNResponse(lsn=lsn, next_cursor=self._update_cursor(batch[-1].place))

    def _updates_partitions(self, namespaces: Sequence[str]) -> Sequence[UpdatesPartition]:
        return [UpdatesPartition(namespaces=namespaces, cursor=self._update_cursor(self.last_change()))]

    def _follow(self, data: bytes, context: StreamContext) -> Iterator[list[Change]]:
        cursor = UpdatesCursor.decode(data)
        if cursor.data_id != self._data_id:
            raise FailedPrecondition("the cursor belongs to other data; resuming would lose changes: plan again")
        self.check_place(cursor.place)
        return follow(
            self.open_log, cursor.place, context, bell=self._bell, translate=self.translate_error, redact=self.redact
        )

    def _update(self, change: Change, data_type: DataType) -> Update:
        """A change as dsync's update: with the document's id and, unless it was deleted, the document."""
        if change.document is None:
            raise TypeError(f"the change at {change.place!r} has a namespace, but no document")
        data = self.converted(change.document, data_type)
        deleted = change.kind == UPDATE_TYPE_DELETE
        return Update(id=id_of(data, data_type), type=change.kind, data=b"" if deleted else data)

    def _update_cursor(self, place: Place) -> bytes:
        return UpdatesCursor(data_id=self._data_id, place=place).encode()


def _wanted_namespace(change: Change, namespaces: Sequence[str]) -> str:
    """The change's namespace; empty if it was not asked for, or if the entry only marks a place."""
    return change.namespace if not namespaces or change.namespace in namespaces else ""


class _AskedLog:
    """A log that keeps nothing open: each read asks for the changes after a place."""

    def __init__(self, source: StreamingSource, after: Place) -> None:
        self._source = source
        self._after = after

    def read(self, limit: int, wait: float) -> Iterator[Change]:
        for change in self._source.changes(self._after, limit, wait):
            self._after = change.place
            yield change

    def close(self) -> None:
        pass
