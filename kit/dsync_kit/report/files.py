"""Reports that are written to files, as `--report FORMAT=PATH` asks for them."""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dsync_kit.errors import UsageError
from dsync_kit.report.contents import Report

__all__ = ["FORMATS", "ReportFile", "console_beside"]

# A module is loaded when its format is asked for: a template engine costs start-up time.
FORMATS = {"json": "json_report", "junit": "junit", "markdown": "markdown", "html": "html", "badge": "badge"}


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
        """Write the report: the whole of it, or nothing. Raises UsageError where it cannot be written any more."""
        render: Callable[[Report], str] = importlib.import_module(f"dsync_kit.report.{FORMATS[self.format]}").render
        self.write_text(render(report))

    def write_text(self, text: str) -> None:
        """Write a text in place of a report. Raises UsageError where it cannot be written any more."""
        if self.on_stdout:
            sys.stdout.write(text)
            return
        path = Path(self.path)
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
            ) as file:
                file.write(text)
            Path(file.name).chmod(0o666 & ~_umask())
            Path(file.name).replace(path)
        except OSError as error:
            raise UsageError(f"the {self.format} report cannot be written to {path}: {error.strerror}") from error

    def _probe(self) -> None:
        if self.on_stdout:
            return
        path = Path(self.path)
        if path.is_dir():
            raise UsageError(f"--report {self.format}={path}: that is a folder, expected a file")
        if not path.parent.is_dir():
            raise UsageError(f"--report {self.format}={path}: there is no folder {path.parent}: make it first")
        if not os.access(path.parent, os.W_OK):
            raise UsageError(f"--report {self.format}={path}: the folder {path.parent} cannot be written to")


def console_beside(files: Sequence[ReportFile]) -> Console:
    """Where a person reads what comes of it: standard output, unless a report goes there."""
    return Console(stderr=any(file.on_stdout for file in files), highlight=False, markup=False, emoji=False)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
