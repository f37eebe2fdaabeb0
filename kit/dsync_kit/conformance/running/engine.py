"""Runs rules against a connector. It yields events, the last one `RunFinished`, and prints nothing."""

import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.events import (
    Event,
    JudgedAgain,
    RuleFinished,
    RuleStarted,
    RunFinished,
    RunStarted,
)
from dsync_kit.conformance.results.features import Feature, FeatureKind, Features, name_features
from dsync_kit.conformance.results.outcome import Finding, KeptExample, Outcome, Result, Status
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.budget import Budget
from dsync_kit.conformance.running.describing import final_notes, left_behind, run_started
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.conformance.running.keeping.known_examples import KnownExample
from dsync_kit.conformance.running.options import RunOptions, terms_of
from dsync_kit.conformance.running.order import in_order
from dsync_kit.conformance.subject.clearing import clear
from dsync_kit.conformance.subject.needs import lacking, no_known_document
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.consequences import Explainer
from dsync_kit.conformance.verdicts.narrowing import Narrowing
from dsync_kit.targets.target import OpenTarget, Target
from dsync_kit.usage import TargetError

__all__ = ["Session", "run"]

_RECENT, _PREVAILING = 20, 0.75
"""A late run ends if this fraction of the last results has one cause: the rest would show nothing but that."""


