"""What both ends can do, and which data type they have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from dsync_kit.client import ConnectorApi, LocalClient
from dsync_kit.errors import UsageError
from dsync_kit.protocol import DataType, GetInfoRequest, GetInfoResponse
from dsync_kit.protocol.names import type_name
from dsync_kit.targets.target import OpenTarget, Target

__all__ = ["End", "Types", "check_namespaces", "negotiate"]


@dataclass(frozen=True, slots=True)
class End:
    """A connector that answers, and its name without secrets; `redact` removes secrets from its messages."""

    title: str
    api: ConnectorApi
    redact: Callable[[str], str] = str

    @classmethod
    def of(cls, target: Target, opened: OpenTarget) -> Self:
        """An open target. One in this process shares its messages with the caller, which must not change them."""
        api = opened.api
        if opened.connector is not None:
            api = LocalClient(opened.connector, copies=False, redact=target.redact)
        # The arguments of a command may contain secrets.
        title = opened.title.split()[0] if opened.title.startswith("exec:") else opened.title
        return cls(title, api, target.redact)

    def info(self) -> GetInfoResponse:
        """Its answer to GetInfo."""
        return self.api.get_info(GetInfoRequest())


@dataclass(frozen=True, slots=True)
class Types:
    """The data types that are read and written: they differ only with a transform."""

    read: DataType
    written: DataType


def negotiate(
    source: End,
    destination: End,
    source_info: GetInfoResponse,
    destination_info: GetInfoResponse,
    transforms: Mapping[DataType, Sequence[DataType]] | None = None,
) -> Types:
    """The first type in the source's list that the destination lists, too: dsync's choice.

    `transforms` maps each type to those that a transform can turn it into; then it is the first that leads to one of
    the destination's. Raises UsageError if the source is not a source, the destination not a sink, or if they have no
    type in common.
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
        + f": one gives {_names(read)}, the other takes {_names(written)}"
        + ("" if transforms is None else f", the transform takes {_names(transforms)}")
    )


def check_namespaces(source: End, info: GetInfoResponse, namespaces: Sequence[str]) -> None:
    """Raise UsageError if the source cannot plan so many namespaces at once. A single one is always allowed."""
    capabilities = info.capabilities.source
    if not namespaces and not capabilities.default_plan:
        raise UsageError(f"{source.title} cannot say which namespaces it has: name them with --namespace")
    if len(namespaces) > 1 and not capabilities.multi_namespace_plan:
        raise UsageError(f"{source.title} takes one namespace per run, but {len(namespaces)} were given")


def _names(types: "Sequence[DataType] | Mapping[DataType, Sequence[DataType]]") -> str:
    return ", ".join(type_name(data_type) for data_type in types) or "none"
