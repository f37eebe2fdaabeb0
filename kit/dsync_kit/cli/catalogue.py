"""`dsync-kit rules`, `explain` and `list`: shows the rules, and the connectors that can be used."""

import difflib
import fnmatch
import json
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from dsync_kit import conformance
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.errors import UsageError
from dsync_kit.output.plain import one_line, printable
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import Option

__all__ = ["explain", "list_connectors", "options_of", "rules_as_json", "rules_as_text"]

_WIDTH = 100
_INDEX = Path(conformance.__file__).with_name("rules.json")
"""Generated from the rules (`make rules`): importing them takes Hypothesis, and half a second."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule, as described in rules.json."""

    id: str
    level: str
    sentence: str
    checks: str
    needs: list[str]
    hint: str
    after: list[str]
    since: str

    @property
    def area(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]


def rules_as_text() -> str:
    """All rules by area: id, level, what each checks."""
    rules = _rules()
    width = max(len(rule.id) for rule in rules)
    lines = []
    for area, of_area in groupby(rules, key=lambda rule: rule.area):
        found = list(of_area)
        lines += ["", f"{area} ({len(found)})"]
        for rule in found:
            lines += _row(f"  {rule.id:<{width}}  {rule.level:<6}  ", rule.checks)
    musts = sum(rule.level == Level.MUST for rule in rules)
    lines += ["", f"{len(rules)} rules: {musts} MUST, {len(rules) - musts} SHOULD. dsync-kit explain ID explains one."]
    return "\n".join(lines[1:])


def rules_as_json() -> str:
    """All rules as JSON."""
    return _INDEX.read_text(encoding="utf-8").rstrip()


def explain(name: str) -> str:
    """Explain a rule, or all that a glob matches. Raises UsageError, with suggestions, if there is none."""
    rules = _rules()
    found = [rule for rule in rules if fnmatch.fnmatchcase(rule.id, name) or rule.area == name]
    if not found:
        ids = [rule.id for rule in rules]
        close = difflib.get_close_matches(name, ids, n=3, cutoff=0.5)
        close = close or [known for known in ids if name.lower() in known][:3]
        advice = f"did you mean {' or '.join(close)}?" if close else "`dsync-kit rules` lists them"
        raise UsageError(f"there is no rule {name!r}: {advice}")
    return "\n\n".join("\n".join(_explained(rule)) for rule in found)


def _rules() -> list[_Rule]:
    return [_Rule(**entry) for entry in json.loads(_INDEX.read_bytes())]


def list_connectors() -> str:
    """The connectors that a URI or name can mean."""
    from dsync_kit.registry import discover

    lines = []
    for connector in discover():
        lines += _row(f"{connector.name:<12} ", connector.summary or connector.usage)
        if connector.summary:
            lines += _row(" " * 13, connector.usage)
    return "\n".join([*lines, "", "dsync-kit list NAME shows a connector's options."])


def options_of(word: str) -> str:
    """The options of the connector that a name, a URI or a folder means. Raises UsageError if there is none."""
    from dsync_kit.registry import discover
    from dsync_kit.targets.resolving import find_connector

    named = next((connector for connector in discover() if connector.is_named(word)), None)
    connector = named or find_connector(word)[0]
    return "\n".join(_options(connector))


def _explained(rule: _Rule) -> Iterator[str]:
    yield f"{rule.id}  ({rule.level})"
    yield from _row("  dsync relies on  ", f"“{rule.sentence}”")
    yield from _row("  checks           ", rule.checks)
    for need in rule.needs:
        yield from _row("  skipped when     ", Need[need.upper().replace("-", "_")].value)
    yield from _row("  counts from      ", f"edition {rule.since}")
    if rule.hint:
        yield from _row("  likely cause     ", rule.hint)
    if rule.after:
        yield from _row("  follows from     ", ", ".join(rule.after))


def _options(connector: RegisteredConnector) -> Iterator[str]:
    yield one_line(f"{connector.name}: {connector.summary}" if connector.summary else connector.name)
    yield ""
    yield from _row("usage  ", connector.usage)
    options = connector.settings.options()
    if not options:
        return
    yield ""
    named = [(f"  {option.flag} {option.metavar or ''}".rstrip(), option) for option in options]
    width = min(34, max(len(name) for name, _ in named)) + 2
    for name, option in named:
        if len(name) >= width:
            yield name
            name = ""
        yield from _row(f"{name:<{width}}", _described(option))


def _described(option: Option) -> str:
    remarks = ["required"] if option.required else []
    if option.default is not None:
        remarks.append(f"default: {option.default}")
    if option.env:
        remarks.append("or " + ", ".join(f"${name}" for name in option.env))
    if option.repeats:
        remarks.append("repeats")
    return option.help + (f" [{'; '.join(remarks)}]" if remarks else "")


def _row(label: str, text: str) -> list[str]:
    """A label and a text beside it, wrapped at the terminal's width. Text from connectors is shown as plain text."""
    label, text = printable(label), one_line(text)
    width = max(60, min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns))
    return textwrap.wrap(
        text, width, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    ) or [label.rstrip()]
