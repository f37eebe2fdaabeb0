"""What Spark calls: the data source `dsync`, its schema, and its readers and writers by their options."""

from collections.abc import Iterator
from itertools import islice

import pyspark
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    DataSourceStreamWriter,
    DataSourceWriter,
)
from pyspark.sql.types import StructType

from dsync_kit.errors import UsageError
from dsync_kit.flow.listing import pages
from dsync_kit.spark.endpoint import Repeating
from dsync_kit.spark.failures import refused
from dsync_kit.spark.options import Given
from dsync_kit.spark.planning import plan, source_info, source_type
from dsync_kit.spark.reading import DsyncReader, Reading
from dsync_kit.spark.rows.found import found_columns
from dsync_kit.spark.rows.raw import FORMS, raw_schema
from dsync_kit.spark.rows.updates import update_schema
from dsync_kit.spark.writing import DsyncWriter, Writing

__all__ = ["DsyncDataSource"]

_LOOKED_AT = 1000
"""Documents from which columns are inferred, unless `samplingSize` says otherwise."""

_PAGE = 1000
"""The most documents in a call of WriteData, unless `pageSize` says otherwise."""

_BATCH_UPDATES, _BATCH_BYTES = 10_000, 16 << 20
"""The most updates and bytes in a batch of a stream. The driver holds two batches; a task gets a share of one."""

_UPDATE_PARTITIONS = 4
"""The most tasks that read a batch of updates."""

_IDLE_SECONDS = 5.0
"""How long no update comes before a run with `availableNow` takes what it has seen for all that is there."""

_OTHER_OPTIONS = (
    "pushDownFilters",
    "initialCopy",
    "maxUpdatesPerBatch",
    "maxBytesPerBatch",
    "updatePartitions",
    "idleSeconds",
)
_FILTERS_FROM, _STREAMS_FROM = (4, 1), (4, 2)
"""Before 4.2, the reader of a stream doesn't learn where the stream stands."""


class DsyncDataSource(DataSource):
    """Any connector as a data source of Spark: `spark.read.format("dsync").option("target", …)`."""

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return "dsync"

    def schema(self) -> StructType:
        """The columns where the user gives none: documents as they are, or those found with `inferSchema`."""
        given = Given(self.options)
        infer, sample = given.flag("inferSchema"), given.number("samplingSize") or _LOOKED_AT
        operations = given.flag("operations")
        for name in _OTHER_OPTIONS:
            given.text(name)
        reading = _reading(given)
        if not infer:
            return (update_schema if operations else raw_schema)(reading.documents or "json")
        if reading.documents is not None:
            raise UsageError("the option 'documents' is for whole documents, 'inferSchema' for typed columns: drop one")
        return _inferred(reading, sample)

    def reader(self, schema: StructType) -> DataSourceReader:
        """A batch read."""
        given = Given(self.options)
        for name in ("inferSchema", "samplingSize"):
            given.text(name)
        if given.flag("operations"):
            raise UsageError("the option 'operations' is for streams: a batch read has documents only")
        if not given.flag("pushDownFilters"):
            return DsyncReader(_reading(given), schema)
        _check_spark("filters on the plan need", _FILTERS_FROM)
        from dsync_kit.spark.filtered import FilteredReader

        return FilteredReader(_reading(given), schema)

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceWriter:
        """A batch write."""
        if overwrite:
            raise UsageError("documents are never removed by a write: use .mode('append'), which overwrites by id")
        return DsyncWriter(_writing(Given(self.options)), schema)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: N802 - Spark's name
        """A stream of updates."""
        _check_spark("streams need", _STREAMS_FROM)
        from dsync_kit.spark.streaming.batch import Limits
        from dsync_kit.spark.streaming.reader import DsyncStreamReader, Following

        given = Given(self.options)
        given.flag("operations")
        limits = Limits(
            updates=given.number("maxUpdatesPerBatch") or _BATCH_UPDATES,
            size=given.number("maxBytesPerBatch") or _BATCH_BYTES,
            shares=given.number("updatePartitions") or _UPDATE_PARTITIONS,
        )
        following = Following(given.flag("initialCopy"), limits, idle=given.seconds("idleSeconds") or _IDLE_SECONDS)
        return DsyncStreamReader(_reading(given), following, schema)

    def streamWriter(self, schema: StructType, overwrite: bool) -> DataSourceStreamWriter:  # noqa: N802
        """A stream that is written as updates."""
        _check_spark("streams need", _STREAMS_FROM)
        from dsync_kit.spark.streaming.writer import DsyncStreamWriter

        if overwrite:
            raise UsageError("documents are never removed by a write: use .outputMode('append') or 'update'")
        given = Given(self.options)
        return DsyncStreamWriter(
            operation=given.text("operation") or "operation", writing=_writing(given), schema=schema
        )


def _check_spark(what: str, needed: tuple[int, int]) -> None:
    """Raise UsageError where Spark is too old for something."""
    if tuple(map(int, pyspark.__version__.split(".")[:2])) < needed:
        raise UsageError(f"{what} pyspark {needed[0]}.{needed[1]} or newer, but this is {pyspark.__version__}")


def _reading(given: Given) -> Reading:
    return Reading(
        namespaces=given.namespaces(),
        type=given.choice("type", ("bson", "json")),
        documents=given.choice("documents", FORMS),
        partitions=given.number("partitions"),
        permissive=given.choice("mode", ("FAILFAST", "PERMISSIVE")) == "PERMISSIVE",
        endpoint=given.endpoint(),
    )


def _writing(given: Given) -> Writing:
    namespaces = given.namespaces()
    if len(namespaces) > 1:
        raise UsageError(f"a write goes to one namespace, or to that of each row, but {len(namespaces)} were given")
    return Writing(
        namespace=namespaces[0] if namespaces else None,
        type=given.choice("type", ("bson", "json")),
        page_size=given.number("pageSize") or _PAGE,
        nulls=not given.flag("ignoreNullFields", default=True),
        endpoint=given.endpoint(),
    )


def _inferred(reading: Reading, count: int) -> StructType:
    """The columns that the first documents suggest, some of each partition of the plan."""
    with reading.endpoint.open() as end:
        info = source_info(end)
        data_type = source_type(end, info, reading.type)
        partitions = plan(end, info, reading.namespaces, initial_sync=True, updates=False).partitions
        api = Repeating(end.api)

        def documents() -> Iterator[bytes]:
            each = -(-count // max(1, len(partitions)))
            for partition in partitions:
                with refused(end, f"ListData(namespace={partition.namespace!r})"):
                    listed = (document for page in pages(api, partition, data_type) for document in page.data)
                    yield from islice(listed, each)

        found = list(islice(documents(), count))
    if not found:
        raise UsageError(f"{end.title} has no documents to infer columns from: give a schema with .schema(…)")
    return found_columns(found, data_type)
