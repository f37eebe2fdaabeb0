"""`dsync-kit rules`, `explain` and `list`: what there is."""

import difflib
import fnmatch
import json
import shutil
import textwrap
from collections.abc import Iterator

from dsync_kit.conformance.rule import Rule
from dsync_kit.errors import UsageError
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import Option

__all__ = ["explain", "list_connectors", "options_of", "rules_as_json", "rules_as_text"]

_WIDTH = 100


def rules_as_text() -> str:
    """Every rule by area: its id, its level, what it checks."""
    from dsync_kit.conformance.rules import RULES

    width = max(len(rule.id) for rule in RULES)
    lines = []
    for area in dict.fromkeys(rule.area for rule in RULES):
        found = [rule for rule in RULES if rule.area == area]
        lines += ["", f"{area} ({len(found)})"]
        for rule in found:
            lines += _row(f"  {rule.id:<{width}}  {rule.level.value:<6}  ", rule.summary)
    musts = sum(rule.level == "MUST" for rule in RULES)
    lines += ["", f"{len(RULES)} rules: {musts} MUST, {len(RULES) - musts} SHOULD. dsync-kit explain ID tells more."]
    return "\n".join(lines[1:])


def rules_as_json() -> str:
    """The same for programs."""
    from dsync_kit.conformance.rules import RULES

    rules = [
        {
            "id": rule.id,
            "level": rule.level.value,
            "sentence": rule.sentence,
            "checks": rule.summary,
            "needs": [need.name.lower().replace("_", "-") for need in rule.needs],
            "hint": rule.hint,
            "after": list(rule.after),
        }
        for rule in RULES
    ]
    return json.dumps(rules, ensure_ascii=False, indent=2)


def explain(name: str) -> str:
    """What one rule, or each that a glob matches, is about. Raises UsageError with suggestions where none does."""
    from dsync_kit.conformance.rules import RULES

    found = [rule for rule in RULES if fnmatch.fnmatchcase(rule.id, name) or rule.area == name]
    if not found:
        ids = [rule.id for rule in RULES]
        close = difflib.get_close_matches(name, ids, n=3, cutoff=0.5)
        close = close or [known for known in ids if name.lower() in known][:3]
        advice = f"did you mean {' or '.join(close)}?" if close else "`dsync-kit rules` lists them"
        raise UsageError(f"there is no rule {name!r}: {advice}")
    return "\n\n".join("\n".join(_explained(rule)) for rule in found)


def list_connectors() -> str:
    """The connectors that a URI or name can mean."""
    from dsync_kit.registry import discover

    lines = []
    for connector in discover():
        lines += _row(f"{connector.name:<12} ", connector.summary or connector.usage)
        if connector.summary:
            lines += _row(" " * 13, connector.usage)
    return "\n".join([*lines, "", "dsync-kit list NAME tells a connector's options."])


def options_of(word: str) -> str:
    """The options of the connector that a name, a URI or a folder means. Raises UsageError where there is none."""
    from dsync_kit.registry import discover
    from dsync_kit.target import find_connector

    named = next((connector for connector in discover() if connector.is_named(word)), None)
    connector = named or find_connector(word)[0]
    return "\n".join(_options(connector))


def _explained(rule: Rule) -> Iterator[str]:
    yield f"{rule.id}  ({rule.level.value})"
    yield from _row("  dsync relies on  ", f"“{rule.sentence}”")
    yield from _row("  checks           ", rule.summary)
    for need in rule.needs:
        yield from _row("  skipped when     ", need.value)
    if rule.hint:
        yield from _row("  likely cause     ", rule.hint)
    if rule.after:
        yield from _row("  follows from     ", ", ".join(rule.after))


def _options(connector: RegisteredConnector) -> Iterator[str]:
    yield f"{connector.name}: {connector.summary}" if connector.summary else connector.name
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
    """A label, and a text beside it that wraps at the terminal's width."""
    width = max(60, min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns))
    return textwrap.wrap(
        text, width, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    ) or [label.rstrip()]
