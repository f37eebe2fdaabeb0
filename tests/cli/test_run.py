"""`dsync-kit run`, as a separate process."""

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.cli.endpoints import HelpWanted, take_ends
from dsync_kit.cli.exit_codes import exit_code_of
from dsync_kit.cli.kit import app
from dsync_kit.errors import UsageError
from dsync_kit.testing.ports import free_ports

from .conftest import Command
from .test_run_crash import write_history
from .test_serve import serving

SMALL = ("--num-docs-per-partition", "20")


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_fakesource_into_null(dsync_kit: Command) -> None:
    """6,000 documents are 6,000 lines on stdout; the run's own messages go to stderr."""
    done = dsync_kit("run", "--mode", "initial-sync", "/dev/fakesource", "/dev/null", "--log-json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 6000
    assert len({(line["namespace"], line["data"]["id"]) for line in lines}) == 6000
    assert "complete: 6,000 documents" in done.stderr


def test_there_and_back(dsync_kit: Command, tmp_path: Path) -> None:
    """Documents go into a folder, and from there, renamed, into another one, and are equal each time; then a difference
    is found."""
    first, second = f"reference://{tmp_path}/first", f"reference://{tmp_path}/second"
    copy = ("run", "--mode", "initial-sync", "--verify")
    assert dsync_kit(*copy, "/dev/fakesource", *SMALL, first).returncode == 0
    back = dsync_kit(*copy, "--namespace", "ns0:other,ns1", first, "--page-size", "7", second)
    assert back.returncode == 0, back.stderr
    assert "other: compared 60 with 60 documents: equal" in back.stderr
    more = dsync_kit("run", "--mode", "initial-sync", "/dev/fakesource", "--num-docs-per-partition", "21", second)
    assert more.returncode == 0
    differing = dsync_kit(*copy, first, second)
    assert differing.returncode == 1
    assert 'unexpected: "0-020" in ns0' in differing.stderr
    assert "the ends differ: 6 documents" in differing.stderr


def test_json_lines(dsync_kit: Command) -> None:
    """With --log-format json, each line on stderr is an event, and the last one has the result."""
    done = dsync_kit("run", "--log-format", "json", "--limit", "30", "/dev/fakesource", "/dev/null", "--id", "n")
    told = events(done.stderr)
    assert [event["event"] for event in told][:2] == ["started", "planned"]
    assert told[1]["expected"] == {"ns0": 3000, "ns1": 3000}
    assert (told[-1]["event"], told[-1]["complete"], told[-1]["documents"]) == ("finished", True, 30)


def test_quiet(dsync_kit: Command) -> None:
    """If nothing goes wrong, nothing is printed."""
    done = dsync_kit("run", "--quiet", "--limit", "30", "/dev/fakesource", "/dev/null")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_addresses_on_both_sides(dsync_kit: Command, tmp_path: Path) -> None:
    """grpc:// with its own options works on either side, and so does exec:."""
    folder = f"reference://{tmp_path}/data"
    with (
        serving("/dev/fakesource", *SMALL, "--address", "127.0.0.1:0") as (_, _, source),
        serving(folder, "--address", "127.0.0.1:0") as (_, _, sink),
    ):
        words = (f"grpc://{source}", "--insecure", f"grpc://{sink}", "--insecure", "--gzip")
        done = dsync_kit("run", "--mode", "initial-sync", "--verify", *words)
    assert done.returncode == 0, done.stderr
    served = f"exec:{sys.executable} -m dsync_kit.cli.kit serve {folder} --address {{address}}"
    done = dsync_kit("run", "--mode", "initial-sync", served, "/dev/null", "--log-json")
    assert len(done.stdout.splitlines()) == 120
    assert sys.executable in done.stderr
    assert "--address" not in done.stderr


def test_a_folder_and_its_uri(dsync_kit: Command, reference: Path, tmp_path: Path) -> None:
    """A folder must be followed by the URI of its data; otherwise it is refused, with advice."""
    done = dsync_kit("run", "--limit", "5", "/dev/fakesource", reference, f"reference://{tmp_path}/data")
    assert done.returncode == 0, done.stderr
    alone = dsync_kit("run", "/dev/fakesource", reference)
    assert alone.returncode == 2
    assert "must be followed by the URI of its data" in alone.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_resumed(tmp_path: Path, number: signal.Signals) -> None:
    """A live stream ends in order on SIGINT and SIGTERM, says how to resume, and resumes there."""
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "run", "--log-format", "json", "--state", "state"]
    command += ["/dev/fakesource", *SMALL, "--stream-tick", "10ms", f"reference://{tmp_path}/data"]
    documents = []
    for _ in range(2):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
            try:
                assert process.stderr is not None
                for line in process.stderr:
                    if json.loads(line)["event"] == "stream-started":
                        break
                process.send_signal(number)
                rest = events(process.communicate(timeout=30)[1])
            finally:
                process.kill()
        assert process.returncode == 130
        assert rest[-1]["interrupted"] is True
        assert rest[-1]["resume"] == "the same command resumes from state"
        documents.append(rest[-1]["documents"])
    assert documents == [120, 0]


