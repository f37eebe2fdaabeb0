"""`dsync-kit replay`: runs a saved example again."""

from collections.abc import Sequence

from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.conformance.results.events import Resolved, RunFinished
from dsync_kit.conformance.results.features import read_features
from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.keeping.kept import KeptFailure
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.conformance.running.processes.judging import judge_apart
from dsync_kit.conformance.running.processes.messages import Named, Orders
from dsync_kit.output.console import open_console
from dsync_kit.output.plain import printable_lines
from dsync_kit.report.failure import failure_lines
from dsync_kit.usage import TargetError, UsageError

__all__ = ["replay"]


def replay(word: str, crew: Crew, *, target: str | None = None, options: Sequence[str] | None = None) -> int:
    """Run the example of a saved failure; returns 1 if it still fails, 0 if it passes, 3 if it could not be judged.

    `target` and `options` replace the saved ones; the crew's process does the work. Raises UsageError if there is no
    such failure.
    """
    kept = KeptFailure.load(word)
    if target is None and ":***@" in " ".join([kept.target, *kept.options]):
        raise UsageError(f"the password of {kept.target} was not saved: give the target again with --target")
    orders = Orders(
        Named(target or kept.target, tuple(kept.options if options is None else options), kept.insecure, kept.timeout),
        PROFILES[kept.profile],
        kept.seed,
        rules=(kept.rule,),
        namespaces=kept.namespaces,
        documents=kept.documents,
        settle=kept.settle,
        choices=kept.choices,
        without=read_features(kept.without),
    )
    *events, last = judge_apart(orders, crew, lambda _: f"dsync-kit replay {word}")
    result = last.result if isinstance(last, RunFinished) else None
    if result is None or not result.outcomes:
        raise TargetError(result.problem if result and result.problem else "interrupted")
    [outcome] = result.outcomes
    [rule] = next(event.rules for event in events if isinstance(event, Resolved))
    console = open_console()
    if outcome.failure is not None:
        for line in failure_lines(outcome, rule, width=console.width):
            console.print(line, soft_wrap=True)
        console.print()
    code, verdict = _verdict(outcome, result.target)
    console.print(printable_lines(verdict), soft_wrap=True)
    return code


def _verdict(outcome: Outcome, target: str) -> tuple[ExitCode, str]:
    match outcome.status:
        case Status.FAILED | Status.FLAKY:
            return ExitCode.VIOLATED, f"✗ {outcome.rule} still fails with this example on {target}"
        case Status.PASSED:
            return (
                ExitCode.OK,
                f"✓ {outcome.rule} is kept with this example on {target}; `dsync-kit verify` tries others",
            )
        case _:
            return ExitCode.NOT_JUDGED, f"! cannot decide for {target}: {outcome.reason}"
