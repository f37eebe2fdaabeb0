"""A batch write by pages of WriteData: upserts by id, so a task that Spark tries again does no harm.

Nothing is committed at the end: a page that the connector has acknowledged is durable, and stays when a write fails.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from dsync_kit.documents import batches
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.flow.negotiation import End
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType, WriteDataRequest
from dsync_kit.protocol.names import type_name
from dsync_kit.spark.endpoint import Endpoint, Repeating
from dsync_kit.spark.failures import fitting, refused
from dsync_kit.spark.planning import sink_types
from dsync_kit.spark.rows.outgoing import Outgoing, documents_of

__all__ = ["MOST_BYTES", "DsyncWriter", "Writing", "Written", "write_pages"]

MOST_BYTES = 3 << 20
"""The most bytes in a call, unless one document has more: a server may still have gRPC's limit of 4 MiB."""

_NAMES = {"bson": DATA_TYPE_MONGO_BSON, "json": DATA_TYPE_JSON_ID}


@dataclass(frozen=True)
class Writing:
    """What is written: to where, to which namespace if not to that of each row, as what, in pages of which size."""

    endpoint: Endpoint
    namespace: str | None
    type: str | None
    page_size: int
    nulls: bool

    def types(self, end: End) -> list[DataType]:
        """The data types to write, the preferred one first. Raises UsageError if the connector doesn't take them."""
        types = sink_types(end)
        if self.type is None:
            return types
        if (wanted := _NAMES[self.type]) not in types:
            raise UsageError(
                f"{end.title} does not take {type_name(wanted)} documents: it takes {', '.join(map(type_name, types))}"
            )
        return [wanted]


class Written(WriterCommitMessage):
    """How many documents or updates a task has written."""

    def __init__(self, count: int) -> None:
        self.count = count


class DsyncWriter(DataSourceArrowWriter):
    """Writes rows as documents. Raises UsageError for columns that make none, and for a connector that takes none."""

    def __init__(self, writing: Writing, schema: StructType) -> None:
        self._writing = writing
        self._schema = schema
        with writing.endpoint.open() as end:
            self._types = writing.types(end)
        self._outgoing()

    def write(self, iterator: Iterator[Any]) -> WriterCommitMessage:
        """Called in each task, on an executor."""
        with self._writing.endpoint.open() as end:
            return Written(write_pages(end, iterator, self._outgoing(), self._writing.page_size))

    def _outgoing(self) -> Outgoing:
        writing = self._writing
        return documents_of(self._schema, self._types, namespace=writing.namespace, ignore=(), nulls=writing.nulls)


def write_pages(end: End, rows: Iterator[Any], outgoing: Outgoing, page_size: int) -> int:
    """Write batches of rows, page by page; returns how many documents. Raises CallFailed and RowError."""
    api = Repeating(end.api)
    count = 0
    for batch in rows:
        with fitting():
            documents = [_placed(row, outgoing) for row in batch.to_pylist()]
        documents.sort(key=_PLACE)  # it keeps the order within a namespace
        for (namespace, data_type), group in groupby(documents, _PLACE):
            for page in batches((data for *_, data in group), max_items=page_size, max_bytes=MOST_BYTES):
                with refused(end, f"WriteData(namespace={namespace!r})"):
                    api.write_data(WriteDataRequest(namespace=namespace, data=page, type=data_type))
                count += len(page)
    return count


_PLACE = itemgetter(0, 1)


def _placed(row: Mapping[str, Any], outgoing: Outgoing) -> tuple[str, DataType, bytes]:
    document = outgoing.document(row)
    if document is None:
        raise InvalidArgument("the column 'document' is null in a row")
    return outgoing.namespace(row), document.type, document.data
