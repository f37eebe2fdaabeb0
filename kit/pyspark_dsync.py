"""Where Spark finds the data source by itself: it imports every top-level module named `pyspark_*`."""

from dsync_kit.spark import DsyncDataSource as DefaultSource

__all__ = ["DefaultSource"]
