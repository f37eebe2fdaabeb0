"""A streaming write by WriteUpdates: the rows of a task in their order, deletes among them.

A batch or a task that Spark tries again writes its updates again. That changes nothing: they run on to the newest ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyspark.sql.datasource import DataSourceStreamArrowWriter, WriterCommitMessage
from pyspark.sql.types import BooleanType, StringType, StructType

from dsync_kit.documents import id_of
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.flow.negotiation import End
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    DataType,
    Update,
    UpdateType,
    WriteUpdatesRequest,
)
from dsync_kit.spark.endpoint import Repeating
from dsync_kit.spark.failures import fitting, refused
from dsync_kit.spark.rows.outgoing import Outgoing, documents_of
from dsync_kit.spark.rows.updates import OPERATIONS
from dsync_kit.spark.writing import MOST_BYTES, Writing, Written

__all__ = ["DsyncStreamWriter"]

_NO_FIELDS = ("operation", "unset", "position")
"""Columns that say something of the update, in a stream's own columns."""

_Placed = tuple[str, DataType, Update]


class DsyncStreamWriter(DataSourceStreamArrowWriter):
    """Writes the rows of a stream as updates. `operation` is the column that says what a row is.

    Raises UsageError for columns that make no updates, and for a connector that takes none.
    """

    def __init__(self, writing: Writing, operation: str, schema: StructType) -> None:
        self._writing = writing
        self._operation = operation if operation in schema.names else None
        self._schema = schema
        if self._operation is not None and not isinstance(schema[operation].dataType, StringType | BooleanType):
            raise UsageError(
                f"the column {operation!r} is {schema[operation].dataType.simpleString()}: expected string with "
                f"{', '.join(OPERATIONS)}, or boolean that is true for a delete"
            )
        with writing.endpoint.open() as end:
            self._types = writing.types(end)
        self._outgoing()

    def write(self, iterator: Iterator[Any]) -> WriterCommitMessage:
        """Called in each task, on an executor."""
        outgoing, count = self._outgoing(), 0
        with self._writing.endpoint.open() as end:
            for batch in iterator:
                with fitting():
                    updates = [self._update(row, outgoing) for row in batch.to_pylist()]
                self._write(end, updates)
                count += len(updates)
        return Written(count)

    def _outgoing(self) -> Outgoing:
        ignore = [*_NO_FIELDS, self._operation] if self._operation is not None else []
        writing = self._writing
        return documents_of(self._schema, self._types, namespace=writing.namespace, ignore=ignore, nulls=writing.nulls)

    def _update(self, row: Mapping[str, Any], outgoing: Outgoing) -> _Placed:
        """The update that a row is. Raises InvalidArgument."""
        namespace, kind, document = outgoing.namespace(row), self._kind(row), None
        if kind in (None, UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE):
            document = outgoing.document(row)
        if document is not None:
            identifier = id_of(document.data, document.type)
            update = Update(id=identifier, type=kind or UPDATE_TYPE_UPDATE, data=document.data)
            return namespace, document.type, update
        if kind == UPDATE_TYPE_PARTIAL_UPDATE:
            of, data = outgoing.changes(row)
            unset = row.get("unset") or ()
            return namespace, of.type, Update(id=of.parts, type=kind, data=data, partial_update_unset=unset)
        if kind not in (None, UPDATE_TYPE_DELETE):
            raise InvalidArgument("the column 'document' is null in a row that is no delete")
        of = outgoing.identifier(row)
        return namespace, of.type, Update(id=of.parts, type=UPDATE_TYPE_DELETE)

    def _kind(self, row: Mapping[str, Any]) -> UpdateType | None:
        """What a row is; None where no column says it: then a null document is a delete."""
        if self._operation is None:
            return None
        value = row[self._operation]
        if isinstance(value, bool):
            return UPDATE_TYPE_DELETE if value else UPDATE_TYPE_UPDATE
        if value not in OPERATIONS:
            raise InvalidArgument(f"the column {self._operation!r} is {value!r}: expected {', '.join(OPERATIONS)}")
        return OPERATIONS[value]

    def _write(self, end: End, updates: list[_Placed]) -> None:
        api = Repeating(end.api)
        updates.sort(key=itemgetter(0))  # it keeps the order within a namespace
        for (namespace, data_type), group in groupby(updates, itemgetter(0, 1)):
            for call in _calls([update for *_, update in group], self._writing.page_size):
                with refused(end, f"WriteUpdates(namespace={namespace!r})"):
                    api.write_updates(WriteUpdatesRequest(namespace=namespace, updates=call, type=data_type))


def _calls(updates: Sequence[Update], most: int) -> Iterator[list[Update]]:
    """The updates in the calls that carry them, in order."""
    call: list[Update] = []
    size = 0
    for update in updates:
        length = update.ByteSize()
        if call and (len(call) >= most or size + length > MOST_BYTES):
            yield call
            call, size = [], 0
        call.append(update)
        size += length
    if call:
        yield call
