"""A failure for people: what was expected, what was seen, how it happened, what to do."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from dsync_kit.conformance.results.outcome import Failure, Outcome, Status
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.output.plain import printable
from dsync_kit.report.contents import plural
from dsync_kit.report.lines import field, hanging

__all__ = ["failure_lines", "failure_text"]

_FIRST_CALLS, _LAST_CALLS = 8, 24
"""How many calls of a long transcript are shown here; other reports have all of them."""

_CONSEQUENCES = 8
"""How many consequences are named here; they all have an entry in the other reports."""

_MOST = 4
"""The most lines that one request, answer or value takes."""

_LABELS = 14
_LAST_LOG = 16


def failure_lines(
    outcome: Outcome,
    rule: RuleInfo | None,
    consequences: Sequence[Outcome] = (),
    *,
    again: str = "",
    width: int = 100,
) -> Iterator[Text]:
    """What a person needs to fix a failure, in lines of about `width` columns. Commands are never broken.

    `again` is the text about rules that were judged apart from a feature of the failure.
    """
    colour = "yellow" if outcome.mild else "red"
    heading = (
        Text().append("── ", colour).append(outcome.rule, f"bold {colour}").append(f" · {_label(outcome)} ", colour)
    )
    yield heading.append("─" * max(2, width - heading.cell_len), colour)
    if rule is not None and rule.sentence:
        yield from hanging(f"“{rule.sentence}”", width, style="italic")
    yield Text()
    failure = outcome.failure
    if failure is None:
        yield from hanging(outcome.reason, width)
        return
    yield from hanging(_sentence(failure.message), width, style="bold")
    yield from _found(failure, width)
    yield Text()
    yield from _advice(outcome, failure, consequences, again, width)


def failure_text(
    outcome: Outcome,
    rule: RuleInfo | None,
    consequences: Sequence[Outcome] = (),
    *,
    again: str = "",
) -> str:
    """What a person needs to fix a failure, as plain text."""
    lines = failure_lines(outcome, rule, consequences, again=again)
    return "\n".join(line.plain.rstrip() for line in lines)


def _label(outcome: Outcome) -> str:
    match outcome.status:
        case Status.FAILED | Status.FLAKY if outcome.counts_from:
            return f"{outcome.level.value} violated, a warning: counts from edition {outcome.counts_from}"
        case Status.FAILED:
            return f"{outcome.level.value} violated" + ("" if outcome.level is Level.MUST else ", a warning")
        case Status.FLAKY:
            return f"{outcome.level.value} violated, but flaky" + ("" if outcome.level is Level.MUST else ", a warning")
        case Status.UNEXPECTEDLY_PASSING:
            return "passes, but is listed as known to fail"
        case Status.ERRORED:
            return "could not be judged"
        case _:
            return outcome.status.replace("-", " ")


def _sentence(message: str) -> str:
    first = message.partition(" ")[0]
    return message[:1].upper() + message[1:] if first.isalpha() else message


def _found(failure: Failure, width: int) -> Iterator[Text]:
    for name, value, style in (("expected", failure.expected, "green"), ("seen", failure.seen, "red")):
        if value.strip():
            yield from field(name, value.strip(), width, column=_LABELS, most=6, style=style)
    if failure.example:
        yield Text("\nsmallest example", "dim")
        for label, value in failure.example:
            yield from hanging(f"{label} = {value}", width, indent=2, hang=4, most=_MOST)
    if failure.transcript:
        yield Text("\ncalls", "dim")
        yield from _transcript(failure.transcript, width)
    if failure.log:
        yield Text("\nlog of the connector", "dim")
        for line in failure.log[-_LAST_LOG:]:
            yield from hanging(line, width, indent=2, hang=4, most=_MOST)


def _transcript(lines: Sequence[str], width: int) -> Iterator[Text]:
    hidden = len(lines) - _FIRST_CALLS - _LAST_CALLS
    if hidden < 2:
        head, tail = lines, []
    else:
        head, tail = lines[:_FIRST_CALLS], list(lines[-_LAST_CALLS:])
    for line in head:
        yield from _call(line, width)
    if tail:
        yield Text(f"     … {hidden} more calls, which the JSON and HTML reports show …", "dim")
    for line in tail:
        yield from _call(line, width)


def _call(line: str, width: int) -> Iterator[Text]:
    """One call. If it is too long for a line, its answer begins another one."""
    request, arrow, answer = line.partition(" → ")
    if len(line) <= width or not arrow:
        yield from hanging(line, width, hang=7, most=_MOST)
        return
    yield from hanging(request, width, hang=7, most=_MOST)
    yield from hanging(f"→ {answer}", width, indent=5, hang=7, most=_MOST)


def _why(outcome: Outcome) -> str:
    return f" ({outcome.why})" if outcome.why else ""


def _advice(
    outcome: Outcome, failure: Failure, consequences: Sequence[Outcome], again: str, width: int
) -> Iterator[Text]:
    if outcome.status is Status.KNOWN_FAILING:
        yield from field("known to fail", outcome.reason, width, column=_LABELS)
    if outcome.cause:
        yield from field("follows from", f"{outcome.cause}: fix that first{_why(outcome)}", width, column=_LABELS)
    if not failure.reproducible and not outcome.cause:
        note = f"{failure.again or 'the same example did not fail again'}: it depends on timing, or on earlier calls"
        yield from field("note", note, width, column=_LABELS)
    if consequences:
        names = ", ".join(found.rule for found in consequences[:_CONSEQUENCES])
        names += ", …" if len(consequences) > _CONSEQUENCES else ""
        yield from field("leads to", f"{plural(len(consequences), 'consequence')}: {names}", width, column=_LABELS)
    if again:
        yield from field("judged again", again, width, column=_LABELS)
    if outcome.apart is not None and outcome.apart.cause and not outcome.cause:
        text = f"on its own: without {outcome.apart.feature}, it still fails, unlike {outcome.apart.cause}"
        yield from field("fails", text, width, column=_LABELS)
    if failure.hint:
        yield from field("likely cause", failure.hint, width, column=_LABELS, style="cyan")
    replay = f"dsync-kit replay {outcome.kept}" if outcome.kept else outcome.replay
    yield Text().append(f"{'replay':<{_LABELS}}", "dim").append(printable(replay), "bold")
    if outcome.kept:  # which does not exist on other machines
        yield Text().append(f"{'or rerun':<{_LABELS}}", "dim").append(printable(outcome.replay))