def test_a_failed_partition(dsync_kit: Command, tmp_path: Path) -> None:
    """The reason is printed, the rest is copied, the exit code is 1."""
    (tmp_path / "bootstrap").mkdir()
    (tmp_path / "bootstrap" / "good.jsonl").write_text('{"_id": 1}\n{"_id": 2}\n')
    (tmp_path / "bootstrap" / "bad.jsonl").write_text('{"_id": 1}\n{"_id": }\n')
    done = dsync_kit("run", "fixture://.", "/dev/null", "--log-json")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert "not copied: partition 0 of bad: INTERNAL: bad.jsonl:2: Expecting value" in done.stderr
    assert "the run cannot be resumed: /dev/null has no id" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nonsense://x", "/dev/null"], 2, "no connector matches 'nonsense://x': expected one of"),
        (["/dev/fakesource"], 2, "the destination is missing after /dev/fakesource"),
        (["/dev/fakesource", "/dev/null", "more"], 2, "'more' is unexpected"),
        (["/dev/fakesource", "--bogus", "/dev/null"], 2, "/dev/fakesource has no option --bogus"),
        (["/dev/fakesource", "/dev/null", "--limit", "3"], 2, "--log-json; put --limit before SOURCE"),
        (["/dev/fakesource", "/dev/null", "--mode=cdc"], 2, "; put --mode=cdc before SOURCE"),
        (["--bogus", "/dev/fakesource", "/dev/null"], 2, "No such option: --bogus"),
        (["--mode", "half", "/dev/fakesource", "/dev/null"], 2, "expected full, initial-sync, cdc"),
        (["--log-format", "xml", "/dev/fakesource", "/dev/null"], 2, "expected text or json"),
        (["--namespace", "a:", "/dev/fakesource", "/dev/null"], 2, "expected NAME or SOURCE:DESTINATION"),
        (["--namespace", "ns7", "/dev/fakesource", "/dev/null"], 1, "there is no namespace 'ns7'"),
        (["--state", "s", "--limit", "3", "/dev/fakesource", "/dev/null"], 2, "leave one out"),
        (["--state", "s", "/dev/fakesource", "/dev/null"], 2, "/dev/null gives no id"),
        (["/dev/null", "/dev/null"], 2, "/dev/null is not a source"),
        (["/dev/fakesource", "/dev/random"], 2, "/dev/random is not a sink"),
        (["grpc://127.0.0.1:1", "--insecure", "/dev/null"], 3, "nothing answers at grpc://127.0.0.1:1"),
        (["--transform", "x", "/dev/fakesource", "/dev/null"], 2, "expected grpc://HOST:PORT"),
        (["/dev/fakesource", "nonsense://user:canary@x"], 2, "no connector matches 'nonsense://user:***@x'"),
    ],
)
def test_wrong_usage(
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Impossible requests end with 2, unreachable ends with 3, both with advice and without secrets."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(exit_code_of(lambda: app(["run", *words])))
    said = capsys.readouterr().err
    assert ended.value.code == code, said
    assert message in said
    assert "Traceback" not in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["/dev/fakesource", "--help"], "/dev/fakesource"),
        (["/dev/fakesource", "--batch-size", "3", "--help", "/dev/null"], "/dev/fakesource"),
        (["/dev/fakesource", "/dev/null", "--log-json", "--help"], "/dev/null"),
        (["Random", "--help"], "Random"),
        (["grpc://x:1", "-h"], "grpc://x:1"),
    ],
)
def test_whose_help_is_wanted(words: list[str], wanted: str) -> None:
    """--help belongs to the connector before it."""
    assert take_ends(words) == HelpWanted(wanted)


def test_help_of_a_connector(dsync_kit: Command) -> None:
    """NAME --help and URI --help print that connector's options, and end with 0."""
    for word, option in (("fakesource", "--payload-json"), ("/dev/null", "--log-json"), ("grpc://h:1", "--gzip")):
        done = dsync_kit("run", word, "--help")
        assert done.returncode == 0
        assert option in done.stdout
    assert "--parallel-copiers" in dsync_kit("run", "--help").stdout


def test_an_option_that_looks_like_an_end() -> None:
    """The first word that is neither an option nor an option's value begins the destination."""
    ends = take_ends(["/dev/fakesource", "--namespace-prefix", "/dev/null", "/dev/null", "--id", "x"])
    assert not isinstance(ends, HelpWanted)
    assert [target.title for target in ends] == ["/dev/fakesource", "/dev/null"]
    with pytest.raises(UsageError, match="the destination is missing"):
        take_ends(["/dev/fakesource", "--namespace-prefix", "/dev/null"])


def test_a_source_that_goes_on_is_compared_as_far_as_it_was_written(dsync_kit: Command) -> None:
    """The clock ends the stream of /dev/fakesource, so the one that is compared may be longer."""
    quick = ("--update-duration", "300ms", "--stream-tick", "3ms")
    done = dsync_kit("run", "--verify", "/dev/fakesource", *quick, *SMALL, "reference://")
    assert done.returncode == 0, done.stderr


