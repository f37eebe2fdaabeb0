"""Reports that are written to files, as `--report FORMAT=PATH` asks for them."""

import importlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dsync_kit.output.console import open_console
from dsync_kit.output.streams import lost, write_document
from dsync_kit.report.contents import Report
from dsync_kit.usage import UsageError

__all__ = ["FORMATS", "ReportError", "ReportFile", "console_beside", "write_reports"]

# A module is loaded when its format is asked for: a template engine costs start-up time.
FORMATS = {"json": "json_report", "junit": "junit", "markdown": "markdown", "html": "html", "badge": "badge"}


class ReportError(Exception):
    """A report cannot be written any more, for example since the disk is full; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One report to be written: its format, and where; `-` is standard output."""

    format: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "ReportFile":
        """Read `FORMAT=PATH`, and see that it can be written. Raises UsageError where it can't."""
        name, equals, path = text.partition("=")
        if not equals or not path or name not in FORMATS:
            raise UsageError(f"--report {text}: expected FORMAT=PATH, where FORMAT is one of {', '.join(FORMATS)}")
        report = cls(name, path)
        report._probe()
        return report

    @property
    def on_stdout(self) -> bool:
        """Whether it goes to standard output, and nothing else may."""
        return self.path == "-"

    def write(self, report: Report) -> None:
        """Write the report: the whole of it, or nothing. Raises ReportError where it cannot be written any more."""
        render: Callable[[Report], str] = importlib.import_module(f"dsync_kit.report.{FORMATS[self.format]}").render
        self.write_text(render(report))

    def write_text(self, text: str) -> None:
        """Write a text in place of a report. Raises ReportError where it cannot be written any more."""
        try:
            if self.on_stdout:
                write_document(text)
                if loss := lost():
                    raise loss
            else:
                _write_whole(Path(self.path), text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            place = "standard output" if self.on_stdout else self.path
            raise ReportError(f"the {self.format} report cannot be written to {place}: {error.strerror}") from error

    def _probe(self) -> None:
        if self.on_stdout:
            return
        path = Path(self.path)
        option = f"--report {self.format}={path}"
        try:
            path.lstat()
        except FileNotFoundError:
            pass  # it is to be made
        except (OSError, ValueError) as error:
            raise UsageError(f"{option}: {getattr(error, 'strerror', None) or error}") from error
        if path.is_dir():
            raise UsageError(f"{option}: that is a folder, expected a file")
        if not path.parent.is_dir():
            raise UsageError(f"{option}: there is no folder {path.parent}: create it first")
        if not os.access(path.parent if _is_replaceable(path) else path, os.W_OK):
            raise UsageError(f"{option}: the folder {path.parent} cannot be written to")


def write_reports(files: Iterable[ReportFile], report: Report) -> list[str]:
    """Write a report in each form; returns what to say of those that cannot be written: the others are."""
    problems = []
    for file in files:
        try:
            file.write(report)
        except ReportError as error:
            problems.append(str(error))
    return problems


def console_beside(files: Sequence[ReportFile]) -> Console:
    """Where a person reads what comes of it: standard output, unless a report goes there."""
    return open_console(stderr=any(file.on_stdout for file in files))


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step: it has the data, or is as it was. Raises OSError."""
    if not _is_replaceable(path):
        path.write_bytes(data)
        return
    # A link stays one: what it leads to is replaced.
    path = path.resolve()
    file, name = tempfile.mkstemp(dir=path.parent, prefix=".dsync-kit-")
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):  # the reason is the error that is on its way
            Path(name).unlink()
        raise


def _is_replaceable(path: Path) -> bool:
    """Whether it is a file, or nothing yet; a device or a pipe (`/dev/stdout`, `>(command)`) is written to as it is."""
    return path.is_file() or not path.exists()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
