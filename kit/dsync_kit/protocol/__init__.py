"""The messages of `adiom.v1`, and the table of the connector service's RPCs.

Connectors take and return the protocol's own messages; there is no second vocabulary.
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from dsync_kit.protocol.adiom.v1 import adiom_pb2
from dsync_kit.protocol.adiom.v1.messages_pb2 import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UNKNOWN,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    Capabilities,
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    GetTransformInfoRequest,
    GetTransformInfoResponse,
    GetTransformRequest,
    GetTransformResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    TransformResponse,
    Update,
    UpdatesPartition,
    UpdateType,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

__all__ = [
    "DATA_TYPE_JSON_ID",
    "DATA_TYPE_MONGO_BSON",
    "DATA_TYPE_UNKNOWN",
    "RPCS",
    "SERVICE_NAME",
    "TRANSFORM_SERVICE_NAME",
    "UPDATE_TYPE_DELETE",
    "UPDATE_TYPE_INSERT",
    "UPDATE_TYPE_PARTIAL_UPDATE",
    "UPDATE_TYPE_UNKNOWN",
    "UPDATE_TYPE_UPDATE",
    "BsonValue",
    "Capabilities",
    "DataType",
    "GeneratePlanRequest",
    "GeneratePlanResponse",
    "GetByIdsRequest",
    "GetByIdsResponse",
    "GetInfoRequest",
    "GetInfoResponse",
    "GetNamespaceMetadataRequest",
    "GetNamespaceMetadataResponse",
    "GetTransformInfoRequest",
    "GetTransformInfoResponse",
    "GetTransformRequest",
    "GetTransformResponse",
    "ListDataRequest",
    "ListDataResponse",
    "Partition",
    "Rpc",
    "StreamLSNRequest",
    "StreamLSNResponse",
    "StreamUpdatesRequest",
    "StreamUpdatesResponse",
    "TransformResponse",
    "Update",
    "UpdateType",
    "UpdatesPartition",
    "WriteDataRequest",
    "WriteDataResponse",
    "WriteUpdatesRequest",
    "WriteUpdatesResponse",
]


class _NamedEnum(EnumTypeWrapper):
    """The generated object of an enum, by its name: `help()` shows it where it annotates a parameter."""

    def __repr__(self) -> str:
        return str(self.DESCRIPTOR.name)


_ENUMS: tuple[Any, ...] = (DataType, UpdateType)
for _enum in _ENUMS:
    _enum.__class__ = _NamedEnum

SERVICE_NAME = "adiom.v1.ConnectorService"
TRANSFORM_SERVICE_NAME = "adiom.v1.TransformService"

# The wire's names are CamelCase, ours are Python's; the one irregular word is LSN.
_METHODS = {
    "GetInfo": "get_info",
    "GetNamespaceMetadata": "get_namespace_metadata",
    "WriteData": "write_data",
    "WriteUpdates": "write_updates",
    "GeneratePlan": "generate_plan",
    "ListData": "list_data",
    "StreamUpdates": "stream_updates",
    "StreamLSN": "stream_lsn",
    "GetByIds": "get_by_ids",
}


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC of the connector service: its wire name, its Python method, its message types."""

    name: str
    method: str
    request: type[Message]
    response: type[Message]
    streams: bool

    @property
    def path(self) -> str:
        """The RPC's path on the wire, for example `/adiom.v1.ConnectorService/GetInfo`."""
        return f"/{SERVICE_NAME}/{self.name}"


RPCS: tuple[Rpc, ...] = tuple(
    Rpc(
        name=method.name,
        method=_METHODS[method.name],
        request=GetMessageClass(method.input_type),
        response=GetMessageClass(method.output_type),
        streams=method.server_streaming,
    )
    for method in adiom_pb2.DESCRIPTOR.services_by_name["ConnectorService"].methods
)
