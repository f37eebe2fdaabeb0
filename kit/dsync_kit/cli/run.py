"""`dsync-kit run`: one source to one destination."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dsync_kit.cli.endpoints import HelpWanted, help_of, take_ends
from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext
from dsync_kit.errors import RETRYABLE_CODES, ConnectorError, UsageError
from dsync_kit.flow.engine import FlowOptions, Mode, run_flow
from dsync_kit.flow.events import FlowResult
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.negotiation import End
from dsync_kit.flow.state import State
from dsync_kit.flow.transform import TransformClient
from dsync_kit.report.progress import JsonLines, PlainLines, RunReader, TerminalRun
from dsync_kit.target import OpenTarget, TargetError

__all__ = ["Run", "run"]

_REACH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """What the user asked for. `words` are the source with its options, then the destination with its own."""

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
    """Copy and stream; returns the exit code. Raises UsageError for what cannot be done as asked, TargetError where an
    end cannot be reached."""
    ends = take_ends(asked.words)
    if isinstance(ends, HelpWanted):
        print(help_of(ends.word))
        return ExitCode.OK
    options = _options(asked)
    reader = _reader(asked)
    stop = CallContext()
    with ExitStack() as stack:
        stack.enter_context(_stopping(stop))
        state = stack.enter_context(State(asked.state))
        transform = None
        if asked.transform is not None:
            transform = stack.enter_context(_transform(asked.transform, insecure=asked.transform_insecure))
        source, destination = (_end(stack.enter_context(target.open())) for target in ends)
        stack.enter_context(reader)
        try:
            result = run_flow(
                source, destination, options, state=state, stop=stop, listener=reader, transform=transform
            )
        except ConnectorError as error:
            if error.code in RETRYABLE_CODES:
                raise TargetError(f"it does not begin: {error}") from error
            print(f"error: it does not begin: {error}", file=sys.stderr)
            return ExitCode.VIOLATED
    return _exit_code(result)


def _options(asked: Run) -> FlowOptions:
    if asked.mode not in list(Mode):
        raise UsageError(f"--mode {asked.mode!r}: expected {', '.join(Mode)}")
    if asked.state is not None and asked.limit is not None:
        raise UsageError("--limit copies a part, and --state keeps what is left of the whole: leave one out")
    return FlowOptions(
        mode=Mode(asked.mode),
        namespaces=NamespaceMap.parse(asked.namespaces),
        copiers=asked.copiers,
        writers=asked.writers,
        limit=asked.limit,
        verify=asked.verify,
    )


def _reader(asked: Run) -> RunReader:
    """What shows the run. All of it goes to stderr: stdout is the connectors' own, as of `/dev/null --log-json`."""

    def write(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if asked.log_format == "json":
        return JsonLines(write, quiet=asked.quiet)
    if asked.log_format != "text":
        raise UsageError(f"--log-format {asked.log_format!r}: expected text or json")
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if console.is_terminal and not asked.quiet:
        return TerminalRun(console)
    return PlainLines(write, quiet=asked.quiet)


def _end(opened: OpenTarget) -> End:
    api = opened.api if opened.connector is None else LocalClient(opened.connector, copies=False)
    # The arguments of a command may be secrets.
    title = opened.title.split()[0] if opened.title.startswith("exec:") else opened.title
    return End(title, api)


@contextmanager
def _transform(address: str, *, insecure: bool) -> Iterator[TransformClient]:
    host, _, port = address.removeprefix("grpc://").rstrip("/").rpartition(":")
    if not address.startswith("grpc://") or not host or not port.isdigit():
        raise UsageError(f"--transform {address!r}: expected grpc://HOST:PORT")
    with TransformClient(f"{host}:{port}", insecure=insecure) as client:
        if not client.wait_until_ready(_REACH_SECONDS):
            advice = "" if insecure else " (it is tried with TLS: for clear text add --transform-insecure)"
            raise TargetError(f"nothing answers at the transform {address}: is it running there?{advice}")
        yield client


@contextmanager
def _stopping(stop: CallContext) -> Iterator[None]:
    """SIGINT and SIGTERM cancel `stop`, once; the second one ends the run at once."""

    def handle(*_: object) -> None:
        for known in old:
            signal.signal(known, signal.default_int_handler)
        # Not in this thread, which may be holding the locks that are needed.
        threading.Thread(target=stop.cancel, daemon=True).start()

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _exit_code(result: FlowResult) -> ExitCode:
    if result.failures or result.differences:
        return ExitCode.VIOLATED
    return ExitCode.INTERRUPTED if result.interrupted else ExitCode.OK
