"""What a connector declares, and what its harness does in its place."""

from dataclasses import dataclass, replace
from typing import Self

from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType, GetInfoResponse
from dsync_kit.testing.harness import Harness

__all__ = ["Declared"]

_KNOWN_TYPES = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)


@dataclass(frozen=True, slots=True)
class Declared:
    """The answer to GetInfo, and whether the connector or its harness can write, change and read documents."""

    info: GetInfoResponse
    is_source: bool
    is_sink: bool
    source_types: tuple[DataType, ...]
    sink_types: tuple[DataType, ...]
    can_load: bool
    can_change: bool
    can_read: bool
    accepts: bool = True
    """Whether a document is known that it accepts: for a table with unknown columns there may be none."""
    misread: tuple[DataType, ...] = ()
    """Types in which it lists something other than their documents. list/type reports that; other rules avoid them."""

    @classmethod
    def of(cls, info: GetInfoResponse, harness: Harness | None) -> Self:
        """What an answer to GetInfo declares, and what a harness offers."""
        source, sink = info.capabilities.source, info.capabilities.sink
        is_source, is_sink = info.capabilities.HasField("source"), info.capabilities.HasField("sink")
        return cls(
            info=info,
            is_source=is_source,
            is_sink=is_sink,
            source_types=tuple(kind for kind in _KNOWN_TYPES if kind in source.supported_data_types),
            sink_types=tuple(kind for kind in _KNOWN_TYPES if kind in sink.supported_data_types),
            can_load=is_sink or (harness is not None and harness.offers("seed")),
            can_change=is_sink or (harness is not None and harness.offers("update")),
            can_read=is_source or (harness is not None and harness.offers("read")),
        )

    def without_updates(self) -> Self:
        """The same for a sink that only copies and applies no updates, as dsync's own for files and S3."""
        return replace(self, can_change=False)

    def without_listing(self) -> Self:
        """The same for a source that can only be streamed."""
        return replace(self, can_read=False)

    @property
    def only_streams(self) -> bool:
        """Whether it is a source that cannot be listed."""
        return self.is_source and not self.can_read

    @property
    def types(self) -> tuple[DataType, ...]:
        """The types in which documents can be both written and read; a stream counts as reading."""
        if not self.accepts:
            return ()
        if self.is_sink and self.is_source:
            return tuple(kind for kind in self.sink_types if kind in self.source_types and kind not in self.misread)
        if self.is_sink:
            return self.sink_types if self.can_read else ()
        return self.source_types if self.can_load else ()

    @property
    def written_types(self) -> tuple[DataType, ...]:
        """The types in which documents can be written, even if nobody can read them."""
        return self.sink_types if self.is_sink else self.types

    @property
    def loads(self) -> bool:
        """Whether documents can be both written and read."""
        return bool(self.types)
