"""`dsync-kit serve`: serves a connector at an address, for dsync."""

import atexit
import ipaddress
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from dsync_kit.bounds.signals import watch_signals
from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.errors import UsageError
from dsync_kit.output.plain import printable, printable_lines
from dsync_kit.output.redaction import redact_target
from dsync_kit.output.shown_log import shown_log
from dsync_kit.output.workflow_commands import WorkflowCommands
from dsync_kit.server import ConnectorServer, Tls
from dsync_kit.targets.resolving import resolve
from dsync_kit.targets.target import Target
from dsync_kit.testing.harness import Harness
from dsync_kit.usage import TargetError

__all__ = ["Service", "serve"]

_LAST_SECONDS = 5.0
"""Seconds that a process that ends at once may take to write its log and remove its scratch area."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the user asked for. `words` are the target, then the connector's options; `grace` is in seconds."""

    words: Sequence[str]
    address: str
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False
    reuse_port: bool = False
    grace: float = 5.0


def serve(asked: Service) -> int:
    """Serve until SIGTERM or SIGINT, then end the process; returns an exit code only if it never served.

    The first signal drains the server. Calls that are still running after the grace, or at a second signal, end with
    the process: after its caller was asked to repeat a write, nothing more may be written.

    Raises UsageError for an impossible request, TargetError if the connector does not start.
    """
    target, tls = _target(asked)
    # Until it serves, there is nothing to shut down. SIGINT, too: a shell that starts a command in the background
    # makes it ignore that.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    secrets = [target.redact]

    def redact(text: str) -> str:
        for known in secrets:
            text = known(text)
        return text

    try:
        commands = WorkflowCommands(sys.stderr)
        with commands, shown_log(_print_line, redact, level=logging.INFO), target.open() as opened:
            if opened.connector is None:
                raise TargetError(f"{opened.title} does not run in this process")
            if opened.settings is not None:  # those of a scratch area are not known before
                secrets.append(opened.settings.redact)
            clean_up = partial(_clean_up, opened.harness, commands)
            server = ConnectorServer(
                opened.connector, asked.address, tls=tls, redact=redact, reuse_port=asked.reuse_port
            )
            try:
                server.start()
                if opened.harness is not None:
                    print(f"the scratch area of {target.title}/conformance.py: removed when this ends", file=sys.stderr)
                asked_to_stop = _signals(
                    on_second=lambda: _end_now(clean_up, problem="received a second signal to stop")
                )
                print(f"serving {printable(opened.title)} at {server.address}", flush=True)
                asked_to_stop.wait()
                left = server.drain(asked.grace)
            except BaseException:
                server.stop(0)
                raise
            if left:
                calls = "1 call has" if left == 1 else f"{left} calls have"
                _end_now(clean_up, problem=f"{calls} not ended within {asked.grace:g} seconds, and got no answer")
    except KeyboardInterrupt:
        return ExitCode.OK
    # The connector is torn down, and callers still wait: their connections break only when the process ends.
    # A caller retries for three seconds at most; a normal exit of Python takes up to one of them.
    return _end_now(atexit._run_exitfuncs)


def _target(asked: Service) -> tuple[Target, Tls | None]:
    """The target to serve, and how it is encrypted. Raises UsageError for an impossible request."""
    word, *options = asked.words
    if word.lower().startswith(("grpc://", "exec:")):
        raise UsageError(f"{redact_target(word)!r} is already served: give a folder, a registered URI or a name")
    tls = _tls(asked)
    if tls is None and not asked.insecure and not _is_loopback(asked.address):
        raise UsageError(
            f"{asked.address} can be reached from other machines, so data would travel in clear text: "
            "give --cert-file and --key-file, or allow it with --insecure"
        )
    return resolve(word, options), tls


def _signals(on_second: Callable[[], object]) -> threading.Event:
    """An event that SIGTERM or SIGINT sets from now on; `on_second` is called at a second signal."""
    arrived = threading.Event()
    watch_signals(lambda: on_second() if arrived.is_set() else arrived.set())
    return arrived


def _end_now(clean_up: Callable[[], object], *, problem: str = "") -> NoReturn:
    """End the process with all its threads, whatever they are doing; callers see the connection break."""

    def last_words() -> None:
        if problem:
            _print_line(f"error: {problem}: cut off")
        clean_up()
        logging.shutdown()
        sys.stdout.flush()

    # In a thread: these calls may wait for a lock that is never released.
    thread = threading.Thread(target=last_words, daemon=True)
    thread.start()
    thread.join(_LAST_SECONDS)
    os._exit(ExitCode.NOT_JUDGED if problem else ExitCode.OK)


def _clean_up(harness: Harness | None, commands: WorkflowCommands) -> None:
    """Remove what a process that ends at once must not leave behind."""
    try:
        if harness is not None:
            harness.stop()
    finally:
        commands.__exit__(None, None, None)


def _print_line(line: str) -> None:
    print(printable_lines(line), file=sys.stderr, flush=True)


def _tls(asked: Service) -> Tls | None:
    if asked.cert_file is None and asked.key_file is None:
        return None
    if asked.cert_file is None or asked.key_file is None:
        raise UsageError("TLS needs both --cert-file and --key-file")
    if asked.insecure:
        raise UsageError("--insecure means clear text: leave out either it, or --cert-file and --key-file")
    return Tls(_read(asked.cert_file, "--cert-file"), _read(asked.key_file, "--key-file"))


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from error


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host in ("localhost", ""):  # without a host it is not an address; the server reports that
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name may resolve to any address
