"""The server and the client over real gRPC on loopback."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from dsync_kit.client import ConnectorApi, GrpcClient, LocalClient
from dsync_kit.connector import CallContext, Connector, StreamContext
from dsync_kit.errors import ConnectorError, ResourceExhausted, Unavailable, Unimplemented, UsageError
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    RPCS,
    SERVICE_NAME,
    BsonValue,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    Rpc,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.server import ConnectorServer, Tls

SECONDS = 30.0  # how long a test waits for what should happen at once


class Echo(Connector):
    """Answers each call with something of the request, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.torn_down = 0
        self.opened = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        self.requests.append(request)
        return GetInfoResponse(db_type="echo")

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        self.requests.append(request)
        return GetNamespaceMetadataResponse(count=2**64 - 1)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.requests.append(request)
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.requests.append(request)
        return WriteUpdatesResponse()

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        self.requests.append(request)
        return GeneratePlanResponse(partitions=[Partition(namespace=namespace) for namespace in request.namespaces])

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.requests.append(request)
        return ListDataResponse(data=[b"x" * int(request.cursor or b"1")], next_cursor=request.partition.cursor)

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        """One message for each namespace; with the cursor `wait`, then nothing until the call ends."""
        self.requests.append(request)
        context.add_callback(self.ended.release)
        for namespace in request.namespaces:
            yield StreamUpdatesResponse(namespace=namespace, next_cursor=request.cursor)
        self.opened.release()
        if request.cursor == b"wait":
            context.wait(3600)

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[StreamLSNResponse]:
        self.requests.append(request)
        yield from (StreamLSNResponse(lsn=lsn) for lsn in (1, 2, 2))

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        self.requests.append(request)
        return GetByIdsResponse(data=[GetByIdsResponse.ResponseItem(data=item.id[0].data) for item in request.ids])

    def teardown(self) -> None:
        self.torn_down += 1


@pytest.fixture
def connector() -> Echo:
    return Echo()


@pytest.fixture
def server(connector: Echo) -> Iterator[ConnectorServer]:
    with ConnectorServer(connector) as server:
        yield server


@pytest.fixture
def client(server: ConnectorServer) -> Iterator[GrpcClient]:
    with GrpcClient(server.address, insecure=True, timeout=SECONDS) as client:
        yield client


def call(api: ConnectorApi, rpc: Rpc, request: Message) -> list[Message]:
    answer: Any = getattr(api, rpc.method)(request)
    return list(answer) if rpc.streams else [answer]


REQUESTS: dict[str, tuple[Message, list[Message]]] = {
    "GetInfo": (GetInfoRequest(), [GetInfoResponse(db_type="echo")]),
    "GetNamespaceMetadata": (
        GetNamespaceMetadataRequest(namespace="a.b"),
        [GetNamespaceMetadataResponse(count=2**64 - 1)],
    ),
    "WriteData": (WriteDataRequest(namespace="a", data=[b"", b"\0"], type=DATA_TYPE_MONGO_BSON), [WriteDataResponse()]),
    "WriteUpdates": (WriteUpdatesRequest(namespace="ü", updates=[{}]), [WriteUpdatesResponse()]),
    "GeneratePlan": (
        GeneratePlanRequest(namespaces=["a", "b"], initial_sync=True),
        [GeneratePlanResponse(partitions=[Partition(namespace="a"), Partition(namespace="b")])],
    ),
    "ListData": (
        ListDataRequest(partition=Partition(cursor=b"next"), cursor=b"3"),
        [ListDataResponse(data=[b"xxx"], next_cursor=b"next")],
    ),
    "StreamUpdates": (
        StreamUpdatesRequest(namespaces=["a", "b"], cursor=b"c"),
        [StreamUpdatesResponse(namespace=name, next_cursor=b"c") for name in ("a", "b")],
    ),
    "StreamLSN": (StreamLSNRequest(cursor=b"c"), [StreamLSNResponse(lsn=lsn) for lsn in (1, 2, 2)]),
    "GetByIds": (
        GetByIdsRequest(ids=[GetByIdsRequest.IdRequest(id=[BsonValue(data=data)]) for data in (b"1", b"")]),
        [GetByIdsResponse(data=[GetByIdsResponse.ResponseItem(data=data) for data in (b"1", b"")])],
    ),
}


