"""Writes reports to files, for `--report FORMAT=PATH`."""

import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dsync_kit.output.console import open_console
from dsync_kit.output.files import is_replaceable, write_whole
from dsync_kit.output.streams import lost, write_document
from dsync_kit.report.contents import Report
from dsync_kit.usage import UsageError

__all__ = ["FORMATS", "ReportError", "ReportFile", "console_beside", "write_reports"]

# A format's module is loaded only when needed: a template engine takes time to start.
FORMATS = {"json": "json_report", "junit": "junit", "markdown": "markdown", "html": "html", "badge": "badge"}


class ReportError(Exception):
    """A report can no longer be written, for example because the disk is full. The message says which, and why."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report to write: its format, and its path, where `-` is standard output."""

    format: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "ReportFile":
        """Read `FORMAT=PATH`, and check that it can be written. Raises UsageError if not."""
        name, equals, path = text.partition("=")
        if not equals or not path or name not in FORMATS:
            raise UsageError(f"--report {text}: expected FORMAT=PATH, where FORMAT is one of {', '.join(FORMATS)}")
        report = cls(name, path)
        report._probe()
        return report

    @property
    def on_stdout(self) -> bool:
        """Whether it goes to standard output, where nothing else may go in that case."""
        return self.path == "-"

    def write(self, report: Report) -> None:
        """Write the whole report, or nothing. Raises ReportError if it can no longer be written."""
        render: Callable[[Report], str] = importlib.import_module(f"dsync_kit.report.{FORMATS[self.format]}").render
        self.write_text(render(report))

    def write_text(self, text: str) -> None:
        """Write a text as the report. Raises ReportError if it can no longer be written."""
        try:
            if self.on_stdout:
                write_document(text)
                if loss := lost():
                    raise loss
            else:
                write_whole(Path(self.path), text.encode("utf-8", "backslashreplace"))
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
            pass  # it will be created
        except (OSError, ValueError) as error:
            raise UsageError(f"{option}: {getattr(error, 'strerror', None) or error}") from error
        if path.is_dir():
            raise UsageError(f"{option}: that is a folder, expected a file")
        if not path.parent.is_dir():
            raise UsageError(f"{option}: there is no folder {path.parent}: create it first")
        if not os.access(path.parent if is_replaceable(path) else path, os.W_OK):
            raise UsageError(f"{option}: the folder {path.parent} cannot be written to")


def write_reports(files: Iterable[ReportFile], report: Report) -> list[str]:
    """Write a report to each of the files; returns messages about those that cannot be written."""
    problems = []
    for file in files:
        try:
            file.write(report)
        except ReportError as error:
            problems.append(str(error))
    return problems


def console_beside(files: Sequence[ReportFile]) -> Console:
    """The console for people: on standard output, or on stderr if a report goes to standard output."""
    return open_console(stderr=any(file.on_stdout for file in files))
