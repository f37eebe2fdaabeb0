"""`dsync-kit badge`: turns a JSON report into a picture."""

import json
from pathlib import Path

from dsync_kit.report.badge import image
from dsync_kit.report.files import ReportFile
from dsync_kit.report.json_report import SCHEMA
from dsync_kit.usage import UsageError

__all__ = ["badge"]


def badge(report: Path, picture: Path) -> None:
    """Write the SVG. Raises UsageError if the file is not a report, ReportError if the picture cannot be written."""
    try:
        contents = json.loads(report.read_text(encoding="utf-8"))
        if contents["schema"] != SCHEMA:
            raise ValueError(f"its schema is {contents['schema']!r}")
        text = image(int(contents["exit_code"]), int(contents["counts"]["passed"]))
    except OSError as error:
        raise UsageError(f"{report}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{report} is not a report: expected the output of `dsync-kit verify --report json={report}`"
        ) from error
    ReportFile("badge", str(picture)).write_text(text)
