"""Rules that a connector is known to violate, always or now and then, each with the reason."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import KnownFlaky
from dsync_kit.usage import UsageError

__all__ = ["check_known", "flaky_until", "read_known"]

_UNTIL = re.compile(r"until (\d{4}-\d{2}-\d{2}): *(.*\S)", re.DOTALL)


def read_known(path: Path, rules: Sequence[RuleInfo], what: str) -> dict[str, str]:
    """Read a file of lines `RULE-ID-OR-GLOB: REASON`; `#` begins a comment line. `what` says which list it is.

    Raises UsageError for an unreadable file, an entry without a reason, or an entry that matches no rule.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the {what} cannot be read from {path}: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        glob, _, reason = (part.strip() for part in text.partition(":"))
        check_known({glob: reason}, rules, f"{path}, line {number}")
        if glob in found:
            raise UsageError(f"{path}, line {number}: {glob!r} is listed twice")
        found[glob] = reason
    return found


def check_known(known: Mapping[str, str], rules: Sequence[RuleInfo], where: str) -> None:
    """Raise UsageError unless each entry names a rule and has a reason. `where` names the list in the message."""
    for glob, reason in known.items():
        if not reason.strip():
            raise UsageError(f"{where}: {glob!r} has no reason: write `{glob}: why it fails`")
        if not any(fnmatch.fnmatchcase(rule.id, glob) for rule in rules):
            raise UsageError(f"{where}: no rule matches {glob!r}; `dsync-kit rules` lists them")


def flaky_until(known: Mapping[str, str], where: str, today: date) -> dict[str, KnownFlaky]:
    """The entries of a list of flaky rules, whose reasons are `until YYYY-MM-DD: REASON`. Raises UsageError."""
    found = {}
    for glob, text in known.items():
        try:
            day, reason = match.groups() if (match := _UNTIL.fullmatch(text.strip())) else ("", "")
            until = date.fromisoformat(day)
        except ValueError:
            raise UsageError(
                f"{where}: {glob!r} is given as {text!r}: expected `until YYYY-MM-DD: why it fails now and then`"
            ) from None
        found[glob] = KnownFlaky(reason, until, expired=today > until)
    return found
