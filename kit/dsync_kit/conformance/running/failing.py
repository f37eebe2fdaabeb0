"""An example in which a connector breaks a rule, and what a report shows of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.documents.keys import key_in
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.features import Features, features_of_owner
from dsync_kit.conformance.results.outcome import Failure, Symptom, Violation
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.symptoms import symptoms_of
from dsync_kit.conformance.verdicts.unexpected_errors import hint_of
from dsync_kit.protocol import WriteUpdatesRequest

__all__ = ["FailingExample"]

_SHOWN_DOCUMENTS = 3
"""So many wrong documents are shown even in long calls of the transcript."""

_HINTS = {rule.id: rule.hint for rule in RULES}


@dataclass(slots=True)
class FailingExample:
    """What it has shown. `choices` reproduce it; `features` are unusual, and others can do without them."""

    violation: Violation
    rests_on: Evidence
    example: tuple[tuple[str, str], ...]
    transcript: tuple[str, ...]
    log: tuple[str, ...]
    choices: str
    features: Features
    calls: Sequence[Call]

    @property
    def symptoms(self) -> tuple[Symptom, ...]:
        """What it shows that only a few bugs do."""
        return symptoms_of(self.violation, self.calls)

    @property
    def weight(self) -> int:
        """The bytes of all its requests."""
        return sum(call.request.ByteSize() for call in self.calls)

    @property
    def size(self) -> tuple[int, int]:
        """How much there is to read: of two examples, the smaller one is shown."""
        return sum(len(value) for _, value in self.example), len(self.transcript)

    @classmethod
    def of(cls, case: Case, rule: Rule, violation: Violation, log: tuple[str, ...], choices: str) -> Self:
        """The example of a case that is over."""
        about = features_of_owner(violation.owner or rule.id)
        return cls(
            violation=violation,
            rests_on=_evidence(violation, case),
            example=case.example,
            transcript=case.recorder.transcript(_keys(violation)),
            log=log,
            choices=choices,
            features=tuple(dict.fromkeys((*about, *case.features()))),
            calls=case.recorder.calls,
        )

    def failure(self, rule: Rule, subject: Subject, *, reproducible: bool, again: str) -> Failure:
        """The failure of the rule, for reports. `again` says what happened when the example was run again."""
        violation = self.violation
        # The rule that owns what was seen knows the likely cause better than the one that noticed it.
        hint = (_HINTS.get(violation.owner) if violation.owner != rule.id else "") or rule.hint
        return Failure(
            message=violation.message,
            expected=violation.expected,
            seen=violation.seen,
            hint=violation.hint
            or hint_of(
                violation,
                hint,
                given=not subject.found.makes_namespaces,
                declared=any(isinstance(family.schema, SchemaFile) for family in subject.found.families),
            ),
            example=self.example,
            transcript=self.transcript,
            reproducible=reproducible,
            again=again,
            log=self.log,
            choices=self.choices,
        )


def _keys(violation: Violation) -> frozenset[bytes]:
    """The keys of the first documents that it is about."""
    wrong = ((one.expected or one.seen or b"", one.data_type) for one in violation.wrong[:_SHOWN_DOCUMENTS])
    return frozenset(key for one in wrong if (key := key_in(*one)) is not None)


def _evidence(found: Violation, case: Case) -> Evidence:
    """What a violation rests on. A listing after updates also rests on these."""
    updated = any(isinstance(call.request, WriteUpdatesRequest) for call in case.recorder.calls)
    return found.rests_on | Evidence.UPDATES if updated and Evidence.LISTING in found.rests_on else found.rests_on
