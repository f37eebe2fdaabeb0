"""The data source as Spark uses it, without Spark: readers and writers are asked in the order in which it asks them."""

import json
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import bson
import pyarrow as pa
from pyspark.sql import types as spark
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.streaming.datasource import ReadAllAvailable

from dsync_kit.documents import decode, encode, encode_id
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    GeneratePlanRequest,
    ListDataRequest,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.spark import DsyncDataSource

__all__ = [
    "Row",
    "Served",
    "deleted",
    "frame",
    "read",
    "rows_of",
    "schema_of",
    "stream_writer",
    "streamed",
    "updated",
    "write",
]

Row = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A reference connector behind an address."""

    address: str
    connector: Any

    def options(self, **more: str) -> dict[str, str]:
        """The options that name it."""
        return {"target": f"grpc://{self.address}", "insecure": "true", **more}

    def fill(self, namespace: str, *documents: dict[str, Any]) -> None:
        """Write BSON documents."""
        data = [encode(document, DATA_TYPE_MONGO_BSON) for document in documents]
        self.connector.write_data(WriteDataRequest(namespace=namespace, data=data, type=DATA_TYPE_MONGO_BSON))

    def change(self, namespace: str, *updates: Update) -> None:
        """Write updates of BSON documents."""
        self.connector.write_updates(
            WriteUpdatesRequest(namespace=namespace, updates=updates, type=DATA_TYPE_MONGO_BSON)
        )

    def contents(self, namespace: str) -> dict[Any, dict[str, Any]]:
        """All documents of a namespace, by id; a document that is listed twice fails the test."""
        found: dict[Any, dict[str, Any]] = {}
        for data in self.listed(namespace):
            document = decode(data, DATA_TYPE_MONGO_BSON)
            assert document["_id"] not in found
            found[document["_id"]] = document
        return found

    def listed(self, namespace: str) -> list[bytes]:
        """All documents of a namespace, as they are listed."""
        plan = self.connector.generate_plan(GeneratePlanRequest(namespaces=[namespace], initial_sync=True))
        found: list[bytes] = []
        for partition in plan.partitions:
            cursor = b""
            while True:
                request = ListDataRequest(partition=partition, type=DATA_TYPE_MONGO_BSON, cursor=cursor)
                page = self.connector.list_data(request)
                found += page.data
                if not (cursor := page.next_cursor):
                    break
        return found


def updated(identifier: Any, **fields: Any) -> Update:
    """The upsert of a document."""
    data = bson.encode({"_id": identifier, **fields})
    return Update(id=[encode_id(identifier)], type=UPDATE_TYPE_UPDATE, data=data)


def deleted(identifier: Any) -> Update:
    """The delete of a document."""
    return Update(id=[encode_id(identifier)], type=UPDATE_TYPE_DELETE)


def schema_of(text: str) -> spark.StructType:
    """A schema of simple columns, written `name: type`, separated by commas."""
    kinds = {"string": spark.StringType(), "binary": spark.BinaryType(), "long": spark.LongType()}
    kinds |= {"int": spark.IntegerType(), "double": spark.DoubleType(), "boolean": spark.BooleanType()}
    kinds |= {"timestamp": spark.TimestampType(), "date": spark.DateType(), "decimal": spark.DecimalType(10, 2)}
    pairs = [pair.split(":") for pair in text.split(",")]
    return spark.StructType([spark.StructField(name.strip(), kinds[kind.strip()]) for name, kind in pairs])


def _travelled(value: Any) -> Any:
    """What Spark sends from the driver to an executor, and back."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def rows_of(reader: Any, partitions: Iterable[Any], schema: spark.StructType) -> list[Row]:
    """What the tasks for these partitions yield, each batch in exactly the form that Spark demands."""
    expected = to_arrow_schema(schema, timezone="UTC")
    rows: list[Row] = []
    for partition in partitions:
        for batch in _travelled(reader).read(_travelled(partition)):
            assert batch.schema.equals(expected), (batch.schema, expected)
            rows += batch.to_pylist()
    return rows


def read(schema: spark.StructType | None = None, **options: str) -> list[Row]:
    """A batch read."""
    source = _travelled(DsyncDataSource(options))
    wanted = schema or source.schema()
    reader = source.reader(wanted)
    return rows_of(reader, reader.partitions(), wanted)


def frame(schema: spark.StructType, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as the batches that a task gets."""
    return pa.Table.from_pylist(list(rows), schema=to_arrow_schema(schema, timezone="UTC")).to_batches(max_chunksize=7)


def write(schema: spark.StructType, rows: Sequence[Mapping[str, Any]], **options: str) -> int:
    """A batch write by one task; returns how many documents it says it has written."""
    writer = _travelled(DsyncDataSource(options).writer(schema, overwrite=False))
    return writer.write(iter(frame(schema, rows))).count


def stream_writer(schema: spark.StructType, **options: str) -> Any:
    """What writes the batches of a stream."""
    return _travelled(DsyncDataSource(options).streamWriter(schema, overwrite=False))


class streamed:  # noqa: N801 - read like a function
    """A stream as Spark runs it: offsets are written down before a batch is read, and committed after it.

    The object is the checkpoint: `with streamed.running(…)` is a run of the query, and may be ended at any moment.
    """

    def __init__(self, schema: spark.StructType | None = None, **options: str) -> None:
        self._source = DsyncDataSource(options)
        self.schema = schema or self._source.schema()
        self.offsets: list[dict[str, Any]] = []
        self.committed = 0
        self.rows: list[Row] = []

    def run(self, until: Callable[[], bool], *, dies_after: str = "", available_now: bool = False) -> None:
        """Run batches until a condition holds, or nothing is left with `available_now`.

        It dies when it has come so far in the first batch with data that is not a repetition: the offset is `planned`,
        the rows are `read`, the batch is `committed`.
        """
        reader = self._source.streamReader(self.schema)
        with closing(_Stopping(reader)):
            if available_now:
                reader.prepareForTriggerAvailableNow()
            if len(self.offsets) > self.committed:
                self._batch(reader)
            while not until():
                start = self._start(reader)
                offset = json.loads(json.dumps(reader.latestOffset(start, ReadAllAvailable())))
                if offset == start:
                    if available_now:
                        return
                    continue
                self.offsets.append(offset)
                if dies_after == "planned":
                    return
                if dies_after == "read":
                    self._read(reader.partitions(start, offset))
                    return
                self._batch(reader)
                if dies_after == "committed":
                    return

    def _start(self, reader: Any) -> dict[str, Any]:
        return self.offsets[self.committed - 1] if self.committed else reader.initialOffset()

    def _batch(self, reader: Any) -> None:
        end = self.offsets[self.committed]
        self.rows += self._read(reader.partitions(self._start(reader), end))
        self.committed += 1

    def _read(self, partitions: Iterable[Any]) -> list[Row]:
        """Another object reads in the tasks than the one that plans."""
        return rows_of(self._source.streamReader(self.schema), partitions, self.schema)

    def state(self) -> dict[tuple[str, str], Any]:
        """What the rows say of each document, the last one of each."""
        state: dict[tuple[str, str], Any] = {}
        for row in self.rows:
            state[row["namespace"], row["id"]] = row["document"]
        return {key: document for key, document in state.items() if document is not None}


class _Stopping:
    def __init__(self, reader: Any) -> None:
        self.close = reader.stop
