"""Rules that a connector is known to violate, each with the reason."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.usage import UsageError

__all__ = ["check_known_failures", "read_known_failures"]


def read_known_failures(path: Path, rules: Sequence[RuleInfo]) -> dict[str, str]:
    """Read a file of lines `RULE-ID-OR-GLOB: REASON`; `#` begins a comment line.

    Raises UsageError for an unreadable file, an entry without a reason, or an entry that matches no rule.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the known failures cannot be read from {path}: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        glob, _, reason = (part.strip() for part in text.partition(":"))
        check_known_failures({glob: reason}, rules, f"{path}, line {number}")
        if glob in found:
            raise UsageError(f"{path}, line {number}: {glob!r} is listed twice")
        found[glob] = reason
    return found


def check_known_failures(known: Mapping[str, str], rules: Sequence[RuleInfo], where: str) -> None:
    """Raise UsageError unless each entry names a rule and has a reason. `where` names the list in the message."""
    for glob, reason in known.items():
        if not reason.strip():
            raise UsageError(f"{where}: {glob!r} has no reason: write `{glob}: why it fails`")
        if not any(fnmatch.fnmatchcase(rule.id, glob) for rule in rules):
            raise UsageError(f"{where}: no rule matches {glob!r}; `dsync-kit rules` lists them")
