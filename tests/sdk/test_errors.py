"""Errors: the caller gets what a connector raises, and nothing that it did not mean to reveal."""

import logging
from collections.abc import Iterator
from typing import NoReturn

import grpc
import pytest

from dsync_kit import errors
from dsync_kit.client import ConnectorApi, GrpcClient, LocalClient
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.errors import ConnectorError, FinalError, RetryableError, Status, error_for, status_of
from dsync_kit.protocol import (
    GetInfoRequest,
    GetInfoResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
)
from dsync_kit.server import ConnectorServer

CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
RETRYABLE = {"ABORTED", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}


class LibraryError(Exception):
    """What some client library raises: its text holds a password."""


class Failing(Connector):
    """Raises `error` from every call."""

    error: Exception = Exception()

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        self.fail()

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        yield StreamUpdatesResponse(namespace="before")
        self.fail()

    def fail(self) -> NoReturn:
        raise self.error

    def translate_error(self, error: Exception) -> ConnectorError | None:
        if isinstance(error, LibraryError):
            return errors.Unavailable(f"the library says: {error}")
        if isinstance(error, KeyError):
            raise RuntimeError("the translation fails over hunter2")
        return None

    def redact(self, text: str) -> str:
        return text.replace("hunter2", "***")


@pytest.fixture(scope="module")
def connector() -> Failing:
    return Failing()


@pytest.fixture(scope="module")
def wire(connector: Failing) -> Iterator[GrpcClient]:
    with ConnectorServer(connector) as server, GrpcClient(server.address, insecure=True) as client:
        yield client


@pytest.fixture(params=["wire", "local"])
def client(request: pytest.FixtureRequest, connector: Failing, wire: GrpcClient) -> ConnectorApi:
    return wire if request.param == "wire" else LocalClient(connector)


def answer(client: ConnectorApi) -> ConnectorError:
    """The error of a call, which is also that of a stream after its first message."""
    with pytest.raises(ConnectorError) as unary:
        client.get_info(GetInfoRequest())
    seen: list[StreamUpdatesResponse] = []
    with pytest.raises(ConnectorError) as streaming:
        seen.extend(client.stream_updates(StreamUpdatesRequest()))
    assert streaming.value.code == unary.value.code
    return unary.value


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_code_over_the_wire(code: grpc.StatusCode, connector: Failing, client: ConnectorApi) -> None:
    """Each code arrives unchanged, with its message, as the class that was raised."""
    connector.error = error_for(code, f"möglich: {code.name}")
    seen = answer(client)
    assert (seen.code, seen.message, type(seen)) == (code, f"möglich: {code.name}", type(connector.error))
    assert seen.retryable == (code.name in RETRYABLE)
    assert str(seen) == f"{code.name}: möglich: {code.name}"


def test_tree() -> None:
    """Codes that dsync retries are RetryableErrors, the others FinalErrors, and each code has one class."""
    leaves = [kind for base in (RetryableError, FinalError) for kind in base.__subclasses__()]
    assert {kind.code.name for kind in RetryableError.__subclasses__()} == RETRYABLE
    assert len({kind.code for kind in leaves}) == len(leaves)
    for kind in leaves:
        assert type(error_for(kind.code, "x")) is kind
        assert kind("x").retryable == issubclass(kind, RetryableError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotImplementedError("partial updates"), grpc.StatusCode.UNIMPLEMENTED),
        (TimeoutError("no answer"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (ConnectionRefusedError("refused"), grpc.StatusCode.UNAVAILABLE),
        (ConnectionResetError(), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_known_exceptions(error: Exception, code: grpc.StatusCode, connector: Failing, client: ConnectorApi) -> None:
    """Connection faults from the standard library are retryable; the message is never empty."""
    connector.error = error
    seen = answer(client)
    assert seen.code == code
    assert seen.message


def test_translated(connector: Failing, client: ConnectorApi) -> None:
    """The connector's own mapping gives the code, and its secrets are removed from the message."""
    connector.error = LibraryError("login with hunter2 failed")
    seen = answer(client)
    assert (seen.code, seen.message) == (grpc.StatusCode.UNAVAILABLE, "the library says: login with *** failed")


def test_foreign_exceptions_tell_nothing(
    connector: Failing, client: ConnectorApi, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets a class name and a reference; the log has the traceback under it, without secrets."""
    connector.error = ValueError("postgres://u:hunter2@host and another secret")
    with caplog.at_level(logging.ERROR):
        seen = answer(client)
    assert seen.code == grpc.StatusCode.UNKNOWN
    assert "ValueError" in seen.message
    assert "secret" not in seen.message
    assert "postgres" not in seen.message
    reference = seen.message.rpartition(" ")[2]
    assert reference in caplog.text
    assert "in fail" in caplog.text
    assert "another secret" in caplog.text
    assert "hunter2" not in caplog.text


def test_failing_translation(connector: Failing, client: ConnectorApi, caplog: pytest.LogCaptureFixture) -> None:
    """A failing `translate_error` leaks nothing either, and both failures are in the log."""
    connector.error = KeyError("original hunter2")
    seen = answer(client)
    assert seen.code == grpc.StatusCode.UNKNOWN
    assert "hunter2" not in seen.message
    assert "original ***" in caplog.text
    assert "the translation fails over ***" in caplog.text


def test_connector_errors_are_redacted(connector: Failing, client: ConnectorApi) -> None:
    """Messages that the connector wrote lose their secrets, too."""
    connector.error = errors.PermissionDenied("the password hunter2 is wrong")
    assert answer(client).message == "the password *** is wrong"


def test_huge_message(connector: Failing, client: ConnectorApi) -> None:
    """A message that is too large for a header keeps its code and its beginning."""
    connector.error = errors.InvalidArgument("the start " + "ä" * 100_000)
    seen = answer(client)
    assert seen.code == grpc.StatusCode.INVALID_ARGUMENT
    assert seen.message.startswith("the start ää")


def test_message_that_is_not_unicode(connector: Failing, client: ConnectorApi) -> None:
    """A lone surrogate, as in file names, does not lose the code."""
    connector.error = errors.NotFound("no file a\udcff")
    seen = answer(client)
    assert (seen.code, seen.message) == (grpc.StatusCode.NOT_FOUND, "no file a\\udcff")


def test_status_of_without_a_connector() -> None:
    """The mapping works without a connector, and custom codes are kept."""
    own = ConnectorError("x", grpc.StatusCode.DATA_LOSS)
    assert status_of(own) == Status(grpc.StatusCode.DATA_LOSS, "x")
    assert not own.retryable
    assert ConnectorError("x").code == grpc.StatusCode.UNKNOWN
