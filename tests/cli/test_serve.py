"""`dsync-kit serve`, as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsync_kit.client import GrpcClient
from dsync_kit.protocol import GetInfoRequest

from .conftest import Command


@contextmanager
def serving(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server on a free port: the process, what it says that it serves, and where."""
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "serve", *map(str, words)]
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
def test_serve_until_told_to_end(reference: Path, number: signal.Signals) -> None:
    """A folder alone serves its scratch area, which is gone when the server has ended; it ends with 0."""
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


def test_own_options_stand_anywhere() -> None:
    """`--address` may stand before the connector, or behind its options."""
    for words in (
        ["--address", "127.0.0.1:0", "reference://", "--page-size", "3"],
        ["reference://", "--page-size", "3", "--address=127.0.0.1:0"],
    ):
        with serving(*words) as (_, title, _address):
            assert title == "reference://"


def test_a_folder_and_a_uri(reference: Path, tmp_path: Path) -> None:
    """A folder that is followed by a URI serves that."""
    uri = f"reference://{tmp_path}/data"
    with serving(reference, uri, "--address", "127.0.0.1:0") as (_, title, _address):
        assert title == uri


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reference://", "--address", "0.0.0.0:0"], "data would pass in clear text"),
        (["reference://", "--address", "nowhere"], "cannot listen at 'nowhere'"),
        (["reference://", "--cert-file", "x"], "TLS needs both --cert-file and --key-file"),
        (["reference://", "--cert-file", "x", "--key-file", "y"], "--cert-file x: No such file"),
        (["reference://", "--bogus"], "reference:// has no option --bogus"),
        (["reference://", "more"], "'more' is no option of it"),
        (["grpc://127.0.0.1:1"], "is served already"),
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
    """A port that another server has is wrong usage, and not a second listener."""
    with serving("reference://", "--address", "127.0.0.1:0") as (_, _title, address):
        done = dsync_kit("serve", "reference://", "--address", address)
    assert done.returncode == 2
    assert "the port is taken" in done.stderr


def test_without_a_target(dsync_kit: Command) -> None:
    """The help page, and wrong usage."""
    done = dsync_kit("serve")
    assert done.returncode == 2
    assert "--address" in done.stdout