@pytest.mark.parametrize("where", ["wire", "local"])
@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.name)
def test_every_rpc(rpc: Rpc, where: str, connector: Echo, client: GrpcClient) -> None:
    """Each RPC hands its request to its method, and gives back the answer, by either client."""
    request, answers = REQUESTS[rpc.name]
    assert call(client if where == "wire" else LocalClient(connector), rpc, request) == answers
    assert connector.requests == [request]


@pytest.mark.parametrize("where", ["wire", "local"])
@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.name)
def test_unimplemented_by_default(rpc: Rpc, where: str) -> None:
    """A connector that overrides nothing answers UNIMPLEMENTED to everything, and says who and what."""

    class Bare(Connector):
        pass

    bare = Bare()
    expected = pytest.raises(Unimplemented, match=f"Bare does not implement {rpc.name}$")
    with ConnectorServer(bare) as server, GrpcClient(server.address, insecure=True) as wire, expected:
        call(wire if where == "wire" else LocalClient(bare), rpc, rpc.request())


def test_local_client_shares_no_message(connector: Echo) -> None:
    """What the connector keeps of a request is not changed by its caller, as over the wire."""
    request = WriteDataRequest(namespace="before")
    LocalClient(connector).write_data(request)
    request.namespace = "after"
    assert connector.requests == [WriteDataRequest(namespace="before")]


