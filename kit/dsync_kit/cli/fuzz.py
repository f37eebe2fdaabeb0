"""`dsync-kit fuzz`: explores a connector for as long as you like."""

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console

from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.cli.verify import Verification, follow, orders_of
from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.situations import Meeting, Situation, table
from dsync_kit.conformance.rules.explore import RULES
from dsync_kit.conformance.running.keeping.corpus import CORPUS, Corpus
from dsync_kit.conformance.running.keeping.kept import folder_of
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.output.console import open_console
from dsync_kit.output.plain import printable_lines
from dsync_kit.output.redaction import redact_target
from dsync_kit.report.contents import Report, plural
from dsync_kit.report.failure import failure_lines
from dsync_kit.usage import UsageError

__all__ = ["fuzz", "seconds_of"]

_FIRST_SECONDS = 10.0
_LONGEST_SECONDS = 300.0
"""How long a rule is explored in one round; each round starts the connector again."""

_MANY = 10
"""From this count on, a cell only shows that it was often."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def seconds_of(text: str) -> float:
    """The seconds of `8h`, `1h30m`, `90s` or `90`. Raises UsageError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms]?)", text)
    seconds = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not seconds:
        raise UsageError(f"--max-time {text!r}: expected a number with h, m or s, such as 8h, 1h30m or 90s")
    return seconds


def fuzz(asked: Verification, seconds: float) -> int:
    """Explore in rounds, each with a different seed, until the time is over; returns the exit code.

    A rule that has failed is left out from then on. Raises UsageError for an impossible request.
    """
    console = open_console()
    corpus = Corpus(CORPUS / folder_of(redact_target(asked.target)))
    left = [rule.id for rule in RULES]
    seed = orders_of(asked).seed
    deadline = time.monotonic() + seconds
    problem = ""
    violated: list[str] = []
    for number in itertools.count():
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not left or problem:
            break
        share = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**number, remaining / len(left))
        report, interrupted = _round(replace(asked, rules=left, seed=seed + number), share, corpus)
        new = corpus.add(report.reached())
        _print_round(console, number + 1, seed + number, report, new, len(corpus.reached))
        for outcome in report.failures():
            if outcome.violated:
                violated.append(outcome.rule)
                _print_failure(console, outcome, report)
        tried = {outcome.rule for outcome in report.having(Status.PASSED)}
        left = [rule for rule in left if rule in tried]
        problem = report.result.problem or ("interrupted" if interrupted else "")
    for line in _table_lines(corpus.reached):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if problem and problem != "interrupted":
        console.print(printable_lines(f"not judged: {problem}"), soft_wrap=True, markup=False)
    if violated:
        console.print(f"✗ {plural(len(violated), 'rule')} violated: {', '.join(violated)}", soft_wrap=True)
        return ExitCode.VIOLATED
    if not problem:
        console.print("✓ no rule was violated", soft_wrap=True)
    return ExitCode.INTERRUPTED if problem == "interrupted" else ExitCode.NOT_JUDGED if problem else ExitCode.OK


def _round(asked: Verification, share: float, corpus: Corpus) -> tuple[Report, bool]:
    # Without a total, there is no time to judge again what a failure explains: the next round leaves out that failure.
    profile = replace(PROFILES["standard"], seconds=share, shrinking=min(60.0, 2 * share), total=0.0)
    orders = replace(orders_of(asked), profile=profile, corpus=corpus.examples)
    with Crew(1) as crew:
        report = follow(asked, orders, Console(quiet=True), crew)
    return report, report.result.interrupted


def _print_round(console: Console, number: int, seed: int, report: Report, new: int, known: int) -> None:
    examples = sum(outcome.examples for outcome in report.result.outcomes)
    text = (
        f"round {number}, seed {seed}: {plural(examples, 'example')} in {report.result.seconds:.0f} s, "
        f"{plural(new, 'new situation')}, {known:,} in all"
    )
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _print_failure(console: Console, outcome: Outcome, report: Report) -> None:
    rule = report.rules[outcome.rule]
    console.print()
    for line in failure_lines(outcome, rule, width=console.width):
        console.print(line, soft_wrap=True)
    console.print()


def _table_lines(reached: Sequence[tuple[Situation, int]]) -> Iterator[str]:
    """A table for each way in which operations met; a cell says how often they did, `+` means ten times or more.

    The columns have the numbers of the rows with the same name.
    """
    names = sorted({name for found, _ in reached for name in (found.first, found.second)})
    number = {name: f"{count:>3}" for count, name in enumerate(names, 1)}
    width = max(map(len, names), default=0)
    for meeting in Meeting:
        columns, rows = table(reached, meeting)
        if not rows:
            continue
        pairs = sum(count > 0 for _, counts in rows for count in counts)
        yield f"{meeting}: {plural(pairs, 'pair')} of operations"
        yield " " * (width + 4) + "".join(number[name] for name in columns)
        for name, counts in rows:
            yield f"{number[name]} {name:<{width}}" + "".join(f"{_shown(count):>3}" for count in counts)
        yield ""


def _shown(count: int) -> str:
    return "." if not count else "+" if count >= _MANY else str(count)
