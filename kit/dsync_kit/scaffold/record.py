"""The answers file of a connector: the release that rendered it, and the answers to the template's questions."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from dsync_kit.usage import UsageError

__all__ = ["ANSWERS_FILE", "Record", "read_record"]

ANSWERS_FILE = ".copier-answers.yml"

# A name for the template, wherever it is, in the form of the URL that copier expects.
_SOURCE = "https://dsync-kit.invalid/template.git"
_HEAD = "# What this folder was made from; `dsync-new update` reads it. Do not edit.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the answers file holds."""

    version: Version
    answers: Mapping[str, Any]
    """By question, as in the template's copier.yml."""
    folder: str | None = None
    """The folder's name when it was rendered; None if it was not recorded (version 0.1.0)."""
    own: tuple[str, ...] = ()
    """Patterns of files that no update touches: they were there when the connector was adopted. `*` matches slashes."""

    def owns(self, path: Path) -> bool:
        """Whether updates leave a file alone."""
        return any(fnmatchcase(path.as_posix(), pattern) for pattern in self.own)

    def encode(self) -> bytes:
        """The file's contents, with a checksum that reveals later edits."""
        fields = {"_commit": f"v{self.version}", "_src_path": _SOURCE, **self.answers}
        if self.folder is not None:
            fields["_folder"] = self.folder
        if self.own:
            fields["_own"] = list(self.own)
        fields["_checksum"] = _checksum(fields)
        return (_HEAD + yaml.safe_dump(fields, allow_unicode=True)).encode()


def read_record(folder: Path) -> Record:
    """Read a connector's answers file.

    Raises UsageError if there is none, if it was edited, or if dsync-kit did not write it.
    """
    path = folder / ANSWERS_FILE
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} has no {ANSWERS_FILE}, so nothing says what it was made from: "
            "restore the file, or have dsync-kit find out with `dsync-new adopt`"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {_first_line(error)}; {_RESTORE}") from error
    if not isinstance(fields, dict) or fields.get("_src_path") != _SOURCE:
        raise UsageError(f"{path} was not written by dsync-kit: expected `_src_path: {_SOURCE}`; {_RESTORE}")
    given = fields.pop("_checksum", None)  # version 0.1.0 wrote none
    if given is not None and given != _checksum(fields):
        raise UsageError(f"{path} has been edited since dsync-kit wrote it: its checksum differs; {_RESTORE}")
    return Record(
        version=_version(path, fields.get("_commit")),
        answers={str(name): value for name, value in fields.items() if not str(name).startswith("_")},
        folder=fields.get("_folder"),
        own=tuple(fields.get("_own", ())),
    )


_RESTORE = (
    f"restore an earlier version (`git log {ANSWERS_FILE}` lists them), or delete the file and run `dsync-new adopt`"
)


def _version(path: Path, commit: object) -> Version:
    try:
        if isinstance(commit, str) and commit.startswith("v"):
            return Version(commit[1:])
    except InvalidVersion:
        pass
    raise UsageError(f"{path}: `_commit` is {commit!r}: expected a release, such as v0.1.0; {_RESTORE}")


def _checksum(fields: Mapping[str, Any]) -> str:
    """A checksum of all fields, sixteen hexadecimal digits."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