@pytest.mark.parametrize("gzip", [False, True])
def test_large_messages_both_ways(gzip: bool, server: ConnectorServer, connector: Echo) -> None:
    """20 MiB are taken and given, whether the request is compressed or not."""
    size = 20 << 20
    with GrpcClient(server.address, insecure=True, gzip=gzip) as client:
        client.write_data(WriteDataRequest(namespace="a", data=[b"ab" * (size // 2)]))
        [answer] = client.list_data(ListDataRequest(cursor=str(size).encode())).data
    [written, _] = connector.requests
    assert isinstance(written, WriteDataRequest)
    assert written.data == [b"ab" * (size // 2)]
    assert answer == b"x" * size


def test_health(server: ConnectorServer) -> None:
    """The server as a whole and the connector service are SERVING; another service is unknown."""
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE_NAME):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="other"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection(server: ConnectorServer) -> None:
    """A client that knows nothing learns the services, and every method of the connector's."""
    with grpc.insecure_channel(server.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {SERVICE_NAME, "grpc.health.v1.Health"} <= set(database.get_services())
        file = database.FindFileContainingSymbol(SERVICE_NAME)
    [service] = [service for service in file.service if service.name == "ConnectorService"]
    assert {method.name for method in service.method} == {rpc.name for rpc in RPCS}


def test_cancelling_a_stream_reaches_the_connector(connector: Echo, client: GrpcClient) -> None:
    """A caller that hangs up runs the stream's callback, though the connector polls nothing and yields nothing."""
    stream = client.stream_updates(StreamUpdatesRequest(namespaces=["a"], cursor=b"wait"))
    assert next(iter(stream)).namespace == "a"
    assert connector.opened.acquire(timeout=SECONDS)
    assert not connector.ended.acquire(blocking=False)
    stream.cancel()
    assert connector.ended.acquire(timeout=SECONDS)


def test_closing_the_connection_reaches_the_connector(connector: Echo, server: ConnectorServer) -> None:
    """A client that goes away ends its streams."""
    with GrpcClient(server.address, insecure=True) as client:
        stream = client.stream_updates(StreamUpdatesRequest(namespaces=["a"], cursor=b"wait"))
        assert next(iter(stream)).namespace == "a"
        assert connector.opened.acquire(timeout=SECONDS)
    assert connector.ended.acquire(timeout=SECONDS)


def test_stop_without_start(connector: Echo) -> None:
    """A server that never started tears its connector down all the same."""
    ConnectorServer(connector).stop()
    assert connector.torn_down == 1


def test_port_zero(server: ConnectorServer, client: GrpcClient) -> None:
    """Port 0 takes a free port on loopback, and the address has its number."""
    host, _, port = server.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert client.wait_until_ready(SECONDS)


def test_nobody_listens() -> None:
    """Without a server a client is not ready, and a call is UNAVAILABLE."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with GrpcClient(f"127.0.0.1:{taken.getsockname()[1]}", insecure=True) as client:
            assert not client.wait_until_ready(0.1)
            with pytest.raises(Unavailable):
                client.get_info(GetInfoRequest())


def test_busy_port(connector: Echo, server: ConnectorServer) -> None:
    """A port in use is a usage error that says so, not a second listener."""
    with pytest.raises(UsageError, match=rf"cannot listen at {server.address}: the port is taken.*port 0"):
        ConnectorServer(connector, server.address)


@pytest.mark.parametrize("address", ["", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_bad_address(connector: Echo, address: str) -> None:
    """Anything but HOST:PORT is a usage error that shows the right form."""
    with pytest.raises(UsageError, match="expected HOST:PORT, for example"):
        ConnectorServer(connector, address)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder: Path = tmp_path_factory.mktemp("tls")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([openssl, *request.split(), *names, *files], check=True, capture_output=True)
    return Tls(certificate=(folder / "cert.pem").read_bytes(), key=(folder / "key.pem").read_bytes())


def test_tls(connector: Echo, tls: Tls) -> None:
    """With a certificate, it answers only those who trust it."""
    with ConnectorServer(connector, tls=tls) as server:
        credentials = grpc.ssl_channel_credentials(tls.certificate)
        with grpc.secure_channel(server.address, credentials) as channel:
            get_info: Any = channel.unary_unary(RPCS[0].path, response_deserializer=GetInfoResponse.FromString)
            assert get_info(b"", timeout=SECONDS).db_type == "echo"
        for insecure in (False, True):
            with GrpcClient(server.address, insecure=insecure) as client, pytest.raises(Unavailable):
                client.get_info(GetInfoRequest())


def test_busy_port_with_tls(connector: Echo, server: ConnectorServer, tls: Tls) -> None:
    """With a good certificate, a busy port is still reported as one."""
    with pytest.raises(UsageError, match="the port is taken"):
        ConnectorServer(connector, server.address, tls=tls)


def test_bad_certificate(connector: Echo, tls: Tls) -> None:
    """An invalid certificate or key is a usage error."""
    for wrong in (Tls(b"no PEM", tls.key), Tls(tls.certificate, b"no PEM")):
        with pytest.raises(UsageError, match="the certificate or its key is not valid PEM"):
            ConnectorServer(connector, tls=wrong)


def test_many_streams_do_not_starve_calls(client: GrpcClient) -> None:
    """With 40 open streams, GetInfo still answers; beyond the limit, a stream is RESOURCE_EXHAUSTED at once."""
    request = StreamUpdatesRequest(namespaces=["a"], cursor=b"wait")
    streams = [client.stream_updates(request) for _ in range(40)]
    for stream in streams:
        assert next(iter(stream)).namespace == "a"
    assert client.get_info(GetInfoRequest()).db_type == "echo"
    more = [client.stream_updates(request) for _ in range(20)]
    refused = 0
    for stream in more:
        try:
            next(iter(stream))
        except ResourceExhausted:
            refused += 1
    assert 0 < refused < len(more)
    assert client.get_info(GetInfoRequest()).db_type == "echo"
    for stream in (*streams, *more):
        stream.cancel()


def test_answer_of_a_wrong_type_reveals_nothing() -> None:
    """If a method returns something else than a message, the caller gets an error that reveals nothing of it."""

    class Wrong(Connector):
        def get_info(self, request: GetInfoRequest) -> Any:
            return "hunter2"

    with (
        ConnectorServer(Wrong()) as server,
        GrpcClient(server.address, insecure=True) as client,
        pytest.raises(ConnectorError) as caught,
    ):
        client.get_info(GetInfoRequest())
    assert "hunter2" not in str(caught.value)


def test_call_context() -> None:
    """Cancelling ends a wait and runs each callback once; one that is added later runs at once."""
    context = CallContext()
    seen: list[str] = []
    context.add_callback(lambda: seen.append("first"))
    assert not context.wait(0)
    waiter = threading.Thread(target=lambda: seen.append(f"waited {context.wait(3600)}"))
    waiter.start()
    context.cancel()
    context.cancel()
    waiter.join(timeout=SECONDS)
    context.add_callback(lambda: seen.append("late"))
    assert context.wait(0)
    assert sorted(seen) == ["first", "late", "waited True"]


def test_cancelling_a_local_stream(connector: Echo) -> None:
    """The local client cancels a stream as the remote one does."""
    stream = LocalClient(connector).stream_updates(StreamUpdatesRequest(namespaces=["a"], cursor=b"wait"))
    messages: list[Message] = []
    reader = threading.Thread(target=lambda: messages.extend(stream))
    reader.start()
    assert connector.opened.acquire(timeout=SECONDS)
    stream.cancel()
    reader.join(timeout=SECONDS)
    assert not reader.is_alive()
    assert connector.ended.acquire(timeout=SECONDS)
    assert len(messages) == 1
