"""The generated section of a connector's README, between two marks. Markdown from outside is escaped."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.report.contents import Report
from dsync_kit.report.markdown import code, escape
from dsync_kit.usage import UsageError

__all__ = ["FIDELITY", "is_stale", "write"]

FIDELITY = "encoding/*"
"""The rules that say which types come back unchanged."""

_BEGIN = "<!-- Written by `dsync-kit docs`: changes below are overwritten. -->"
_END = "<!-- The end of what `dsync-kit docs` writes. -->"
_README = "README.md"


def write(folder: Path, report: Report) -> Path:
    """Write the section into the README, in place of the old one, else at the end; returns the README's path.

    Raises UsageError if the connector did not answer, or if the README has one mark without the other.
    """
    path = folder / _README
    text = _read(path) if path.is_file() else f"# {folder.resolve().name}\n"
    before, old, after = _parts(path, text)
    if old is None:
        before, after = before.rstrip("\n") + "\n\n", "\n"
    path.write_text(f"{before}{_section(report)}{after}", encoding="utf-8")
    return path


def is_stale(folder: Path, report: Report) -> bool:
    """Whether the README has a section that differs from what `write` would write now. Raises UsageError as `write`."""
    path = folder / _README
    if not path.is_file():
        return False
    _, old, _ = _parts(path, _read(path))
    return old is not None and old != _section(report)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _parts(path: Path, text: str) -> tuple[str, str | None, str]:
    """What is before the section, the section with its marks, or None, and what is after it."""
    begins, ends = text.count(_BEGIN), text.count(_END)
    if not begins and not ends:
        return text, None, ""
    start, end = text.find(_BEGIN), text.find(_END)
    if (begins, ends) != (1, 1) or end < start:
        raise UsageError(f"{path} must have each of these lines once, in this order, or neither:\n{_BEGIN}\n{_END}")
    end += len(_END)
    return text[:start], text[start:end], text[end:]


def _section(report: Report) -> str:
    if report.started is None:
        raise UsageError(f"{report.result.target}: {report.verdict()}")
    lines = [_BEGIN, "", *_options(report), *_capabilities(report), *_rules(report), *_types(report), _END]
    return "\n".join(lines)


def _options(report: Report) -> Iterator[str]:
    options = report.started.connector_options if report.started else ()
    yield from ("### Options", "")
    if not options:
        yield from ("It has no options.", "")
        return
    rows = (
        (
            _cell(f"{option.flag} {option.metavar}".strip()),
            escape(option.help),
            _cell(option.default) if option.default else "required" if option.required else "",
            ", ".join(map(_cell, option.env)),
        )
        for option in options
    )
    yield from _table(("Option", "Meaning", "Default", "Environment"), rows)


def _capabilities(report: Report) -> Iterator[str]:
    yield from ("### Capabilities", "")
    yield from (f"- {escape(capability)}" for capability in report.capabilities or ("none",))
    yield ""


def _rules(report: Report) -> Iterator[str]:
    terms = report.started.terms if report.started else Terms()
    yield from ("### Rules", "")
    yield f"It is held to edition {report.result.edition.name} of dsync-kit's rules."
    yield ""
    listed = [(_cell(rule), "known to fail", escape(why)) for rule, why in terms.known_failures.items()]
    listed += [
        (_cell(rule), f"flaky, until {entry.until}", escape(entry.reason)) for rule, entry in terms.known_flaky.items()
    ]
    if listed:
        yield from _table(("Rule", "Exception", "Why"), listed)


def _types(report: Report) -> Iterator[str]:
    outcomes = [outcome for outcome in report.result.outcomes if outcome.area == FIDELITY.partition("/")[0]]
    yield from ("### Which values come back unchanged", "")
    rows = ((escape(outcome.rule.partition("/")[2].replace("-", " ")), _fidelity(outcome)) for outcome in outcomes)
    yield from _table(("Values", "Kept"), rows)


def _fidelity(outcome: Outcome) -> str:
    match outcome.status:
        case Status.PASSED:
            return "exactly"
        case Status.SKIPPED | Status.NOT_EXERCISED:
            return escape(f"not applicable: {outcome.reason}")
        case Status.KNOWN_FAILING | Status.KNOWN_FLAKY:
            return "not always: see the exceptions above"
        case _:
            return "not always"


def _cell(text: str) -> str:
    """Code in a table: there a bar ends the cell, even in code."""
    return code(text).replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
