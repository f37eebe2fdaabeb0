"""Renders a template with copier, and records what an update needs to know."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dsync_kit.scaffold.record import ANSWERS_FILE, Record
from dsync_kit.scaffold.releases import Template
from dsync_kit.usage import UsageError

__all__ = ["files_in", "render_template"]


def render_template(
    template: Template, into: Path, answers: Mapping[str, Any], *, folder: str | None = None, interactive: bool = False
) -> Mapping[str, Any]:
    """Render into a folder; returns the value of every question, computed ones too.

    `folder` is the final name of the folder; None means the connector's name. If `interactive`, questions without an
    answer are asked on the terminal. Otherwise the answers file in the folder, if there is one, or the default answers
    them. Raises UsageError for answers that the template refuses.
    """
    from copier import Settings, run_copy
    from copier.errors import CopierError

    named = {} if folder is None else {"folder": folder}
    try:
        worker = run_copy(
            str(template.folder),
            into,
            data={**answers, **named, "kit_version": template.version.public},
            defaults=not interactive,
            settings=Settings(),  # none of the user's own defaults: the same answers give the same folder
            overwrite=True,
            quiet=True,
        )
    except (CopierError, ValueError) as error:
        raise UsageError(str(error)) from error
    written = into / ANSWERS_FILE
    kept = yaml.safe_load(written.read_text(encoding="utf-8"))
    questions = {name: value for name, value in kept.items() if not name.startswith("_")}
    folder = folder or questions["name"]
    written.write_bytes(Record(version=template.version, answers=questions, folder=folder).encode())
    return worker.answers.combined


def files_in(folder: Path) -> list[Path]:
    """The files in a folder, relative to it and sorted."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
