"""`dsync-kit serve`: a connector at an address, as dsync reaches it."""

import ipaddress
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.cli.logs import shown_log
from dsync_kit.errors import UsageError
from dsync_kit.output.plain import printable, printable_lines
from dsync_kit.server import ConnectorServer, Tls
from dsync_kit.settings import redact_target
from dsync_kit.targets.target import TargetError, resolve

__all__ = ["Service", "serve"]


@dataclass(frozen=True, slots=True)
class Service:
    """What the user asked for. `words` are the target, then the connector's own options."""

    words: Sequence[str]
    address: str
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False


def serve(asked: Service) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Raises UsageError for what cannot be done as asked, TargetError where the connector does not start.
    """
    word, *options = asked.words
    if word.lower().startswith(("grpc://", "exec:")):
        raise UsageError(f"{redact_target(word)!r} is served already: name a folder, a registered URI or name")
    tls = _tls(asked)
    if tls is None and not asked.insecure and not _is_loopback(asked.address):
        raise UsageError(
            f"{asked.address} can be reached from other machines, and data would pass in clear text: "
            "give --cert-file and --key-file, or allow it with --insecure"
        )
    target = resolve(word, options)
    # SIGINT, too: a shell that starts a command in the background has it ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    secrets = [target.redact]

    def redact(text: str) -> str:
        for known in secrets:
            text = known(text)
        return text

    try:
        with shown_log(_print_line, redact, level=logging.INFO), target.open() as opened:
            if opened.connector is None:
                raise TargetError(f"{opened.title} does not run in this process")
            if opened.settings is not None:  # a scratch area's are not known before
                secrets.append(opened.settings.redact)
            with ConnectorServer(opened.connector, asked.address, tls=tls, redact=redact) as server:
                if opened.harness is not None:
                    print(f"the scratch area of {target.title}/conformance.py: it goes when this ends", file=sys.stderr)
                print(f"serving {printable(opened.title)} at {server.address}", flush=True)
                threading.Event().wait()
    except KeyboardInterrupt:
        return ExitCode.OK
    return ExitCode.OK


def _print_line(line: str) -> None:
    print(printable_lines(line), file=sys.stderr, flush=True)


def _tls(asked: Service) -> Tls | None:
    if asked.cert_file is None and asked.key_file is None:
        return None
    if asked.cert_file is None or asked.key_file is None:
        raise UsageError("TLS needs both --cert-file and --key-file")
    if asked.insecure:
        raise UsageError("--insecure means clear text: leave it out, or --cert-file and --key-file")
    return Tls(_read(asked.cert_file, "--cert-file"), _read(asked.key_file, "--key-file"))


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from error


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host in ("localhost", ""):  # without a host it is no address, and the server says so
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may lead anywhere
