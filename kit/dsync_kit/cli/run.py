"""`dsync-kit run`: moves data from a source to a destination."""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.bounds.interruption import interrupt_on
from dsync_kit.bounds.signals import ENDING, watch_signals
from dsync_kit.cli.endpoints import HelpWanted, help_of, take_ends
from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.connector import CallContext
from dsync_kit.errors import RETRYABLE_CODES, ConnectorError, UsageError
from dsync_kit.flow.engine import FlowOptions, Mode, run_flow
from dsync_kit.flow.events import FlowResult
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.negotiation import End
from dsync_kit.flow.state import State, StateError
from dsync_kit.flow.transform import TransformClient
from dsync_kit.output.console import open_console
from dsync_kit.output.json_line import json_line
from dsync_kit.output.plain import printable_lines
from dsync_kit.output.shown_log import shown_log
from dsync_kit.output.streams import fail_on_loss, is_unread
from dsync_kit.report.progress import JsonLines, PlainLines, RunReader, TerminalRun
from dsync_kit.targets.target import Target
from dsync_kit.usage import TargetError

__all__ = ["OPTIONS", "Run", "run"]

_REACH_SECONDS = 5.0
OPTIONS = frozenset(
    f"--{name}"
    for name in (
        "mode",
        "namespace",
        "parallel-copiers",
        "parallel-writers",
        "state",
        "verify",
        "limit",
        "transform",
        "transform-insecure",
        "quiet",
        "log-format",
    )
)
"""The options of a run, which users tend to put last."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the user asked for. `words` are the source and its options, then the destination and its options."""

    words: Sequence[str]
    mode: str = Mode.FULL
    namespaces: Sequence[str] = ()
    copiers: int = 4
    writers: int = 4
    state: Path | None = None
    verify: bool = False
    limit: int | None = None
    transform: str | None = None
    transform_insecure: bool = False
    quiet: bool = False
    log_format: str = "text"


def run(asked: Run) -> int:
    """Copy and stream; returns the exit code. Raises UsageError for an impossible request."""
    try:
        ends = take_ends(asked.words)
    except UsageError as error:
        misplaced = next((word for word in asked.words if word.partition("=")[0] in OPTIONS), None)
        raise UsageError(f"{error}; put {misplaced} before SOURCE" if misplaced else str(error)) from error
    if isinstance(ends, HelpWanted):
        print(help_of(ends.word))
        return ExitCode.OK
    fail_on_loss()  # standard output belongs to the connectors: they may write data there
    return _Running(asked, *ends).run()


