import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TYPE_UNKNOWN: _ClassVar[DataType]
    DATA_TYPE_MONGO_BSON: _ClassVar[DataType]
    DATA_TYPE_JSON_ID: _ClassVar[DataType]

class UpdateType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPDATE_TYPE_UNKNOWN: _ClassVar[UpdateType]
    UPDATE_TYPE_INSERT: _ClassVar[UpdateType]
    UPDATE_TYPE_UPDATE: _ClassVar[UpdateType]
    UPDATE_TYPE_DELETE: _ClassVar[UpdateType]
    UPDATE_TYPE_PARTIAL_UPDATE: _ClassVar[UpdateType]
DATA_TYPE_UNKNOWN: DataType
DATA_TYPE_MONGO_BSON: DataType
DATA_TYPE_JSON_ID: DataType
UPDATE_TYPE_UNKNOWN: UpdateType
UPDATE_TYPE_INSERT: UpdateType
UPDATE_TYPE_UPDATE: UpdateType
UPDATE_TYPE_DELETE: UpdateType
UPDATE_TYPE_PARTIAL_UPDATE: UpdateType

class BsonValue(_message.Message):
    __slots__ = ("data", "type", "name")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    type: int
    name: str
    def __init__(self, data: _Optional[bytes] = ..., type: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Partition(_message.Message):
    __slots__ = ("namespace", "partition_header", "partition_value", "cursor", "estimated_count")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PARTITION_HEADER_FIELD_NUMBER: _ClassVar[int]
    PARTITION_VALUE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    partition_header: str
    partition_value: str
    cursor: bytes
    estimated_count: int
    def __init__(self, namespace: _Optional[str] = ..., partition_header: _Optional[str] = ..., partition_value: _Optional[str] = ..., cursor: _Optional[bytes] = ..., estimated_count: _Optional[int] = ...) -> None: ...

class UpdatesPartition(_message.Message):
    __slots__ = ("namespaces", "partition_header", "partition_value", "cursor")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    PARTITION_HEADER_FIELD_NUMBER: _ClassVar[int]
    PARTITION_VALUE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    partition_header: str
    partition_value: str
    cursor: bytes
    def __init__(self, namespaces: _Optional[_Iterable[str]] = ..., partition_header: _Optional[str] = ..., partition_value: _Optional[str] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("source", "sink")
    class Source(_message.Message):
        __slots__ = ("supported_data_types", "lsn_stream", "multi_namespace_plan", "default_plan", "get_by_ids")
        SUPPORTED_DATA_TYPES_FIELD_NUMBER: _ClassVar[int]
        LSN_STREAM_FIELD_NUMBER: _ClassVar[int]
        MULTI_NAMESPACE_PLAN_FIELD_NUMBER: _ClassVar[int]
        DEFAULT_PLAN_FIELD_NUMBER: _ClassVar[int]
        GET_BY_IDS_FIELD_NUMBER: _ClassVar[int]
        supported_data_types: _containers.RepeatedScalarFieldContainer[DataType]
        lsn_stream: bool
        multi_namespace_plan: bool
        default_plan: bool
        get_by_ids: bool
        def __init__(self, supported_data_types: _Optional[_Iterable[_Union[DataType, str]]] = ..., lsn_stream: _Optional[bool] = ..., multi_namespace_plan: _Optional[bool] = ..., default_plan: _Optional[bool] = ..., get_by_ids: _Optional[bool] = ...) -> None: ...
    class Sink(_message.Message):
        __slots__ = ("supported_data_types",)
        SUPPORTED_DATA_TYPES_FIELD_NUMBER: _ClassVar[int]
        supported_data_types: _containers.RepeatedScalarFieldContainer[DataType]
        def __init__(self, supported_data_types: _Optional[_Iterable[_Union[DataType, str]]] = ...) -> None: ...
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SINK_FIELD_NUMBER: _ClassVar[int]
    source: Capabilities.Source
    sink: Capabilities.Sink
    def __init__(self, source: _Optional[_Union[Capabilities.Source, _Mapping]] = ..., sink: _Optional[_Union[Capabilities.Sink, _Mapping]] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("id", "db_type", "version", "spec", "capabilities")
    ID_FIELD_NUMBER: _ClassVar[int]
    DB_TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    id: str
    db_type: str
    version: str
    spec: str
    capabilities: Capabilities
    def __init__(self, id: _Optional[str] = ..., db_type: _Optional[str] = ..., version: _Optional[str] = ..., spec: _Optional[str] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ...) -> None: ...

class GetNamespaceMetadataRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class GetNamespaceMetadataResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class GeneratePlanRequest(_message.Message):
    __slots__ = ("namespaces", "initial_sync", "updates")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    INITIAL_SYNC_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    initial_sync: bool
    updates: bool
    def __init__(self, namespaces: _Optional[_Iterable[str]] = ..., initial_sync: _Optional[bool] = ..., updates: _Optional[bool] = ...) -> None: ...

class GeneratePlanResponse(_message.Message):
    __slots__ = ("partitions", "updates_partitions")
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    partitions: _containers.RepeatedCompositeFieldContainer[Partition]
    updates_partitions: _containers.RepeatedCompositeFieldContainer[UpdatesPartition]
    def __init__(self, partitions: _Optional[_Iterable[_Union[Partition, _Mapping]]] = ..., updates_partitions: _Optional[_Iterable[_Union[UpdatesPartition, _Mapping]]] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("id", "type", "data", "partial_update_unset")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_UPDATE_UNSET_FIELD_NUMBER: _ClassVar[int]
    id: _containers.RepeatedCompositeFieldContainer[BsonValue]
    type: UpdateType
    data: bytes
    partial_update_unset: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[_Iterable[_Union[BsonValue, _Mapping]]] = ..., type: _Optional[_Union[UpdateType, str]] = ..., data: _Optional[bytes] = ..., partial_update_unset: _Optional[_Iterable[str]] = ...) -> None: ...

class ListDataRequest(_message.Message):
    __slots__ = ("partition", "type", "cursor")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    partition: Partition
    type: DataType
    cursor: bytes
    def __init__(self, partition: _Optional[_Union[Partition, _Mapping]] = ..., type: _Optional[_Union[DataType, str]] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ListDataResponse(_message.Message):
    __slots__ = ("data", "next_cursor")
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedScalarFieldContainer[bytes]
    next_cursor: bytes
    def __init__(self, data: _Optional[_Iterable[bytes]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class WriteDataRequest(_message.Message):
    __slots__ = ("namespace", "data", "type")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    data: _containers.RepeatedScalarFieldContainer[bytes]
    type: DataType
    def __init__(self, namespace: _Optional[str] = ..., data: _Optional[_Iterable[bytes]] = ..., type: _Optional[_Union[DataType, str]] = ...) -> None: ...

class WriteDataResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WriteUpdatesRequest(_message.Message):
    __slots__ = ("namespace", "updates", "type")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    type: DataType
    def __init__(self, namespace: _Optional[str] = ..., updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., type: _Optional[_Union[DataType, str]] = ...) -> None: ...

class WriteUpdatesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StreamUpdatesRequest(_message.Message):
    __slots__ = ("namespaces", "type", "cursor")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    type: DataType
    cursor: bytes
    def __init__(self, namespaces: _Optional[_Iterable[str]] = ..., type: _Optional[_Union[DataType, str]] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class StreamUpdatesResponse(_message.Message):
    __slots__ = ("updates", "namespace", "next_cursor", "time")
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    namespace: str
    next_cursor: bytes
    time: _timestamp_pb2.Timestamp
    def __init__(self, updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., namespace: _Optional[str] = ..., next_cursor: _Optional[bytes] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StreamLSNRequest(_message.Message):
    __slots__ = ("namespaces", "cursor")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    cursor: bytes
    def __init__(self, namespaces: _Optional[_Iterable[str]] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class StreamLSNResponse(_message.Message):
    __slots__ = ("lsn", "next_cursor")
    LSN_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    lsn: int
    next_cursor: bytes
    def __init__(self, lsn: _Optional[int] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class GetByIdsRequest(_message.Message):
    __slots__ = ("namespace", "ids", "type")
    class IdRequest(_message.Message):
        __slots__ = ("id",)
        ID_FIELD_NUMBER: _ClassVar[int]
        id: _containers.RepeatedCompositeFieldContainer[BsonValue]
        def __init__(self, id: _Optional[_Iterable[_Union[BsonValue, _Mapping]]] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    ids: _containers.RepeatedCompositeFieldContainer[GetByIdsRequest.IdRequest]
    type: DataType
    def __init__(self, namespace: _Optional[str] = ..., ids: _Optional[_Iterable[_Union[GetByIdsRequest.IdRequest, _Mapping]]] = ..., type: _Optional[_Union[DataType, str]] = ...) -> None: ...

class GetByIdsResponse(_message.Message):
    __slots__ = ("data",)
    class ResponseItem(_message.Message):
        __slots__ = ("data",)
        DATA_FIELD_NUMBER: _ClassVar[int]
        data: bytes
        def __init__(self, data: _Optional[bytes] = ...) -> None: ...
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedCompositeFieldContainer[GetByIdsResponse.ResponseItem]
    def __init__(self, data: _Optional[_Iterable[_Union[GetByIdsResponse.ResponseItem, _Mapping]]] = ...) -> None: ...

class GetTransformInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTransformInfoResponse(_message.Message):
    __slots__ = ("transforms", "use_multiple_responses")
    class TransformInfo(_message.Message):
        __slots__ = ("request_type", "response_types")
        REQUEST_TYPE_FIELD_NUMBER: _ClassVar[int]
        RESPONSE_TYPES_FIELD_NUMBER: _ClassVar[int]
        request_type: DataType
        response_types: _containers.RepeatedScalarFieldContainer[DataType]
        def __init__(self, request_type: _Optional[_Union[DataType, str]] = ..., response_types: _Optional[_Iterable[_Union[DataType, str]]] = ...) -> None: ...
    TRANSFORMS_FIELD_NUMBER: _ClassVar[int]
    USE_MULTIPLE_RESPONSES_FIELD_NUMBER: _ClassVar[int]
    transforms: _containers.RepeatedCompositeFieldContainer[GetTransformInfoResponse.TransformInfo]
    use_multiple_responses: bool
    def __init__(self, transforms: _Optional[_Iterable[_Union[GetTransformInfoResponse.TransformInfo, _Mapping]]] = ..., use_multiple_responses: _Optional[bool] = ...) -> None: ...

class GetTransformRequest(_message.Message):
    __slots__ = ("namespace", "updates", "data", "request_type", "response_type")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TYPE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    data: _containers.RepeatedScalarFieldContainer[bytes]
    request_type: DataType
    response_type: DataType
    def __init__(self, namespace: _Optional[str] = ..., updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., data: _Optional[_Iterable[bytes]] = ..., request_type: _Optional[_Union[DataType, str]] = ..., response_type: _Optional[_Union[DataType, str]] = ...) -> None: ...

class TransformResponse(_message.Message):
    __slots__ = ("namespace", "updates", "data")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    data: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, namespace: _Optional[str] = ..., updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., data: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetTransformResponse(_message.Message):
    __slots__ = ("namespace", "updates", "data", "responses")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    data: _containers.RepeatedScalarFieldContainer[bytes]
    responses: _containers.RepeatedCompositeFieldContainer[TransformResponse]
    def __init__(self, namespace: _Optional[str] = ..., updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., data: _Optional[_Iterable[bytes]] = ..., responses: _Optional[_Iterable[_Union[TransformResponse, _Mapping]]] = ...) -> None: ...