def test_what_differs_is_nothing_to_go_on_with(dsync_kit: Command, tmp_path: Path) -> None:
    """If everything was copied but the destination holds more, there is no advice to resume."""
    sink = f"reference://{tmp_path}/sink"
    assert dsync_kit("run", "--mode", "initial-sync", "/dev/fakesource", *SMALL, sink).returncode == 0
    fewer = ("--num-docs-per-partition", "19")
    done = dsync_kit("run", "--mode", "initial-sync", "--verify", "/dev/fakesource", *fewer, sink)
    assert done.returncode == 1
    assert "the ends differ" in done.stderr
    assert "--state" not in done.stderr


def test_a_namespace_without_documents_is_reported(dsync_kit: Command, tmp_path: Path) -> None:
    """A mistyped name copies nothing: that is legal, but reported."""
    (tmp_path / "bootstrap").mkdir()
    (tmp_path / "bootstrap" / "shop.orders.jsonl").write_text('{"_id": 1}\n')
    done = dsync_kit("run", "--namespace", "shop.order", "fixture://.", "/dev/null")
    assert done.returncode == 0, done.stderr
    assert "shop.order has no documents" in done.stderr
    assert "has no documents" not in dsync_kit("run", "--namespace", "shop.orders", "fixture://.", "/dev/null").stderr


def test_a_pipe_whose_reader_has_gone_ends_the_run() -> None:
    """As in `dsync-kit run … | head -1`, on either output: soon, and without a traceback."""
    run = [sys.executable, "-m", "dsync_kit.cli.kit", "run"]
    quick = ["--stream-tick", "1ms", "--update-batch-size", "1"]
    for words in ([*run, "/dev/fakesource", "/dev/null", "--log-json"], [*run, "/dev/fakesource", *quick, "/dev/null"]):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            read, other = (
                (process.stdout, process.stderr) if "--log-json" in words else (process.stderr, process.stdout)
            )
            read.readline()
            read.close()
            assert process.wait(timeout=30) != 0
            assert "Traceback" not in other.read()
        finally:
            process.kill()
            process.communicate()


def test_a_state_that_cannot_be_kept_ends_the_run(tmp_path: Path) -> None:
    """If the disk is full, even during the updates: an error that says what to do, and exit code 3."""
    words = "run --mode cdc --state s --log-format json /dev/fakesource --stream-tick 1ms --update-batch-size 1"
    command = f"ulimit -f 24; exec {sys.executable} -m dsync_kit.cli.kit {words} /dev/null --id n"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    last = events(done.stderr)[-1]
    assert last["event"] == "error"
    assert "--state s cannot be saved" in last["message"]
    assert "the same command resumes" in last["message"]


def test_a_state_that_nothing_was_begun_in_is_not_left_behind(dsync_kit: Command, tmp_path: Path) -> None:
    """A refused run leaves no file."""
    done = dsync_kit("run", "--state", "s", "/dev/fakesource", "/dev/null")
    assert done.returncode == 2
    assert not (tmp_path / "s").exists()


class Served:
    """A connector served at one address, which a test can start and stop repeatedly."""

    def __init__(self, *words: str | Path) -> None:
        self._words = words
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self._stack = ExitStack()

    def start(self) -> None:
        self._process, _, _ = self._stack.enter_context(serving(*self._words, "--address", self.address))

    def terminate(self) -> None:
        self._process.terminate()
        assert self._process.wait(timeout=30) == 0
        self._stack.close()


@pytest.mark.parametrize("moment", ["planned", "stream-started"])
def test_a_source_that_is_stopped_is_not_the_end_of_the_data(tmp_path: Path, moment: str) -> None:
    """SIGTERM of the source's server during the copy and during the updates: exit code 1 with the reason, never
    complete. When the source is back, the same command resumes until both ends are equal."""
    write_history(tmp_path / "history", 7)
    source = Served(f"fixture://{tmp_path}/history", "--batch-size", "10", "--interval", "5ms")
    sink = f"reference://{tmp_path}/sink"
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "run", "--log-format", "json", "--state", "state"]
    command += ["--verify", f"grpc://{source.address}", "--insecure", sink]
    source.start()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if json.loads(line)["event"] == moment:
                    break
            source.terminate()
            last = events(process.communicate(timeout=60)[1])[-1]
        finally:
            process.kill()
    assert process.returncode == 1
    assert (last["event"], last["complete"], last["interrupted"]) == ("finished", False, False)
    assert {failure["reason"].partition(":")[0] for failure in last["failures"]} <= {"UNAVAILABLE", "not tried"}
    assert "the same command resumes" in last["resume"]
    source.start()
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=120, check=False)
    finally:
        source.terminate()
    assert done.returncode == 0, done.stderr
    compared = [event for event in events(done.stderr) if event["event"] == "compared"]
    assert [event["differences"] for event in compared] == [0] * 6


def test_a_signal_that_another_thread_is_given(dsync_kit: Command, signalled: Path) -> None:
    """While the stream is silent, nothing wakes the main thread, but the run still ends."""
    done = dsync_kit("run", signalled, "signalled://", "/dev/null")
    assert done.returncode == 130
    assert "interrupted: 0 documents, 0 updates" in done.stderr
