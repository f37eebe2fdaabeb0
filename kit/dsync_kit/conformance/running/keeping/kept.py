"""Failures in files, each with everything that is needed to run just its example again."""

import hashlib
import re
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from dsync_kit.bounds.patience import CALL_SECONDS
from dsync_kit.conformance.results.features import read_features
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.keeping import json_files
from dsync_kit.usage import UsageError

__all__ = ["FAILURES", "KeptFailure", "folder_of"]

FAILURES = Path(".dsync-kit/failures")
"""The folder for failures, in the current folder."""

_SCHEMA = "dsync-kit/failure/1"
_PART_CHARACTERS = 60
_MOST_PARTS = 8


def folder_of(target: str) -> Path:
    """A relative path for a target's files: `connectors/s3` stays itself; a URI is reduced to characters for paths."""
    parts = []
    for part in filter(None, target.split("/")):
        name = re.sub(r"[^\w.@+=-]+", "-", "up" if part == ".." else part)
        if len(name) > _PART_CHARACTERS:
            name = f"{name[:_PART_CHARACTERS]}-{_checksum(part)}"
        parts.append(name)
    if len(parts) > _MOST_PARTS:
        parts[_MOST_PARTS:] = [_checksum(target)]
    return Path(*parts)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class KeptFailure:
    """One failure. `target` and `options` contain no secrets; `choices` are for the named version of Hypothesis.

    `documents` are the words of `--documents`. `timeout` (for each call) and `settle` (for reads that lag) are in
    seconds. `without` are the features that the example must not show (`keep_features`), if the rule was judged again.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    rule: str
    target: str
    options: tuple[str, ...]
    namespaces: tuple[str, ...]
    insecure: bool
    profile: str
    seed: int
    choices: str
    documents: tuple[str, ...] = ()
    without: str = ""
    timeout: float = CALL_SECONDS
    settle: float | None = None
    hypothesis: str = field(default_factory=lambda: version("hypothesis"))

    def save(self, folder: Path = FAILURES) -> str:
        """Write it, replacing an older failure of the same rule and target; returns its name for `replay`.

        Raises OSError.
        """
        path = folder / folder_of(self.target) / f"{_file_name(self.rule)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if folder.parent.name == FAILURES.parent.name:  # not to be committed, like the caches of pytest and Hypothesis
            (folder.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        json_files.write(path, _SCHEMA, self)
        alone = len(_found(_file_name(self.rule), folder)) == 1
        return path.stem if alone else path.relative_to(folder).with_suffix("").as_posix()

    @classmethod
    def load(cls, word: str, folder: Path = FAILURES) -> "KeptFailure":
        """The failure that a path, a rule's id, or a connector and a rule's id name.

        Raises UsageError if there is none or more than one, or if it is from another version of Hypothesis.
        """
        path = _path(word, folder)
        try:
            failure = _read(path)
        except (ValueError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"{path} is not a failure saved by this version of dsync-kit: {reason}") from error
        if failure.hypothesis != version("hypothesis"):
            raise UsageError(
                f"{path} was made with Hypothesis {failure.hypothesis}, this is {version('hypothesis')}: "
                f"run `dsync-kit verify` with --rule {failure.rule} --seed {failure.seed}"
            )
        return failure


def _file_name(rule: str) -> str:
    return rule.replace("/", "-")


def _path(word: str, folder: Path) -> Path:
    """The only file that a word can mean."""
    if (path := Path(word)).is_file():
        return path
    # `connectors/s3/list-complete` is the name for `replay`; `connectors/s3/list/complete` is how a rule is written.
    found = _found(word, folder) or _found(re.sub(r"/(?=[^/]*$)", "-", word), folder)
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in found]
    if len(found) > 1:
        raise UsageError(f"failures of {word!r} are saved for several connectors: expected one of {', '.join(names)}")
    if not found:
        kept = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json"))
        raise UsageError(
            f"no failure {word!r} is saved in {folder}: expected a file, or one of these: {', '.join(kept) or 'none'}"
        )
    return found[0]


def _found(name: str, folder: Path) -> list[Path]:
    """The files whose paths end like this: `list-complete`, `s3/list-complete`, `connectors/s3/list-complete`."""
    wanted = tuple(Path(f"{name}.json").parts)
    return sorted(path for path in folder.rglob("*.json") if path.relative_to(folder).parts[-len(wanted) :] == wanted)


def _read(path: Path) -> KeptFailure:
    """The failure in a file. Raises OSError, or a ValueError that says what is wrong."""
    from hypothesis.core import decode_failure  # imported here: saving a failure does not need it
    from hypothesis.errors import InvalidArgument

    failure = json_files.read(path, _SCHEMA, KeptFailure)
    if failure.profile not in PROFILES:
        raise ValueError(f"there is no profile {failure.profile!r}")
    if failure.without:
        read_features(failure.without)
    if failure.hypothesis == version("hypothesis"):
        try:
            decode_failure(failure.choices.encode(errors="replace"))
        except InvalidArgument:
            raise ValueError("its choices hold no example") from None
    return failure
