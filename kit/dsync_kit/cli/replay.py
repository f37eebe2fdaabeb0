"""`dsync-kit replay`: runs one kept example again."""

import signal
from collections.abc import Sequence
from dataclasses import replace

from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.conformance.results.events import RunFinished
from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.crew import Crew
from dsync_kit.conformance.running.engine import Plan
from dsync_kit.conformance.running.interruption import interrupt_on
from dsync_kit.conformance.running.judging import judge_apart
from dsync_kit.conformance.running.kept import KeptFailure
from dsync_kit.conformance.running.messages import Named
from dsync_kit.errors import UsageError
from dsync_kit.output.console import open_console
from dsync_kit.output.plain import printable_lines
from dsync_kit.report.failure import failure_lines
from dsync_kit.targets.process import TargetError

__all__ = ["replay"]


def replay(word: str, crew: Crew, *, target: str | None = None, options: Sequence[str] | None = None) -> int:
    """Run the example of a kept failure; returns 1 if it still fails, 0 if it is gone, 3 if that cannot be told.

    `target` and `options` take the place of those that were kept; the crew's process does the work. Raises UsageError
    where the failure is not there.
    """
    kept = KeptFailure.load(word)
    rule = next((rule for rule in RULES if rule.id == kept.rule), None)
    if rule is None:
        raise UsageError(f"the rule {kept.rule} of this failure is there no more")
    if target is None and ":***@" in " ".join([kept.target, *kept.options]):
        raise UsageError(f"the password of {kept.target} was not kept: name the target again with --target")
    named = Named(
        target or kept.target, tuple(kept.options if options is None else options), kept.insecure, kept.timeout
    )
    plan = Plan(
        (rule,), PROFILES[kept.profile], kept.seed, kept.namespaces, command=lambda _: f"dsync-kit replay {word}"
    )
    interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    *_, last = judge_apart(named, plan, crew, choices=kept.choices)
    result = last.result if isinstance(last, RunFinished) else None
    if result is None or not result.outcomes:
        raise TargetError(result.problem if result and result.problem else "interrupted")
    [outcome] = result.outcomes
    console = open_console()
    if outcome.failure is not None:
        # Once is enough here: it was found, and kept, before.
        again = replace(outcome, failure=replace(outcome.failure, reproducible=True))
        for line in failure_lines(again, rule, width=console.width):
            console.print(line, soft_wrap=True)
        console.print()
    code, verdict = _verdict(outcome, result.target)
    console.print(printable_lines(verdict), soft_wrap=True)
    return code


def _verdict(outcome: Outcome, target: str) -> tuple[ExitCode, str]:
    match outcome.status:
        case Status.FAILED:
            return ExitCode.VIOLATED, f"✗ {outcome.rule} still fails with this example on {target}"
        case Status.PASSED:
            return (
                ExitCode.OK,
                f"✓ {outcome.rule} is kept with this example on {target}; `dsync-kit verify` tries others",
            )
        case _:
            return ExitCode.NOT_JUDGED, f"! it cannot be told of {target}: {outcome.reason}"
