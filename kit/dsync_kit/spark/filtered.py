"""A batch read that takes a query's filters: Spark pushes them down from version 4.1 on."""

from collections.abc import Iterable

from pyspark.sql.datasource import EqualTo, Filter, In

from dsync_kit.spark.reading import DsyncReader
from dsync_kit.spark.rows.raw import is_raw
from dsync_kit.spark.rows.typed import NAMESPACE

__all__ = ["FilteredReader"]


class FilteredReader(DsyncReader):
    """A reader that plans only the namespaces which a query's filters allow.

    It is a class of its own, as Spark refuses to read with a reader that takes filters unless its setting
    `spark.sql.python.filterPushdown.enabled` is true.
    """

    def pushFilters(self, filters: list[Filter]) -> Iterable[Filter]:  # noqa: N802 - Spark's name
        """Take note of the filters on the namespace; Spark still applies all of them to the rows."""
        column = ("namespace" if is_raw(self.schema) else NAMESPACE,)
        for each in filters:
            named: set[str] | None = None
            if isinstance(each, EqualTo) and each.attribute == column:
                named = {each.value}
            elif isinstance(each, In) and each.attribute == column:
                named = set(each.value)
            if named is not None:
                self.only = named if self.only is None else self.only & named
        return filters
