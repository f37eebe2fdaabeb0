"""Failures that are kept in files, each with what it takes to run just its example again."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from hypothesis import __version__ as hypothesis_version
from hypothesis.core import decode_failure
from hypothesis.errors import InvalidArgument

from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.errors import UsageError

__all__ = ["FAILURES", "KeptFailure"]

FAILURES = Path(".dsync-kit/failures")
"""Where failures are kept, in the current folder."""

_SCHEMA = "dsync-kit/failure/1"


@dataclass(frozen=True, slots=True)
class KeptFailure:
    """One failure. `target` and `options` hold no secrets; `choices` are for the Hypothesis that is named."""

    rule: str
    target: str
    options: tuple[str, ...]
    namespaces: tuple[str, ...]
    insecure: bool
    profile: str
    seed: int
    choices: str
    hypothesis: str = hypothesis_version

    @property
    def name(self) -> str:
        """What `replay` knows it by."""
        return self.rule.replace("/", "-")

    def save(self, folder: Path = FAILURES) -> Path:
        """Write it, in place of an older failure of the rule. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder.parent.name == FAILURES.parent.name:  # like the caches of pytest and Hypothesis, nothing to commit
            (folder.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=2) + "\n", encoding="utf-8")
        return path

    def _check(self) -> None:
        """Raise ValueError where a file that somebody has edited holds what cannot be replayed."""
        for name in ("rule", "target", "profile", "choices", "hypothesis"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"its {name} is no text")
        if not all(isinstance(word, str) for word in (*self.options, *self.namespaces)):
            raise ValueError("its options and namespaces are not all text")
        if not isinstance(self.seed, int):
            raise ValueError("its seed is no number")
        if self.profile not in PROFILES:
            raise ValueError(f"there is no profile {self.profile!r}")
        try:
            decode_failure(self.choices.encode())
        except InvalidArgument as error:
            raise ValueError("its choices are not what Hypothesis has made") from error

    @classmethod
    def load(cls, word: str, folder: Path = FAILURES) -> "KeptFailure":
        """The failure that a path, a name or a rule's id means.

        Raises UsageError where there is none, or where another version of Hypothesis has made it.
        """
        path = Path(word)
        if not path.is_file():
            path = folder / f"{re.sub('/', '-', word)}.json"
        if not path.is_file():
            names = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
            raise UsageError(f"no failure {word!r} is kept in {folder}: expected a file, or one of these: {names}")
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("schema") != _SCHEMA:
                raise ValueError("another schema")
            fields |= {name: tuple(fields[name]) for name in ("options", "namespaces")}
            failure = cls(**fields)
            failure._check()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path} is no failure that this version of dsync-kit has kept: {error}") from error
        if failure.hypothesis != hypothesis_version:
            raise UsageError(
                f"{path} was made with Hypothesis {failure.hypothesis}, this is {hypothesis_version}: "
                f"run `dsync-kit verify` with --rule {failure.rule} --seed {failure.seed}"
            )
        return failure
