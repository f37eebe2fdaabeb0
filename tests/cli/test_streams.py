"""What a command prints, and its exit code, whatever its output is: a closed pipe, a full disk, any encoding."""

import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Raises KeyboardInterrupt at the nth step of the Python code that prints, as the handler of a signal may, for each n.
INTERRUPTED = """
import os, sys
from dsync_kit.output import streams

def interrupt_at(nth):
    steps = iter(range(nth))
    def trace(frame, event, argument):
        if frame.f_code.co_filename == streams.__file__:
            frame.f_trace_opcodes = True
            if event == "opcode" and next(steps, None) is None:
                raise KeyboardInterrupt
            return trace
    sys.settrace(trace)

def printed(nth):
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1)
        streams.open_streams()
        interrupt_at(nth)
        interrupted = False
        try:
            print("first", flush=True)
        except KeyboardInterrupt:
            interrupted = True
        sys.settrace(None)
        print("last")
        streams.lost()
        os._exit(interrupted)
    os.close(write)
    status = os.wait()[1]
    with open(read) as pipe:
        return pipe.read(), status != 0

nth, interrupted = 0, True
while interrupted:
    text, interrupted = printed(nth)
    print(repr(text))
    nth += 1
"""

Shell = Callable[..., subprocess.CompletedProcess[str]]

