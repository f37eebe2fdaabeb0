"""Runs rules over a connector. It yields events, the last of which is `RunFinished`, and prints nothing."""

import fnmatch
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile
from dsync_kit.conformance.results.events import Event, RuleFinished, RuleStarted, RunFinished, RunStarted
from dsync_kit.conformance.results.known_failures import check_known_failures
from dsync_kit.conformance.results.outcome import Finding, Outcome, Result, Status
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.conformance.subject.needs import lacking
from dsync_kit.conformance.subject.remembered import MOST_REMAINS
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.consequences import outcomes_of
from dsync_kit.errors import UsageError
from dsync_kit.protocol.names import type_name
from dsync_kit.targets.target import OpenTarget, Target
from dsync_kit.usage import TargetError

__all__ = ["RunOptions", "Session", "run", "select"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What to run, and how.

    `documents` says what namespaces hold, `known_failures` maps rule ids or globs to reasons. `database` is the folder
    that keeps this connector's failing examples, to be tried first the next time; None for none. `runs` is the folder
    that keeps what namespaces a run has taken, should it be killed. `settle` are seconds by which reads may lag behind
    writes; None to find it out. `command` makes the command that shows one rule's
    failure again.
    """

    rules: tuple[Rule, ...]
    profile: Profile
    seed: int
    namespaces: tuple[str, ...] = ()
    documents: Mapping[str, SchemaFile] = field(default_factory=dict)
    known_failures: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    database: Path | None = None
    runs: Path | None = None
    settle: float | None = None
    command: Callable[[str], str] = lambda rule: f"dsync-kit verify … --rule {rule}"


def select(rules: Sequence[Rule], globs: Sequence[str]) -> tuple[Rule, ...]:
    """The rules whose ids match one of the globs; all without any. Raises UsageError for a glob that matches none."""
    for glob in globs:
        if not any(fnmatch.fnmatchcase(rule.id, glob) for rule in rules):
            areas = ", ".join(dict.fromkeys(rule.area for rule in rules))
            raise UsageError(f"no rule matches {glob!r}: the areas are {areas}; `dsync-kit rules` lists the rules")
    return tuple(rule for rule in rules if not globs or any(fnmatch.fnmatchcase(rule.id, glob) for glob in globs))


class Session:
    """Judges one connector that answers, rule by rule.

    Raises TargetError where GetInfo does not answer, UsageError where the harness's known failures are no rules.
    """

    def __init__(self, opened: OpenTarget, options: RunOptions) -> None:
        self._options = options
        self._subject = Subject.of(opened, options.namespaces, options.documents, options.runs, options.settle)
        listed = self._subject.target.harness.known_failures if self._subject.target.harness else {}
        check_known_failures(listed, RULES, "known_failures of conformance.py")
        self._known = {**listed, **options.known_failures}
        self._found: list[Finding] = []
        self.problem = ""
        """Why no more rules can be judged; empty while they can."""

    def started(self) -> RunStarted:
        """What is known before any rule has run."""
        subject, options = self._subject, self._options
        return RunStarted(
            target=subject.target.title,
            db_type=subject.declared.info.db_type,
            version=subject.declared.info.version,
            capabilities=_capabilities(subject),
            seed=options.seed,
            profile=options.profile.name,
            rules=options.rules,
            notes=subject.notes,
            known_failures=self._known,
        )

    def judge(self, rule: Rule) -> Outcome:
        """Run one rule. Sets `problem` where the connector does not answer any more."""
        self.find(rule)
        return self.outcomes[-1]

    def find(self, rule: Rule) -> Finding:
        """The same; what was found is not seen beside the other rules yet."""
        explained = self._explained(rule)
        self._found.append(self._run(rule, explained=explained))
        if explained and self._is_failure() and not self.outcomes[-1].cause:
            # It stands for itself, after all, and deserves a small example.
            self._found[-1] = self._run(rule)
        if self._is_failure() and not self._subject.liveness.answers():
            self.problem = f"the connector no longer answers after {rule.id}: the rules after it did not run"
        return self._found[-1]

    def replay(self, rule: Rule, choices: str) -> Finding:
        """Run one example of a rule again."""
        return self._run(rule, choices)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What came of the rules so far; a later failure may turn out to be the cause of an earlier one."""
        return outcomes_of(self._found, RULES, self._known, replay=self._command)

    def close(self) -> None:
        """Remove what the kit has kept in the connector for several rules."""
        self._subject.clear()

    def notes(self) -> tuple[str, ...]:
        """What was found out about the connector, and what of the kit's data could not be removed."""
        return (*self._subject.notes, *_remains(self._subject))

    def _is_failure(self) -> bool:
        """Whether the last rule fails the run."""
        return self.outcomes[-1].status is Status.FAILED

    def _command(self, finding: Finding) -> str:
        return self._options.command(finding.rule)

    def _explained(self, rule: Rule) -> bool:
        """Whether a rule has failed that explains a failure of this one."""
        failed = {finding.rule for finding in self._found if finding.failure is not None}
        return not failed.isdisjoint(rule.after)

    def _run(self, rule: Rule, choices: str = "", *, explained: bool = False) -> Finding:
        if reason := lacking(self._subject, rule.needs):
            return Finding(rule.id, rule.level, Status.SKIPPED, reason=reason)
        options = self._options
        return run_rule(
            rule,
            self._subject,
            # A consequence is shown by its name alone: no time is spent on making it small.
            replace(options.profile, shrinking=0.0) if explained else options.profile,
            seed=options.seed,
            database=options.database,
            choices=choices,
        )


def run(target: Target, options: RunOptions) -> Generator[Event, None, None]:
    """Judge the connector.

    A target that cannot be reached or started ends the run with a problem (exit code 3). Closing the generator, or
    KeyboardInterrupt, still ends what was started.
    """
    began = time.monotonic()
    session: Session | None = None
    started: RunStarted | None = None
    problem, interrupted = "", False
    try:
        with target.open() as opened:
            session = Session(opened, options)
            started = session.started()
            yield started
            try:
                for rule in options.rules:
                    yield RuleStarted(rule)
                    yield RuleFinished(session.judge(rule))
                    if problem := session.problem:
                        break
            finally:
                session.close()
    except TargetError as error:
        problem = str(error)
    except KeyboardInterrupt:
        interrupted = True
    outcomes, notes = (session.outcomes, session.notes()) if session else ((), ())
    yield RunFinished(
        Result(
            target=target.title,
            db_type=started.db_type if started else "",
            seed=options.seed,
            profile=options.profile.name,
            outcomes=outcomes,
            seconds=time.monotonic() - began,
            strict=options.strict,
            interrupted=interrupted,
            problem=problem,
            notes=notes,
        )
    )


def _capabilities(subject: Subject) -> tuple[str, ...]:
    found = []
    source = subject.declared.info.capabilities.source
    for name, present, types in (
        ("source", subject.declared.is_source, source.supported_data_types),
        ("sink", subject.declared.is_sink, subject.declared.info.capabilities.sink.supported_data_types),
    ):
        if present:
            names = ", ".join(type_name(kind) for kind in types)
            found.append(f"{name} ({names})")
    if subject.found.streams:
        found.append("updates")
    found += [
        name for name in ("lsn_stream", "multi_namespace_plan", "default_plan", "get_by_ids") if getattr(source, name)
    ]
    return tuple(found)


def _remains(subject: Subject) -> list[str]:
    remains = subject.remembered.remains
    if not remains or subject.disposable:
        return []
    name, reason = next(iter(remains.items()))
    more = " or more" if len(remains) == MOST_REMAINS else ""
    return [f"{len(remains)}{more} namespaces that the kit wrote to could not be emptied, {name!r} first ({reason})"]
