"""The descriptors compared with the protocol's tables: names, numbers, types, and which calls stream."""

import pydoc
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dsync_kit.documents import encode
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, RPCS, SERVICE_NAME, UPDATE_TYPE_INSERT, UpdateType
from dsync_kit.protocol.adiom.v1 import adiom_pb2, messages_pb2
from dsync_kit.protocol.names import kind_name, type_name

ROOT = Path(__file__).parents[2]

ENUMS = {
    "DataType": {"DATA_TYPE_UNKNOWN": 0, "DATA_TYPE_MONGO_BSON": 1, "DATA_TYPE_JSON_ID": 2},
    "UpdateType": {
        "UPDATE_TYPE_UNKNOWN": 0,
        "UPDATE_TYPE_INSERT": 1,
        "UPDATE_TYPE_UPDATE": 2,
        "UPDATE_TYPE_DELETE": 3,
        "UPDATE_TYPE_PARTIAL_UPDATE": 4,
    },
}

# message: "field = number type", as the protocol's tables have them
MESSAGES = {
    "BsonValue": "data = 1 bytes · type = 2 uint32 · name = 3 string",
    "Partition": "namespace = 1 string · partition_header = 2 string · partition_value = 3 string · cursor = 4 bytes"
    " · estimated_count = 5 uint64",
    "UpdatesPartition": "namespaces = 1 repeated string · partition_header = 2 string · partition_value = 3 string"
    " · cursor = 4 bytes",
    "Capabilities": "source = 1 Capabilities.Source · sink = 2 Capabilities.Sink",
    "Capabilities.Source": "supported_data_types = 1 repeated DataType · lsn_stream = 2 bool"
    " · multi_namespace_plan = 3 bool · default_plan = 4 bool · get_by_ids = 5 bool",
    "Capabilities.Sink": "supported_data_types = 1 repeated DataType",
    "GetInfoRequest": "",
    "GetInfoResponse": "id = 1 string · db_type = 2 string · version = 3 string · spec = 4 string"
    " · capabilities = 5 Capabilities",
    "GetNamespaceMetadataRequest": "namespace = 1 string",
    "GetNamespaceMetadataResponse": "count = 1 uint64",
    "GeneratePlanRequest": "namespaces = 1 repeated string · initial_sync = 2 bool · updates = 3 bool",
    "GeneratePlanResponse": "partitions = 1 repeated Partition · updates_partitions = 2 repeated UpdatesPartition",
    "Update": "id = 1 repeated BsonValue · type = 2 UpdateType · data = 3 bytes"
    " · partial_update_unset = 4 repeated string",
    "ListDataRequest": "partition = 1 Partition · type = 2 DataType · cursor = 3 bytes",
    "ListDataResponse": "data = 1 repeated bytes · next_cursor = 2 bytes",
    "WriteDataRequest": "namespace = 1 string · data = 2 repeated bytes · type = 3 DataType",
    "WriteDataResponse": "",
    "WriteUpdatesRequest": "namespace = 1 string · updates = 2 repeated Update · type = 3 DataType",
    "WriteUpdatesResponse": "",
    "StreamUpdatesRequest": "namespaces = 1 repeated string · type = 2 DataType · cursor = 3 bytes",
    "StreamUpdatesResponse": "updates = 1 repeated Update · namespace = 2 string · next_cursor = 3 bytes"
    " · time = 4 google.protobuf.Timestamp",
    "StreamLSNRequest": "namespaces = 1 repeated string · cursor = 2 bytes",
    "StreamLSNResponse": "lsn = 1 uint64 · next_cursor = 2 bytes",
    "GetByIdsRequest": "namespace = 1 string · ids = 2 repeated GetByIdsRequest.IdRequest · type = 3 DataType",
    "GetByIdsRequest.IdRequest": "id = 1 repeated BsonValue",
    "GetByIdsResponse": "data = 1 repeated GetByIdsResponse.ResponseItem",
    "GetByIdsResponse.ResponseItem": "data = 1 bytes",
    "GetTransformInfoRequest": "",
    "GetTransformInfoResponse": "transforms = 1 repeated GetTransformInfoResponse.TransformInfo"
    " · use_multiple_responses = 2 bool",
    "GetTransformInfoResponse.TransformInfo": "request_type = 1 DataType · response_types = 2 repeated DataType",
    "GetTransformRequest": "namespace = 1 string · updates = 2 repeated Update · data = 3 repeated bytes"
    " · request_type = 4 DataType · response_type = 5 DataType",
    "TransformResponse": "namespace = 1 string · updates = 2 repeated Update · data = 3 repeated bytes",
    "GetTransformResponse": "namespace = 1 string · updates = 2 repeated Update · data = 3 repeated bytes"
    " · responses = 4 repeated TransformResponse",
}