class Session:
    """Judges an open connector, rule by rule.

    Raises TargetError if GetInfo does not answer, UsageError if the harness's known failures match no rule.
    """

    def __init__(self, opened: OpenTarget, options: RunOptions) -> None:
        self._options = options
        self._subject = Subject.of(opened, options.namespaces, options.documents, options.runs, options.settle)
        self._terms = terms_of(self._subject.target, options)
        self._examples = {rule: KnownExample.load(path) for rule, path in self._terms.examples.items()}
        self._found: list[Finding] = []
        self._explainer = Explainer(RULES, self._terms)
        self._budget = Budget(options.profile, options.rules)
        self._apart: dict[Features, Subject] = {}
        self._narrowing: Narrowing | None = None
        self.problem = ""
        """Why no more rules can be judged; empty while they can."""

    def started(self) -> RunStarted:
        """What is known before any rule has run."""
        return run_started(self._subject, self._options, self._terms)

    def judge(self, rule: Rule) -> Outcome:
        """Run one rule. Sets `problem` if the connector has stopped answering."""
        self.find(rule, self._budget.share(rule))
        return self._last

    def find(self, rule: Rule, seconds: float | None = None) -> Finding:
        """Run one rule, regardless of the others. Its examples take at most `seconds`."""
        if self._budget.overdue and (cause := self._prevailing_cause()):
            reason = f"the run takes too long, and nearly all of the last rules failed as {cause} did"
            self._found.append(Finding(rule.id, rule.level, Status.NOT_EXERCISED, reason=reason))
            return self._found[-1]
        kept, failing = self._kept_example(rule)
        explained = failing is None and self._explained(rule)
        self._found.append(failing or self._run(rule, explained=explained, seconds=seconds))
        if explained and self._is_failure() and not self._last.cause:
            # It is not a consequence after all, and deserves a small example.
            self._found[-1] = self._run(rule, seconds=seconds)
        self._found[-1] = replace(self._found[-1], kept_example=kept)
        if self._found[-1].failure is not None:
            self._heed(rule, failed=self._is_failure())
            self._subject.remembered.broken.update(kind for kind in FeatureKind if Feature(kind).owner == rule.id)
        return self._found[-1]

    def _kept_example(self, rule: Rule) -> tuple[KeptExample, Finding | None]:
        """The result of a known failure's kept example, and the failure if it still fails."""
        example = self._examples.get(rule.id)
        if example is None or not example.usable:
            return KeptExample.NONE, None
        finding = self.replay(rule, example.choices)
        if finding.failure is not None:
            return KeptExample.FAILS, finding
        # With another kit, or other declarations, the same choices may make another example.
        same = finding.status is Status.PASSED and finding.drawn == example.example
        return KeptExample.PASSES if same else KeptExample.NONE, None

    def replay(self, rule: Rule, choices: str, without: Features = ()) -> Finding:
        """Run one example of a rule again, which must not show these features."""
        return self._run(rule, choices, without=without)

    def again(self, rule: Rule, without: Features) -> Finding:
        """Judge a rule again, with half as many examples, none of which shows these features."""
        finding = self._run(rule, without=without)
        self._heed(rule, failed=finding.failure is not None)
        return finding

    def narrow(self) -> Iterator[JudgedAgain]:
        """Judge again what failures hide. From then on, `outcomes` take that into account."""
        narrowing = Narrowing(self._found, RULES, self._terms, has_time=self._budget.has_time_again)
        self._narrowing = narrowing
        rules = {rule.id: rule for rule in self._options.rules}
        while not self.problem and (retrial := narrowing.next()) is not None:
            yield JudgedAgain(rules[retrial.rule], name_features(retrial.without))
            narrowing.take(retrial, self.again(rules[retrial.rule], retrial.without))

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes of the rules so far. A later failure may turn out to be the cause of an earlier one."""
        outcomes = tuple(self._explainer.outcome(one, self._found, replay=self._command) for one in self._found)
        return self._narrowing.outcomes(outcomes, replay=self._command) if self._narrowing is not None else outcomes

    def close(self) -> None:
        """Remove documents that the kit has kept in the connector for several rules."""
        clear(self._subject)

    def notes(self) -> tuple[str, ...]:
        """What was found out about the connector."""
        return final_notes(self._subject, self._found)

    def left(self) -> tuple[str, ...]:
        """Which of the kit's data could not be removed, and which documents of others were lost and written again."""
        return left_behind(self._subject)

    def _heed(self, rule: Rule, *, failed: bool) -> None:
        if failed and not self._subject.liveness.answers():
            self.problem = f"the connector no longer answers after {rule.id}: the rules after it did not run"

    def _is_failure(self) -> bool:
        """Whether the last rule fails the run."""
        return self._last.violated

    @property
    def _last(self) -> Outcome:
        """The outcome of the last rule so far."""
        return self._explainer.outcome(self._found[-1], self._found, replay=self._command)

    def _command(self, finding: Finding) -> str:
        return self._options.command(finding.rule)

    def _explained(self, rule: Rule) -> bool:
        """Whether a rule that explains a failure of this one has failed."""
        failed = {finding.rule for finding in self._found if finding.failure is not None}
        return not failed.isdisjoint(rule.after)

    def _prevailing_cause(self) -> str:
        """The root cause of nearly all of the last results; empty if they do not have the same."""
        recent = [one for one in self._found if one.status not in (Status.SKIPPED, Status.NOT_EXERCISED)][-_RECENT:]
        outcomes = [self._explainer.outcome(one, self._found) for one in recent]
        causes = Counter(outcome.cause or outcome.rule for outcome in outcomes if outcome.violated)
        return next((cause for cause, count in causes.most_common(1) if count >= _PREVAILING * _RECENT), "")

    def _run(
        self,
        rule: Rule,
        choices: str = "",
        *,
        explained: bool = False,
        seconds: float | None = None,
        without: Features = (),
    ) -> Finding:
        if reason := lacking(self._subject, rule.needs, rule.id):
            status = Status.NOT_EXERCISED if reason == no_known_document(self._subject) else Status.SKIPPED
            return Finding(rule.id, rule.level, status, reason=reason)
        options = self._options
        profile = options.profile
        if explained:  # only the name of a consequence is shown: shrinking it would waste time
            profile = replace(profile, shrinking=0.0)
        if without and not choices:
            profile = replace(
                profile,
                examples=max(1, profile.examples // 2),
                seconds=profile.seconds / 2,
                shrinking=profile.shrinking / 2,
            )
        return run_rule(
            rule,
            self._subject_apart(without),
            profile,
            seed=options.seed,
            database=options.corpus or options.database,
            keeps_new=options.corpus is not None,
            choices=choices,
            seconds=seconds,
        )

    def _subject_apart(self, without: Features) -> Subject:
        if not without:
            return self._subject
        if without not in self._apart:
            self._apart[without] = self._subject.apart(without)
        return self._apart[without]


def run(target: Target, options: RunOptions) -> Generator[Event, None, None]:
    """Judge the connector.

    If the target cannot be reached or started, the run ends with a problem (exit code 3). Closing the generator, and
    KeyboardInterrupt, stop what was started.
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
                for rule in in_order(options.rules, fills_up=started.fills_up):
                    yield RuleStarted(rule)
                    yield RuleFinished(session.judge(rule))
                    if session.problem:
                        break
                yield from session.narrow()
                problem = session.problem
            finally:
                session.close()
    except TargetError as error:
        problem = str(error)
    except KeyboardInterrupt:
        interrupted = True
    outcomes, notes = (session.outcomes, (*session.notes(), *session.left())) if session else ((), ())
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
            edition=options.edition,
        )
    )
