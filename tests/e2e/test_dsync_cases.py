"""The real dsync resumes, notices what it must, and misses nothing: cases at chosen moments. `DSYNC_BIN` names its
binary."""

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from dsync_kit.documents import encode, encode_id
from dsync_kit.e2e.ends import ServedEnd, served
from dsync_kit.e2e.kills import COPY, KILLED, REPLACED, STOPPED, UPDATES, Kill
from dsync_kit.e2e.movers import real_dsync
from dsync_kit.e2e.results import Result
from dsync_kit.e2e.workload import Amounts
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import UPDATE_TYPE_DELETE, Update, WriteDataRequest, WriteUpdatesRequest
from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.targets.resolving import resolve
from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.secantusdb import SecantusDB

from .flows import flow
from .test_e2e import DSYNC, needs_dsync

pytestmark = needs_dsync

NAMESPACES = ["shop.orders", "shop.customers"]
Flow = Callable[..., tuple[Result, list[str]]]


@pytest.fixture
def stack() -> ExitStack:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def ends(tmp_path: Path, stack: ExitStack) -> tuple[ServedEnd, ServedEnd]:
    """Two connectors with small pages."""
    source, sink = (stack.enter_context(served(resolve(f"reference://{tmp_path}/{name}", SMALL))) for name in "ab")
    return source, sink


SMALL = ["--page-size", "5"]


def dsync_flow(
    tmp_path: Path, stack: ExitStack, ends: tuple[ServedEnd, ServedEnd], kills: Sequence[Kill]
) -> tuple[Result, list[str]]:
    """A run of Full mode, whose source is changed from before the copy on, and the log of each start of dsync."""
    source, sink = ends
    mover = stack.enter_context(real_dsync(Path(DSYNC), "", source, sink, NAMESPACES, tmp_path, copies_only=False))
    result = flow(ends, mover, NAMESPACES, kills, Amounts(documents=400, calls=60), seed=1)
    return result, [log.read_text(encoding="utf-8") for log in sorted(tmp_path.glob("mover-*.log"))]


def test_dsync_is_killed_in_the_copy_and_in_the_stream(
    tmp_path: Path, stack: ExitStack, ends: tuple[ServedEnd, ServedEnd]
) -> None:
    """Each time the same command finds its flow, logs no error, and goes on; both ends are equal."""
    result, logs = dsync_flow(tmp_path, stack, ends, [Kill("dsync", COPY, 0.3, 0.1), Kill("dsync", UPDATES, 0.5, 0.1)])
    assert result.equal, result
    assert len(logs) == 3
    assert all("Found an existing flow" in log for log in logs[1:])
    assert not any("ERR" in log for log in logs)


def test_the_source_is_killed_in_the_stream(
    tmp_path: Path, stack: ExitStack, ends: tuple[ServedEnd, ServedEnd]
) -> None:
    """dsync logs an error and ends; its second start finds the flow, resumes the stream, and both ends are equal."""
    result, logs = dsync_flow(tmp_path, stack, ends, [Kill("source", UPDATES, 0.5, 0.1)])
    assert result.equal, result
    assert len(logs) == 2
    assert "ERR" in logs[0]
    assert "Found an existing flow" in logs[1]
    assert "ERR" not in logs[1]


@pytest.mark.parametrize("victim", ["source", "destination"])
def test_an_end_is_stopped_killed_and_replaced(
    tmp_path: Path, stack: ExitStack, ends: tuple[ServedEnd, ServedEnd], victim: str
) -> None:
    """In the copy and in the stream, by a restart and by a warm standby: nothing is lost."""
    manners = [
        (phase, at, how) for phase in (COPY, UPDATES) for at, how in ((0.1, REPLACED), (0.4, STOPPED), (0.7, KILLED))
    ]
    kills = [Kill(victim, phase, at, 0.1, manner) for phase, at, manner in manners]
    result, _ = dsync_flow(tmp_path, stack, ends, kills)
    assert result.equal, result
    assert [(kill.phase, kill.manner) for kill in result.kills] == [(phase, how) for phase, _, how in manners]


def test_a_warm_standby_of_the_destination_is_not_noticed(
    tmp_path: Path, stack: ExitStack, ends: tuple[ServedEnd, ServedEnd]
) -> None:
    """It takes over in the copy and in the stream, and dsync neither ends nor logs an error."""
    kills = [Kill("destination", phase, 0.5, 0, REPLACED) for phase in (COPY, UPDATES)]
    result, logs = dsync_flow(tmp_path, stack, ends, kills)
    assert result.equal, result
    assert len(logs) == 1
    assert "ERR" not in logs[0]


def test_files_take_updates_deletes_and_ids_inserted_again(tmp_path: Path, stack: ExitStack) -> None:
    """S3 as the destination of Full mode holds what the source does."""
    folder = scaffold(Answers(scheme="s3"), output=tmp_path / "s3").folder
    source = stack.enter_context(served(resolve(f"reference://{tmp_path}/a", SMALL)))
    sink = stack.enter_context(served(resolve(str(folder))))
    result, logs = dsync_flow(tmp_path, stack, (source, sink), [])
    assert result.equal, result
    assert "ERR" not in logs[0]


def test_verify_finds_one_changed_document(stack: ExitStack, ends: tuple[ServedEnd, ServedEnd]) -> None:
    """dsync's own verifications pass after a copy. When one document differs, `--verify` fails; when one is missing,
    `--verify-quick-count` does, too."""
    source, sink = ends
    documents = [encode({"_id": str(number), "v": 1}, BSON) for number in range(50)]
    source.api.write_data(WriteDataRequest(namespace="shop.orders", data=documents, type=BSON))
    metadata = stack.enter_context(SecantusDB(durable=False)).uri

    def dsync(*options: str) -> str:
        (port,) = free_ports(1)
        command = [DSYNC, "--web-port", str(port), "--mode", "InitialSync", "--namespace", "shop.orders"]
        command += ["-m", metadata, *options, *source.words, *sink.words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=os.environ)
        return done.stdout + done.stderr

    assert "is done" in dsync()
    assert "Data integrity check: OK" in dsync("--verify")
    assert "Data integrity check: OK" in dsync("--verify-quick-count")
    changed = encode({"_id": "7", "v": 2}, BSON)
    sink.api.write_data(WriteDataRequest(namespace="shop.orders", data=[changed], type=BSON))
    assert "Data integrity check: FAIL" in dsync("--verify")
    assert "Data integrity check: OK" in dsync("--verify-quick-count")
    deleted = Update(id=[encode_id("7", "_id")], type=UPDATE_TYPE_DELETE)
    sink.api.write_updates(WriteUpdatesRequest(namespace="shop.orders", updates=[deleted], type=BSON))
    assert "Data integrity check: FAIL" in dsync("--verify-quick-count")