class _Running:
    """A run and its display. Nothing that it shows contains a secret that the user typed, not even a bug in the kit."""

    def __init__(self, asked: Run, source: Target, destination: Target) -> None:
        self._asked = asked
        self._ends = (source, destination)
        self._options = _options(asked)
        self._json = asked.log_format == "json"
        self._reader = _reader(asked, self._write)
        self._stop = CallContext()
        self._unread = False

    def run(self) -> int:
        asked = self._asked
        # Until the flow begins, there is nothing to shut down.
        interrupt_on(*ENDING)
        try:
            with shown_log(self._write, self._redact, as_json=self._json), State(asked.state) as state:
                return self._exit_code(self._flow(state))
        except UsageError:
            raise
        except (TargetError, StateError) as error:
            return self._failed(str(error), ExitCode.NOT_JUDGED)
        except ConnectorError as error:
            code = ExitCode.NOT_JUDGED if error.code in RETRYABLE_CODES else ExitCode.VIOLATED
            return self._failed(f"it cannot start: {error}", code)
        except KeyboardInterrupt:
            kept = f": the same command resumes from {asked.state}" if asked.state else ""
            return self._failed(f"ended at once{kept}", ExitCode.INTERRUPTED)
        except Exception as error:
            self._write(self._redact("".join(traceback.format_exception(error))))
            return self._failed(f"dsync-kit itself failed: {type(error).__name__}", ExitCode.NOT_JUDGED)

    def _flow(self, state: State) -> FlowResult:
        asked = self._asked
        with ExitStack() as stack:
            transform = None
            if asked.transform is not None:
                transform = stack.enter_context(_transform(asked.transform, insecure=asked.transform_insecure))
            source, destination = (End.of(target, stack.enter_context(target.open())) for target in self._ends)
            stack.enter_context(self._reader)
            stack.enter_context(_stopping(self._stop))
            return run_flow(
                source,
                destination,
                self._options,
                state=state,
                stop=self._stop,
                listener=self._reader,
                transform=transform,
            )

    def _exit_code(self, result: FlowResult) -> ExitCode:
        try:
            sys.stdout.flush()  # what the connectors have written there must arrive, too
        except OSError as error:
            return self._failed(f"standard output cannot be written: {error.strerror}", ExitCode.VIOLATED)
        if result.failures or result.differences:
            return ExitCode.VIOLATED
        return ExitCode.INTERRUPTED if result.interrupted else ExitCode.OK

    def _redact(self, text: str) -> str:
        source, destination = self._ends
        return source.redact(destination.redact(text))

    def _write(self, line: str) -> None:
        """Write a line to stderr: stdout belongs to the connectors, for example `/dev/null --log-json`."""
        if self._unread:
            return
        print(printable_lines(line), file=sys.stderr, flush=True)
        if is_unread("stderr"):
            # Its reader has gone, as `head` does. Stopped in another thread: this one may hold the flow's locks.
            self._unread = True
            threading.Thread(target=self._stop.cancel, daemon=True).start()

    def _failed(self, message: str, code: ExitCode) -> ExitCode:
        self._write(json_line("error", {"message": message}) if self._json else f"error: {message}")
        return code


def _options(asked: Run) -> FlowOptions:
    if asked.mode not in list(Mode):
        raise UsageError(f"--mode {asked.mode!r}: expected {', '.join(Mode)}")
    if asked.state is not None and asked.limit is not None:
        raise UsageError("--limit copies only a part, so --state cannot resume the whole: leave one out")
    return FlowOptions(
        mode=Mode(asked.mode),
        namespaces=NamespaceMap.parse(asked.namespaces),
        copiers=asked.copiers,
        writers=asked.writers,
        limit=asked.limit,
        verify=asked.verify,
    )


def _reader(asked: Run, write: Callable[[str], object]) -> RunReader:
    """The display of the run."""
    if asked.log_format == "json":
        return JsonLines(write, quiet=asked.quiet)
    if asked.log_format != "text":
        raise UsageError(f"--log-format {asked.log_format!r}: expected text or json")
    console = open_console(stderr=True)
    if console.is_terminal and not asked.quiet:
        return TerminalRun(console)
    return PlainLines(write, quiet=asked.quiet)


@contextmanager
def _transform(address: str, *, insecure: bool) -> Iterator[TransformClient]:
    host, _, port = address.removeprefix("grpc://").rstrip("/").rpartition(":")
    if not address.startswith("grpc://") or not host or not port.isdigit():
        raise UsageError(f"--transform {address!r}: expected grpc://HOST:PORT")
    with TransformClient(f"{host}:{port}", insecure=insecure) as client:
        if not client.wait_until_ready(_REACH_SECONDS):
            advice = "" if insecure else " (tried with TLS; for clear text add --transform-insecure)"
            raise TargetError(f"nothing answers at the transform {address}: is it running there?{advice}")
        yield client


@contextmanager
def _stopping(stop: CallContext) -> Iterator[None]:
    """The first SIGINT or SIGTERM cancels `stop`; the second one ends the run at once."""

    def handle(*_: object) -> None:
        interrupt_on(*ENDING)

    leave = watch_signals(stop.cancel, handler=handle)
    try:
        yield
    finally:
        leave()
