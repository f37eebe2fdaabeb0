"""A TransformService between source and sink, over real gRPC."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import bson
import grpc
import pytest

from dsync_kit.errors import UsageError
from dsync_kit.flow.engine import FlowOptions, Mode
from dsync_kit.flow.events import CallRepeated, Event
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.transform import TransformClient
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    TRANSFORM_SERVICE_NAME,
    Capabilities,
    GetTransformInfoRequest,
    GetTransformInfoResponse,
    GetTransformRequest,
    GetTransformResponse,
    TransformResponse,
    Update,
)

from .ends import Ends, delete, numbered, run, upsert
from .test_updating import Changing


class Transform:
    """Makes JSON from BSON: `_id` becomes `id`, and a field `seen` is added."""

    multiple = False
    faults: list[grpc.StatusCode]

    def __init__(self) -> None:
        self.faults = []

    def info(self, request: GetTransformInfoRequest, context: grpc.ServicerContext) -> GetTransformInfoResponse:
        known = GetTransformInfoResponse.TransformInfo(
            request_type=DATA_TYPE_MONGO_BSON, response_types=[DATA_TYPE_JSON_ID]
        )
        return GetTransformInfoResponse(transforms=[known], use_multiple_responses=self.multiple)

    def transform(self, request: GetTransformRequest, context: grpc.ServicerContext) -> GetTransformResponse:
        if self.faults:
            context.abort(self.faults.pop(0), "try again")
        assert (request.request_type, request.response_type) == (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)
        data = [self._shaped(document) for document in request.data]
        updates = [
            Update(id=update.id, type=update.type, data=self._shaped(update.data) if update.data else b"")
            for update in request.updates
        ]
        if not self.multiple:
            return GetTransformResponse(namespace=f"{request.namespace}.shaped", data=data, updates=updates)
        parts = [
            TransformResponse(namespace=name, data=data, updates=updates) for name in (request.namespace, "copies")
        ]
        return GetTransformResponse(responses=parts)

    def _shaped(self, document: bytes) -> bytes:
        value = bson.decode(document)
        return json.dumps({"id": value.pop("_id"), **value, "seen": True}).encode()


@contextmanager
def serving(transform: Transform) -> Iterator[TransformClient]:
    """The transform at an address, and a client of it."""
    server = grpc.server(ThreadPoolExecutor(4))
    handlers = {
        "GetTransformInfo": grpc.unary_unary_rpc_method_handler(
            transform.info, GetTransformInfoRequest.FromString, GetTransformInfoResponse.SerializeToString
        ),
        "GetTransform": grpc.unary_unary_rpc_method_handler(
            transform.transform, GetTransformRequest.FromString, GetTransformResponse.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(TRANSFORM_SERVICE_NAME, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with TransformClient(f"127.0.0.1:{port}", insecure=True) as client:
            assert client.wait_until_ready(10)
            yield client
    finally:
        server.stop(0).wait()


class Json(Ends):
    """A sink for JSON only, into which nothing could otherwise be copied."""

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=[DATA_TYPE_JSON_ID])


class Bson(Changing):
    """A source of BSON only."""

    def source_capabilities(self) -> Capabilities.Source:
        return Capabilities.Source(
            supported_data_types=[DATA_TYPE_MONGO_BSON], default_plan=True, multi_namespace_plan=True
        )


def source() -> Bson:
    made = Bson(("a", [upsert(2, v=5), delete(3)]))
    made.fill("a", numbered(5))
    return made


def test_documents_and_updates_are_reshaped() -> None:
    """Types are negotiated through the transform, its namespace is used, and the comparison uses it, too."""
    sink = Json()
    with serving(Transform()) as transform:
        result = run(source(), sink, FlowOptions(verify=True), transform=transform)
    assert result.complete
    found = sink.contents("a.shaped", DATA_TYPE_JSON_ID)
    assert set(found) == {0, 1, 2, 4}
    assert found[2] == {"id": 2, "v": 5, "seen": True}


def test_several_responses() -> None:
    """One page may become several, each for another namespace, which is then mapped."""
    kind = Transform()
    kind.multiple = True
    sink = Json()
    with serving(kind) as transform:
        names = NamespaceMap.parse(["a:z"])
        options = FlowOptions(mode=Mode.INITIAL_SYNC, namespaces=names)
        assert run(source(), sink, options, transform=transform).complete
    # The sink's own plan had the updates before the listing: deletes are not listed.
    assert sink.store.namespaces() == ["copies", "z"]
    assert sink.contents("z", DATA_TYPE_JSON_ID) == sink.contents("copies", DATA_TYPE_JSON_ID)


@pytest.mark.usefixtures("quick_waits")
def test_a_transform_that_fails() -> None:
    """A retryable code is retried; a final one fails the partition."""
    kind, events = Transform(), list[Event]()
    with serving(kind) as transform:
        kind.faults = [grpc.StatusCode.UNAVAILABLE]
        assert run(source(), Json(), transform=transform, listener=events.append).complete
        assert [event.rpc for event in events if isinstance(event, CallRepeated)] == ["GetTransform"]
        kind.faults = [grpc.StatusCode.INVALID_ARGUMENT] * 2
        result = run(source(), Json(), transform=transform)
    assert {failure.reason for failure in result.failures} == {"INVALID_ARGUMENT: try again"}


def test_a_transform_that_leads_nowhere() -> None:
    """If no type is in common even through the transform, the error says what each side reads and writes."""

    class Onlybson(Ends):
        def sink_capabilities(self) -> Capabilities.Sink:
            return Capabilities.Sink(supported_data_types=[DATA_TYPE_MONGO_BSON])

    with serving(Transform()) as transform, pytest.raises(UsageError, match="also through the transform"):
        run(source(), Onlybson(), transform=transform)