# service: method: (request, response, whether the answer is a stream)
SERVICES = {
    "ConnectorService": {
        "GetInfo": ("GetInfoRequest", "GetInfoResponse", False),
        "GetNamespaceMetadata": ("GetNamespaceMetadataRequest", "GetNamespaceMetadataResponse", False),
        "WriteData": ("WriteDataRequest", "WriteDataResponse", False),
        "WriteUpdates": ("WriteUpdatesRequest", "WriteUpdatesResponse", False),
        "GeneratePlan": ("GeneratePlanRequest", "GeneratePlanResponse", False),
        "ListData": ("ListDataRequest", "ListDataResponse", False),
        "StreamUpdates": ("StreamUpdatesRequest", "StreamUpdatesResponse", True),
        "StreamLSN": ("StreamLSNRequest", "StreamLSNResponse", True),
        "GetByIds": ("GetByIdsRequest", "GetByIdsResponse", False),
    },
    "TransformService": {
        "GetTransformInfo": ("GetTransformInfoRequest", "GetTransformInfoResponse", False),
        "GetTransform": ("GetTransformRequest", "GetTransformResponse", False),
    },
}

SCALARS = {
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}


def local(full_name: str) -> str:
    return full_name.removeprefix("adiom.v1.")


def field_text(field: FieldDescriptor) -> str:
    """A field in the tables' notation."""
    if field.message_type is not None:
        kind = local(field.message_type.full_name)
    elif field.enum_type is not None:
        kind = local(field.enum_type.full_name)
    else:
        kind = SCALARS[field.type]
    return f"{field.name} = {field.number} {'repeated ' if field.is_repeated else ''}{kind}"


def all_messages() -> dict[str, Descriptor]:
    found = {}
    pending = [
        message for module in (messages_pb2, adiom_pb2) for message in module.DESCRIPTOR.message_types_by_name.values()
    ]
    while pending:
        message = pending.pop()
        found[local(message.full_name)] = message
        pending.extend(message.nested_types)
    return found


def test_there_are_these_messages_and_no_others() -> None:
    """Exactly the messages of the tables exist."""
    assert set(all_messages()) == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_fields(name: str) -> None:
    """A message has exactly the fields of its table, with their numbers and types."""
    message = all_messages()[name]
    assert sorted(map(field_text, message.fields)) == sorted(filter(None, MESSAGES[name].split(" · ")))
    assert not message.oneofs
    assert not message.extensions


def test_enums() -> None:
    """The enums have exactly the values of the table, with their numbers."""
    enums = {
        name: {value.name: value.number for value in enum.values}
        for module in (messages_pb2, adiom_pb2)
        for name, enum in module.DESCRIPTOR.enum_types_by_name.items()
    }
    assert enums == ENUMS
    assert not any(message.enum_types for message in all_messages().values())


def test_services() -> None:
    """The services have the methods of the tables, with their messages; two stream their answers, none its requests."""
    services = {
        name: {
            method.name: (
                local(method.input_type.full_name),
                local(method.output_type.full_name),
                method.server_streaming,
            )
            for method in service.methods
        }
        for module in (messages_pb2, adiom_pb2)
        for name, service in module.DESCRIPTOR.services_by_name.items()
    }
    assert services == SERVICES
    assert not any(
        method.client_streaming
        for service in adiom_pb2.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    )


def test_files() -> None:
    """Reflection returns the files with the names and the package that every client knows."""
    assert (messages_pb2.DESCRIPTOR.name, adiom_pb2.DESCRIPTOR.name) == (
        "adiom/v1/messages.proto",
        "adiom/v1/adiom.proto",
    )
    assert {messages_pb2.DESCRIPTOR.package, adiom_pb2.DESCRIPTOR.package} == {"adiom.v1"}
    assert SERVICE_NAME == "adiom.v1.ConnectorService"


def test_table_of_rpcs() -> None:
    """The SDK's table of RPCs is the connector service's."""
    table = {
        rpc.name: (local(rpc.request.DESCRIPTOR.full_name), local(rpc.response.DESCRIPTOR.full_name), rpc.streams)
        for rpc in RPCS
    }
    assert table == SERVICES["ConnectorService"]
    assert next(rpc.path for rpc in RPCS if rpc.name == "GetInfo") == "/adiom.v1.ConnectorService/GetInfo"


def test_generated_code_is_up_to_date() -> None:
    """Generating the code again from the .proto files gives the committed code."""
    pytest.importorskip("grpc_tools", reason="generating the protocol's code needs grpcio-tools")
    check = [sys.executable, str(ROOT / "tools" / "generate_protocol.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_types_are_named_without_their_prefix() -> None:
    """Messages say MONGO_BSON and INSERT; an unknown number is shown as a number."""
    assert (type_name(DATA_TYPE_MONGO_BSON), type_name(9)) == ("MONGO_BSON", "type 9")
    assert (kind_name(UPDATE_TYPE_INSERT), kind_name(9)) == ("INSERT", "type 9")


def test_help_names_the_enums() -> None:
    """A parameter's annotation is shown as its type, not as an object at an address."""
    assert "data_type: DataType)" in pydoc.render_doc(encode, renderer=pydoc.plaintext)
    assert str(UpdateType) == "UpdateType"
