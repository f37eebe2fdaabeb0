"""A namespace with more documents than fit on a page, and how it is paged."""

from dataclasses import dataclass

from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.protocol import DataType

__all__ = ["LargeNamespace"]


@dataclass(frozen=True, slots=True)
class LargeNamespace:
    """`page_size` is the most documents that a page held, None if no partition had several pages; `listed` is how
    many were listed at all."""

    namespace: str
    documents: list[bytes]
    data_type: DataType
    page_size: int | None
    partitions: int
    listed: int

    @property
    def model(self) -> Model:
        """The model of the namespace."""
        return Model(self.data_type, self.documents)
