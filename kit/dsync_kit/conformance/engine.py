"""Runs rules over a connector. It yields events, the last of which is `RunFinished`, and prints nothing."""

import fnmatch
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dsync_kit.conformance.events import Event, RuleFinished, RuleStarted, RunFinished, RunStarted
from dsync_kit.conformance.execution import run_rule
from dsync_kit.conformance.outcome import Outcome, Result, Status
from dsync_kit.conformance.profile import Profile
from dsync_kit.conformance.rule import Rule
from dsync_kit.conformance.subject import Subject
from dsync_kit.errors import UsageError
from dsync_kit.protocol import DataType
from dsync_kit.target import Target, TargetError

__all__ = ["Plan", "run", "select"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, and how.

    `known_failures` maps rule ids or globs to reasons. `database` is the folder that keeps failing examples, None for
    none. `command` makes the command that shows one rule's failure again.
    """

    rules: tuple[Rule, ...]
    profile: Profile
    seed: int
    namespaces: tuple[str, ...] = ()
    known_failures: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    database: Path | None = None
    command: Callable[[Rule], str] = lambda rule: f"dsync-kit verify … --rule {rule.id}"


def select(rules: Sequence[Rule], globs: Sequence[str]) -> tuple[Rule, ...]:
    """The rules whose ids match one of the globs; all without any. Raises UsageError for a glob that matches none."""
    for glob in globs:
        if not any(fnmatch.fnmatchcase(rule.id, glob) for rule in rules):
            areas = ", ".join(dict.fromkeys(rule.area for rule in rules))
            raise UsageError(f"no rule matches {glob!r}: the areas are {areas}; `dsync-kit rules` lists the rules")
    return tuple(rule for rule in rules if not globs or any(fnmatch.fnmatchcase(rule.id, glob) for glob in globs))


def run(target: Target, plan: Plan) -> Iterator[Event]:
    """Judge the connector.

    A target that cannot be reached or started ends the run with a problem (exit code 3). Closing the generator, or
    KeyboardInterrupt, still ends what was started.
    """
    began = time.monotonic()
    outcomes: list[Outcome] = []
    notes: tuple[str, ...] = ()
    db_type, problem, interrupted = "", "", False
    try:
        with target.open() as opened:
            subject = Subject(opened, plan.namespaces)
            db_type = subject.info.db_type
            known = {**(subject.harness.known_failures if subject.harness else {}), **plan.known_failures}
            yield RunStarted(
                target=opened.title,
                db_type=db_type,
                version=subject.info.version,
                capabilities=_capabilities(subject),
                seed=plan.seed,
                profile=plan.profile.name,
                rules=plan.rules,
                notes=tuple(subject.notes),
            )
            for rule in plan.rules:
                yield RuleStarted(rule)
                outcome = _explained(_judge(rule, subject, plan, known), outcomes, rule)
                outcomes.append(outcome)
                yield RuleFinished(outcome)
                if outcome.status is Status.FAILED and not _answers(subject):
                    problem = f"the connector no longer answers after {rule.id}: the rules after it did not run"
                    break
            subject.clear()
            notes = (*subject.notes, *_remains(subject))
    except TargetError as error:
        problem = str(error)
    except KeyboardInterrupt:
        interrupted = True
    yield RunFinished(
        Result(
            target=target.title,
            db_type=db_type,
            seed=plan.seed,
            profile=plan.profile.name,
            outcomes=tuple(outcomes),
            seconds=time.monotonic() - began,
            strict=plan.strict,
            interrupted=interrupted,
            problem=problem,
            notes=tuple(notes),
        )
    )


def _judge(rule: Rule, subject: Subject, plan: Plan, known: Mapping[str, str]) -> Outcome:
    lacking = [need.value for need in rule.needs if not subject.offers(need)]
    if lacking:
        return Outcome(rule.id, rule.level, Status.SKIPPED, reason=lacking[0])
    outcome = run_rule(
        rule,
        subject,
        plan.profile,
        seed=plan.seed,
        database=plan.database,
        replay=plan.command(rule),
    )
    reason = next((text for glob, text in known.items() if fnmatch.fnmatchcase(rule.id, glob)), None)
    if reason is None:
        return outcome
    if outcome.status is Status.FAILED:
        return replace(outcome, status=Status.KNOWN_FAILING, reason=reason)
    # A glob may cover rules that are kept; only a rule that is named must fail.
    if outcome.status is Status.PASSED and rule.id in known:
        return replace(
            outcome,
            status=Status.UNEXPECTEDLY_PASSING,
            reason=f"it is listed as known to fail ({reason}), and passes: take it off the list",
        )
    return outcome


def _explained(outcome: Outcome, before: Sequence[Outcome], rule: Rule) -> Outcome:
    """The outcome, with the earlier failure that it is a consequence of."""
    if outcome.status is not Status.FAILED:
        return outcome
    failed = {found.rule for found in before if found.status in (Status.FAILED, Status.KNOWN_FAILING)}
    causes = [cause for cause in (outcome.cause, *rule.after) if cause in failed]
    return replace(outcome, cause=causes[0] if causes else "")


def _answers(subject: Subject) -> bool:
    from dsync_kit.errors import ConnectorError
    from dsync_kit.protocol import GetInfoRequest

    try:
        subject.api.get_info(GetInfoRequest())
    except ConnectorError as error:
        return not error.retryable
    return True


def _capabilities(subject: Subject) -> tuple[str, ...]:
    found = []
    source = subject.info.capabilities.source
    for name, present, types in (
        ("source", subject.is_source, source.supported_data_types),
        ("sink", subject.is_sink, subject.info.capabilities.sink.supported_data_types),
    ):
        if present:
            names = ", ".join(_type_name(kind) for kind in types)
            found.append(f"{name} ({names})")
    if subject.streams:
        found.append("updates")
    found += [
        name for name in ("lsn_stream", "multi_namespace_plan", "default_plan", "get_by_ids") if getattr(source, name)
    ]
    return tuple(found)


def _type_name(number: int) -> str:
    names = {value: name.removeprefix("DATA_TYPE_") for name, value in DataType.items()}
    return names.get(number, f"type {number}")


def _remains(subject: Subject) -> list[str]:
    if not subject.remains:
        return []
    name, reason = next(iter(subject.remains.items()))
    return [f"{len(subject.remains)} namespaces that the kit wrote to could not be emptied, {name!r} first ({reason})"]
