"""A batch read: a plan's partitions are Spark's, and each is listed by the task that reads it.

A task yields a batch of Arrow for each page, so it holds one page at a time. A task that Spark tries again lists its
partitions again from their start.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pyspark.sql.datasource import DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from dsync_kit.errors import UsageError
from dsync_kit.flow.listing import pages
from dsync_kit.flow.negotiation import End
from dsync_kit.protocol import DataType, Partition
from dsync_kit.spark.endpoint import Endpoint, Repeating
from dsync_kit.spark.failures import fitting, refused
from dsync_kit.spark.planning import plan, shares, source_info, source_type
from dsync_kit.spark.rows.raw import RawRows, Rows, document_form, is_raw
from dsync_kit.spark.rows.typed import TypedRows

__all__ = ["DsyncReader", "Reading", "Share", "listed"]


@dataclass(frozen=True)
class Reading:
    """What is read: from where, what of it, and in which form."""

    endpoint: Endpoint
    namespaces: tuple[str, ...]
    type: str | None
    documents: str | None
    partitions: int | None
    permissive: bool

    def type_for(self, schema: StructType) -> str | None:
        """The data type to read, `bson` or `json`; None where the source may choose."""
        if self.type is None and is_raw(schema) and document_form(schema, self.documents) == "bson":
            return "bson"
        return self.type


class Share(InputPartition):
    """The plan's partitions that one task lists, as bytes, and the data type to list them in."""

    def __init__(self, partitions: Sequence[Partition], data_type: DataType) -> None:
        self.partitions = [partition.SerializeToString() for partition in partitions]
        self.data_type = data_type


def rows_for(schema: StructType, reading: Reading, data_type: DataType) -> Rows:
    """How documents become rows of a schema. Raises UsageError for a schema that they cannot fill."""
    if is_raw(schema):
        return RawRows(schema, document_form(schema, reading.documents), data_type)
    if reading.documents is not None:
        raise UsageError(
            "the option 'documents' is for whole documents, but the schema has typed columns: leave it out"
        )
    return TypedRows(schema, data_type, permissive=reading.permissive)


def listed(end: End, partitions: Iterable[Partition], data_type: DataType, rows: Rows) -> Iterator[Any]:
    """The rows of partitions of a plan, a batch for each page. Raises CallFailed and RowError."""
    api = Repeating(end.api)
    for partition in partitions:
        with refused(end, f"ListData(namespace={partition.namespace!r})"):
            for page in pages(api, partition, data_type):
                with fitting():
                    batch = rows.batch(partition.namespace, page.data)
                yield batch


class DsyncReader(DataSourceReader):
    """Reads all documents of the namespaces: with `only`, of those among them."""

    def __init__(self, reading: Reading, schema: StructType) -> None:
        self._reading = reading
        self.schema = schema
        self.only: set[str] | None = None

    def partitions(self) -> Sequence[InputPartition]:
        """Called once, on the driver."""
        reading = self._reading
        with reading.endpoint.open() as end:
            info = source_info(end)
            data_type = source_type(end, info, reading.type_for(self.schema))
            rows_for(self.schema, reading, data_type)  # what is wrong with the schema is said before any task starts
            planned = plan(end, info, reading.namespaces, initial_sync=True, updates=False)
        only = self.only
        partitions = [each for each in planned.partitions if only is None or each.namespace in only]
        # For no partitions at all Spark makes one of None.
        return [Share(group, data_type) for group in shares(partitions, reading.partitions) or [[]]]

    def read(self, partition: InputPartition) -> Iterator[Any]:
        """Called in each task, on an executor."""
        share = cast("Share", partition)
        rows = rows_for(self.schema, self._reading, share.data_type)
        with self._reading.endpoint.open() as end:
            yield from listed(end, map(Partition.FromString, share.partitions), share.data_type, rows)
