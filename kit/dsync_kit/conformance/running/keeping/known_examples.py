"""Examples of known failures, in files beside the list of the rules, to be committed with it.

A run without a known failure may just not have met it. Its kept example decides: only if that passes, the rule is no
longer violated.
"""

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from dsync_kit.conformance.running.keeping import json_files
from dsync_kit.usage import UsageError

__all__ = ["FOLDER", "KnownExample", "example_file"]

FOLDER = "known_examples"
"""Their folder, beside the list."""

_SCHEMA = "dsync-kit/known-example/1"


def example_file(beside: Path, rule: str) -> Path:
    """The file of a rule's example; `beside` is the folder of the list."""
    return beside / FOLDER / f"{rule.replace('/', '-')}.json"


@dataclass(frozen=True, slots=True)
class KnownExample:
    """One example. `example` are its values as reports show them, `choices` what reproduces it with this Hypothesis."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    rule: str
    example: tuple[tuple[str, str], ...]
    choices: str
    hypothesis: str = field(default_factory=lambda: version("hypothesis"))

    @property
    def usable(self) -> bool:
        """Whether the installed Hypothesis makes the same example from the choices."""
        return self.hypothesis == version("hypothesis")

    def save(self, path: Path) -> None:
        """Write it. Raises OSError."""
        path.parent.mkdir(exist_ok=True)
        json_files.write(path, _SCHEMA, self)

    @classmethod
    def load(cls, path: Path) -> "KnownExample | None":
        """The example in a file; None without one. Raises UsageError for any other contents."""
        try:
            return json_files.read(path, _SCHEMA, cls)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{path} is not an example that dsync-kit keeps: {error}; remove it, and run verify"
            ) from error
