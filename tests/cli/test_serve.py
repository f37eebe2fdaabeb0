"""`dsync-kit serve`, as a separate process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsync_kit.client import GrpcClient
from dsync_kit.errors import ConnectorError, Unavailable, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    GeneratePlanRequest,
    GetInfoRequest,
    StreamUpdatesRequest,
    WriteDataRequest,
    WriteDataResponse,
)

from .conftest import Command


@contextmanager
def serving(*words: str | Path, python: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server on a free port: the process, what it says that it serves, and where; `python` are the interpreter's own
    options."""
    command = [sys.executable, *python, "-m", "dsync_kit.cli.kit", "serve", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().split()
            assert len(line) == 4, process.communicate()[1]
            assert (line[0], line[2]) == ("serving", "at")
            yield process, line[1], line[3]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_until_a_signal_ends_it(reference: Path, number: signal.Signals) -> None:
    """A folder alone serves its scratch area, which is removed when the server ends; the exit code is 0."""
    with serving(reference, "--address", "127.0.0.1:0") as (process, title, address):
        with GrpcClient(address, insecure=True) as client:
            assert client.wait_until_ready(10)
            assert client.get_info(GetInfoRequest()).db_type == "reference"
        folder = Path(title.removeprefix("reference://"))
        assert folder.is_dir()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert not folder.exists()
    assert "the scratch area of" in errors
    assert "Traceback" not in errors


@pytest.mark.campaign  # gRPC tests a connection after ten seconds at the earliest
def test_a_stream_from_a_machine_that_is_gone(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops in the middle of a stream, and closes no connection, ends the stream as UNAVAILABLE."""
    monkeypatch.setattr("dsync_kit.client._KEEPALIVE_MS", 10_000)
    with (
        serving(reference, "--address", "127.0.0.1:0") as (process, _, address),
        GrpcClient(address, insecure=True) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        assert client.wait_until_ready(10)
        (partition,) = client.generate_plan(GeneratePlanRequest(namespaces=["a"], updates=True)).updates_partitions
        request = StreamUpdatesRequest(namespaces=["a"], type=DATA_TYPE_JSON_ID, cursor=partition.cursor)
        received = pool.submit(list, client.stream_updates(request))
        assert not wait([received], timeout=1).done
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(Unavailable):
            received.result(timeout=100)


def test_a_signal_that_another_thread_is_given(signalled: Path) -> None:
    """The system may deliver it to any thread, or just before the main one waits: the server still ends."""
    with serving(signalled, "signalled://", "--address", "127.0.0.1:0") as (process, _, address):
        with GrpcClient(address, insecure=True) as client, pytest.raises(ConnectorError):
            list(client.stream_updates(StreamUpdatesRequest()))
        assert process.wait(timeout=30) == 0


def test_own_options_stand_anywhere() -> None:
    """`--address` works before the connector, and after its options."""
    for words in (
        ["--address", "127.0.0.1:0", "reference://", "--page-size", "3"],
        ["reference://", "--page-size", "3", "--address=127.0.0.1:0"],
    ):
        with serving(*words) as (_, title, _address):
            assert title == "reference://"


def test_a_folder_and_a_uri(reference: Path, tmp_path: Path) -> None:
    """A folder followed by a URI serves that."""
    uri = f"reference://{tmp_path}/data"
    with serving(reference, uri, "--address", "127.0.0.1:0") as (_, title, _address):
        assert title == uri


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reference://", "--address", "0.0.0.0:0"], "data would travel in clear text"),
        (["reference://", "--address", "nowhere"], "cannot listen at 'nowhere'"),
        (["reference://", "--cert-file", "x"], "TLS needs both --cert-file and --key-file"),
        (["reference://", "--cert-file", "x", "--key-file", "y"], "--cert-file x: No such file"),
        (["reference://", "--bogus"], "reference:// has no option --bogus"),
        (["reference://", "more"], "'more' is not one of its options"),
        (["grpc://127.0.0.1:1"], "is already served"),
        (["nonsense://x"], "no connector matches"),
    ],
)
def test_wrong_usage(dsync_kit: Command, words: list[str], message: str) -> None:
    """Exit code 2, and a message that says what is wrong."""
    done = dsync_kit("serve", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port(dsync_kit: Command) -> None:
    """A port in use is wrong usage; there is no second listener."""
    with serving("reference://", "--address", "127.0.0.1:0") as (_, _title, address):
        done = dsync_kit("serve", "reference://", "--address", address)
    assert done.returncode == 2
    assert "the port is taken" in done.stderr


def test_without_a_target(dsync_kit: Command) -> None:
    """It prints the help page, and is wrong usage."""
    done = dsync_kit("serve")
    assert done.returncode == 2
    assert "--address" in done.stdout


@contextmanager
def writing_to_null(*words: str) -> Iterator[tuple[subprocess.Popen[str], GrpcClient, "Future[WriteDataResponse]"]]:
    """A slow `/dev/null`, its client, and the answer to a write in progress."""
    with serving("/dev/null", "--log-json", *words, "--address", "127.0.0.1:0") as (process, _, address):
        request = WriteDataRequest(namespace="n", data=[b"{}"], type=DATA_TYPE_JSON_ID)
        with GrpcClient(address, insecure=True) as client, ThreadPoolExecutor(1) as executor:
            writing = executor.submit(client.write_data, request)
            assert process.stdout is not None
            assert "write-data" in process.stdout.readline()
            try:
                yield process, client, writing
            finally:
                process.kill()


def test_a_write_under_way_is_answered_before_the_end() -> None:
    """SIGTERM waits for the write: the caller gets OK, and the exit code is 0."""
    with writing_to_null("--sleep", "1s") as (process, _, writing):
        process.terminate()
        assert writing.result(timeout=30) == WriteDataResponse()
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("grace", ["0.3", "3600"])
def test_a_write_that_takes_too_long_ends_with_the_process(grace: str) -> None:
    """After the grace, or on a second SIGTERM, the process ends during the write: its caller must repeat it, and it
    can't be applied later. Exit code 3, with the reason."""
    with writing_to_null("--sleep", "1h", "--grace", grace) as (process, client, writing):
        process.terminate()
        if grace == "3600":
            refused: type[Exception] | None = Unimplemented
            while refused is Unimplemented:  # until the stop has begun
                with pytest.raises((Unavailable, Unimplemented)) as caught:
                    list(client.stream_updates(StreamUpdatesRequest()))
                refused = caught.type
            assert process.poll() is None
            process.terminate()
        assert isinstance(writing.exception(timeout=30), Unavailable)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert ("1 call has not ended within 0.3 seconds" if grace == "0.3" else "a second signal to stop") in errors


def test_a_successor_shares_the_address(dsync_kit: Command) -> None:
    """With --reuse-port, a second server starts at the address before the first one stops; without it, it does not."""
    words = ("/dev/null", "--reuse-port")
    with serving(*words, "--address", "127.0.0.1:0") as (first, _, address):
        assert "the port is taken" in dsync_kit("serve", "/dev/null", "--address", address).stderr
        with serving(*words, "--address", address) as (second, _, _):
            first.terminate()
            assert first.wait(timeout=30) == 0
            with GrpcClient(address, insecure=True) as client:
                assert client.get_info(GetInfoRequest()).db_type == "null"
            second.terminate()
            assert second.wait(timeout=30) == 0


def test_a_server_starts_with_what_it_needs() -> None:
    """Modules for display, tests, scaffolding and gRPC's own services are not loaded to serve dsync."""
    with serving("reference://", "--address", "127.0.0.1:0", python=("-X", "importtime")) as (process, _, _address):
        process.terminate()
        _, errors = process.communicate(timeout=30)
    loaded = {line.rpartition("|")[2].strip() for line in errors.splitlines() if line.startswith("import time:")}
    assert {"grpc", "pydantic", "dsync_kit.server"} <= loaded
    unwanted = {"rich", "hypothesis", "copier", "pytest", "grpc_health.v1", "grpc_reflection.v1alpha"}
    assert loaded & {*unwanted, "dsync_kit.conformance"} == set()
