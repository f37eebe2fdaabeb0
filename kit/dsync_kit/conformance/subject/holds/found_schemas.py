"""What was found out about the documents of a namespace."""

from collections.abc import Mapping
from dataclasses import dataclass

from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.protocol import DataType

__all__ = ["FoundSchemas"]


@dataclass(frozen=True)
class FoundSchemas:
    """What was found out about one namespace, by data type."""

    by_type: Mapping[DataType, DocumentSchema]

    def of(self, data_type: DataType) -> DocumentSchema:
        """The schema of documents of one data type."""
        return self.by_type[data_type]
