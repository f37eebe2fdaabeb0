"""What both ends can do, and the type of document that they have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dsync_kit.client import ConnectorApi
from dsync_kit.errors import UsageError
from dsync_kit.protocol import DataType, GetInfoRequest, GetInfoResponse
from dsync_kit.protocol.names import type_name

__all__ = ["End", "Types", "check_namespaces", "negotiate"]


@dataclass(frozen=True, slots=True)
class End:
    """A connector that answers, and what to call it (no secrets in it); `redact` takes them out of what it says."""

    title: str
    api: ConnectorApi
    redact: Callable[[str], str] = str

    def info(self) -> GetInfoResponse:
        """What it says of itself."""
        return self.api.get_info(GetInfoRequest())


@dataclass(frozen=True, slots=True)
class Types:
    """The type that is read from the source, and the one that is written: they differ only through a transform."""

    read: DataType
    written: DataType


def negotiate(
    source: End,
    destination: End,
    source_info: GetInfoResponse,
    destination_info: GetInfoResponse,
    transforms: Mapping[DataType, Sequence[DataType]] | None = None,
) -> Types:
    """The first type in the source's list that the destination lists too, as dsync takes it.

    With `transforms`, which says what becomes of a type, the first that leads to one of the destination's. Raises
    UsageError where an end is not what it is used as, or there is no common type.
    """
    if not source_info.capabilities.HasField("source"):
        raise UsageError(f"{source.title} is not a source: it can only be written to")
    if not destination_info.capabilities.HasField("sink"):
        raise UsageError(f"{destination.title} is not a sink: it can only be read from")
    read = list(source_info.capabilities.source.supported_data_types)
    written = list(destination_info.capabilities.sink.supported_data_types)
    for data_type in read:
        for given in [data_type] if transforms is None else transforms.get(data_type, ()):
            if given in written:
                return Types(data_type, given)
    raise UsageError(
        f"{source.title} and {destination.title} have no document type in common"
        + ("" if transforms is None else ", also through the transform")
        + f": the one gives {_names(read)}, the other takes {_names(written)}"
        + ("" if transforms is None else f", the transform takes {_names(transforms)}")
    )


def check_namespaces(source: End, info: GetInfoResponse, namespaces: Sequence[str]) -> None:
    """Raises UsageError where the source cannot plan so many namespaces: exactly one is always allowed."""
    capabilities = info.capabilities.source
    if not namespaces and not capabilities.default_plan:
        raise UsageError(f"{source.title} cannot say which namespaces it has: name them with --namespace")
    if len(namespaces) > 1 and not capabilities.multi_namespace_plan:
        raise UsageError(f"{source.title} takes one namespace per run, but {len(namespaces)} were given")


def _names(types: "Sequence[DataType] | Mapping[DataType, Sequence[DataType]]") -> str:
    return ", ".join(type_name(data_type) for data_type in types) or "none"