QUICK = "--profile quick --rule info/db-type --seed 1"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a line of bash in an empty folder; `kit` is dsync-kit, and the exit code is dsync-kit's, even in a pipe."""

    def run(line: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kit = f'kit() {{ {shlex.quote(sys.executable)} -m dsync_kit.cli.kit "$@"; }}; '
        kit += f'new() {{ {shlex.quote(sys.executable)} -m dsync_kit.cli.new "$@"; }}; set -o pipefail; '
        return subprocess.run(
            ["bash", "-c", kit + line],
            cwd=tmp_path,
            env={**os.environ, **environ},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("redirected", "environ"),
    [
        ("", {"PYTHONIOENCODING": "ascii"}),
        ("", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("", {"COLUMNS": "0"}),
        ("", {"COLUMNS": "²", "LINES": "9" * 5000}),
        ("| true", {}),
        ("2>&1 | head -1", {}),
        ("<&- >&- 2>&-", {}),
        (">/dev/full 2>&1", {}),
    ],
)
def test_a_verdict_holds_whatever_becomes_of_the_output(
    shell: Shell, reference: Path, broken_address: str, redirected: str, environ: dict[str, str]
) -> None:
    """0 is conformant and 1 is violated, without a traceback; if there is an output, it has the verdict."""
    conformant = (shlex.quote(str(reference)), 0, "conformant: 1 rule passed")
    violated = (f"grpc://{broken_address} --insecure", 1, "not conformant: 1 MUST rule violated")
    # Of how it is printed, a violation shows all that the other verdict does, and more.
    for target, code, verdict in [violated] if environ else [conformant, violated]:
        done = shell(f"kit verify {target} {QUICK} {redirected}", **environ)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        if environ:
            assert verdict in done.stdout
            assert done.stderr == ""


def test_output_that_is_lost_is_reported(shell: Shell, reference: Path) -> None:
    """A full disk is reported, so that nobody looks for the verdict in vain; a reader that left is not."""
    done = shell(f"kit verify {shlex.quote(str(reference))} {QUICK} >/dev/full")
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"
    assert shell("kit rules | head -1").stderr == ""


@pytest.mark.parametrize("words", ["rules --format json", "explain info/db-type", "--help"])
def test_a_command_whose_output_is_all_that_it_does(shell: Shell, words: str) -> None:
    """It fails if the output is lost, but not if its reader has had enough."""
    for redirected, code, said in (
        (">/dev/full", 3, "error: standard output cannot be written: No space left on device\n"),
        (">&-", 3, "error: standard output cannot be written: it is closed\n"),
        ("| true", 0, ""),
        ("2>/dev/full", 0, ""),
    ):
        done = shell(f"kit {words} {redirected}")
        assert (done.returncode, done.stderr) == (code, said), redirected


def test_what_an_encoding_lacks_can_still_be_read(shell: Shell) -> None:
    """The kit's own symbols have substitutes, and JSON is always in UTF-8."""
    explained = shell("kit explain list/cursor-advances", PYTHONIOENCODING="ascii").stdout
    assert explained.isascii()
    assert '  dsync relies on  "' in explained
    assert "\\u" not in explained
    rules = [shell("kit rules --format json", PYTHONIOENCODING=encoding).stdout for encoding in ("ascii", "utf-8")]
    assert rules[0] == rules[1]
    assert json.loads(rules[0])


def test_a_report_on_standard_output(shell: Shell, reference: Path) -> None:
    """It is in UTF-8 in every encoding, and if it can't be written, that is an error, because it was requested."""
    command = f"kit verify {shlex.quote(str(reference))} {QUICK} --report json=-"
    assert json.loads(shell(f"{command} 2>&-", PYTHONIOENCODING="ascii").stdout)["exit_code"] == 0
    full = shell(f"{command} >/dev/full")
    assert full.returncode == 3
    assert full.stderr.endswith(
        "error: the json report cannot be written to standard output: No space left on device\n"
    )


def test_a_report_that_cannot_be_written(shell: Shell, reference: Path, broken_address: str, tmp_path: Path) -> None:
    """It is an error, which a violation outweighs; the other reports are still written."""
    reports = "--report json=/dev/fd/9 --report badge=a.svg"
    for target, code in ((shlex.quote(str(reference)), 3), (f"grpc://{broken_address} --insecure", 1)):
        done = shell(f"exec 9>/dev/full; kit verify {target} {QUICK} {reports}")
        assert done.returncode == code
        assert done.stderr == "error: the json report cannot be written to /dev/fd/9: No space left on device\n"
        (tmp_path / "a.svg").unlink()


def test_no_streams_at_all(shell: Shell, tmp_path: Path) -> None:
    """`dsync-new` makes its folder; none of its files gets a closed stream's descriptor, and so the output."""
    done = shell("new connector --scheme zed <&- >&- 2>&-")
    assert done.returncode == 0
    assert (tmp_path / "connectors/zed/connector.py").read_text(encoding="utf-8").startswith('"""')


def test_a_run_keeps_its_exit_code(shell: Shell) -> None:
    """Lost messages do not end a run; a connector's output is data, and losing it does."""
    run = "kit run --mode initial-sync --limit 50 /dev/fakesource /dev/null"
    for redirected in ("2>/dev/full", "2>&-", "<&- >&- 2>&-"):
        assert shell(f"{run} {redirected}").returncode == 0
    full = shell(f"{run} --log-json >/dev/full")
    assert full.returncode == 1
    assert "not copied: " in full.stderr
    assert "No space left on device" in full.stderr


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": "xterm", "COLUMNS": "0"}])
def test_on_a_terminal(reference: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    """The verdict appears on any kind of terminal; colours only if they are wanted."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        words = [sys.executable, "-m", "dsync_kit.cli.kit", "verify", str(reference), *QUICK.split()]
        os.execve(sys.executable, words, {**os.environ, **environ})  # noqa: S606
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert b"conformant: 1 rule passed" in shown
    assert (b"\x1b[1;32m" in shown) == ("TERM" in environ and environ["TERM"] != "dumb")


def test_an_interrupt_while_something_is_printed() -> None:
    """Wherever it comes, nothing is printed twice, and later output arrives."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=True)
    texts = done.stdout.splitlines()
    assert len(texts) > 10
    assert set(texts) <= {repr(text) for text in ("last\n", "firstlast\n", "first\nlast\n")}
    assert texts[-1] == repr("first\nlast\n")
