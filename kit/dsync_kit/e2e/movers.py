"""The program that copies data and follows changes: dsync, or `dsync-kit run` in its place."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dsync_kit.e2e.ends import ServedEnd
from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.process import OwnedProcess
from dsync_kit.testing.secantusdb import SecantusDB
from dsync_kit.usage import TargetError, UsageError

__all__ = ["Mover", "check_program", "kit_run", "real_dsync"]

_SHOWN_LINES = 8


class Mover:
    """A program that resumes when the same command is started again. Each start has its own log in `folder`."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.starts = 0
        self._command = command
        self._folder = folder
        self._process: OwnedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether it is running."""
        return self._process is not None and self._process.running

    @property
    def succeeded(self) -> bool:
        """Whether it has ended without a signal or an error."""
        if self._process is None or self._process.status != 0:
            return False
        return not any("ERR" in line for line in self.log())  # dsync's exit status is 0 after errors, too

    def start(self) -> None:
        """Start it. Raises TargetError if that fails."""
        self.starts += 1
        (port,) = free_ports(1)
        words = [word.replace("{port}", str(port)) for word in self._command]
        log = self._folder / f"mover-{self.starts}.log"
        try:
            self._process = OwnedProcess(words, log=log, environ=os.environ)
        except OSError as error:
            raise TargetError(f"{words[0]} cannot be started: {error.strerror}") from error

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """Stop it as a user would."""
        if self._process is not None:
            self._process.stop()

    def log(self) -> list[str]:
        """The lines that it has logged since it was last started."""
        if self._process is None:
            return []
        return self._process.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def last_words(self) -> str:
        """The end of its log: the lines with errors, if there are any."""
        lines = self.log()
        errors = [line for line in lines if "ERR" in line or "error" in line.lower()]
        return "\n".join((errors or lines)[-_SHOWN_LINES:])


def kit_run(source: ServedEnd, sink: ServedEnd, namespaces: Sequence[str], folder: Path, *, copies_only: bool) -> Mover:
    """`dsync-kit run`, whose state is a file in the folder."""
    # -P: the working folder may contain a connector with the name of a library.
    command = [sys.executable, "-P", "-m", "dsync_kit.cli.kit", "run", "--state", str(folder / "state")]
    command += ["--mode", "initial-sync" if copies_only else "full", *_named(namespaces)]
    return Mover("dsync-kit run", [*command, *source.words, *sink.words], folder)


def check_program(path: Path) -> None:
    """Raise UsageError if there is no program at a path."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise UsageError(f"--dsync {path}: there is no such program: expected the path of dsync's binary")


@contextmanager
def real_dsync(
    program: Path,
    metadata: str,
    source: ServedEnd,
    sink: ServedEnd,
    namespaces: Sequence[str],
    folder: Path,
    *,
    copies_only: bool,
) -> Iterator[Mover]:
    """The real dsync, with its metadata at a MongoDB URI, or in a server that runs while the context is open.

    Raises UsageError if the server is not installed.
    """
    command = [str(program.absolute()), "--web-port", "{port}", "--mode", "InitialSync" if copies_only else "Full"]
    command += _named(namespaces)
    if metadata:
        yield Mover("dsync", [*command, "-m", metadata, *source.words, *sink.words], folder)
        return
    with SecantusDB(durable=False) as server:
        yield Mover("dsync", [*command, "-m", server.uri, *source.words, *sink.words], folder)


def _named(namespaces: Sequence[str]) -> list[str]:
    return ["--namespace", ",".join(namespaces)] if namespaces else []
