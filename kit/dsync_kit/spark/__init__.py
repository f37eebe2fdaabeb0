"""The Spark data source `dsync`: reads from, and writes to, any connector. It needs the extra `spark`.

Spark finds it by itself (`pyspark_dsync.py`): `spark.read.format("dsync")`. docs/spark.md describes its options.

    data_source.py      what Spark calls: readers and writers, by options and schema
    options.py          the options of a read or a write, checked
    endpoint.py         the connector: named on the driver, opened in each process that needs it
    planning.py         a connector's plan, and how it becomes Spark's partitions
    rows/               documents as rows and back: raw columns, typed columns, ids as text
    reading.py          a batch read
    writing.py          a batch write, and a streaming one
    streaming/          a stream: its offsets, its reader, and what follows StreamUpdates on the driver
"""

try:
    import pyarrow as _pyarrow  # noqa: F401 - whether it is there
    import pyspark as _pyspark  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"the Spark data source needs {error.name}, which is not installed: run pip install 'dsync-kit[spark]'",
        name=error.name,
    ) from None

from dsync_kit.spark.data_source import DsyncDataSource

__all__ = ["DsyncDataSource"]
