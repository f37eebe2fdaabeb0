"""What a report counts and says, in any format."""

from dataclasses import replace

import pytest

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.rule_info import Level

from .conftest import FAILED, FAILURE, FOLLOWS, KNOWN, PASSED, SKIPPED, UNTESTED, WARNED, make_report

ERRORED = Outcome("list/ends", Level.MUST, Status.ERRORED, reason="the backend is gone")
SURPRISING = Outcome("write/odd", Level.MUST, Status.UNEXPECTEDLY_PASSING, reason="listed, and passes")


@pytest.mark.parametrize(
    ("outcomes", "options", "verdict"),
    [
        ((PASSED, SKIPPED), {}, "conformant: 1 rule passed, 1 skipped"),
        ((PASSED, UNTESTED, KNOWN), {}, "conformant: 1 rule passed, 1 not exercised, 1 known failing"),
        ((PASSED, WARNED), {}, "conformant: 1 rule passed; a warning: 1 SHOULD rule violated"),
        ((PASSED, WARNED), {"strict": True}, "not conformant: 1 SHOULD rule violated; 1 rule passed"),
        (
            (PASSED, FOLLOWS, FAILED),
            {},
            "not conformant: 1 MUST rule violated, 1 more as a consequence; 1 rule passed",
        ),
        ((PASSED, SURPRISING), {}, "not conformant: 1 known failure passing; 1 rule passed"),
        ((PASSED, ERRORED), {}, "not judged: 1 rule could not be completed"),
        ((SKIPPED,), {}, "not judged: no rule was exercised"),
        ((PASSED,), {"interrupted": True}, "not judged: interrupted after 1 rule"),
        ((), {"problem": "nothing answers"}, "not judged: nothing answers"),
    ],
)
def test_verdict(outcomes: tuple[Outcome, ...], options: dict[str, object], verdict: str) -> None:
    """One sentence gives the result of the run, and why."""
    assert make_report(*outcomes, **options).verdict() == verdict  # type: ignore[arg-type]


def test_a_consequence_is_shown_with_its_cause_alone() -> None:
    """One bug is one failure, which lists its consequences."""
    report = make_report(FOLLOWS, FAILED)
    assert [outcome.rule for outcome in report.failures()] == ["list/cursor-advances"]
    assert [outcome.rule for outcome in report.consequences("list/cursor-advances")] == ["list/ends"]


def test_a_failure_is_shown_where_its_cause_is_not() -> None:
    """A failure that fails the run is never hidden behind a known one that is not shown."""
    follows_known = replace(FOLLOWS, cause=KNOWN.rule)
    assert make_report(KNOWN, follows_known).failures() == [follows_known]


def test_must_rules_come_first() -> None:
    """Failures that fail the run come before warnings."""
    assert [outcome.level for outcome in make_report(WARNED, FAILED).failures()] == [Level.MUST, Level.SHOULD]


def test_reasons_are_grouped() -> None:
    """Rules skipped for the same reason are listed together, the most frequent reason first."""
    others = [replace(SKIPPED, rule=f"list/{number}", reason="no source") for number in range(2)]
    assert [
        (reason, len(found)) for reason, found in make_report(SKIPPED, *others).by_reason(Status.SKIPPED).items()
    ] == [
        ("no source", 2),
        ("it streams no updates", 1),
    ]


def test_failure_has_what_a_person_needs() -> None:
    """The hand-made failure in these tests is complete, so that writers are tested on every part."""
    assert all([FAILURE.message, FAILURE.expected, FAILURE.seen, FAILURE.hint, FAILURE.example, FAILURE.log])


def test_a_reason_is_given_once() -> None:
    """A note that is already an outcome's reason is not repeated."""
    noted = replace(UNTESTED, notes=(f"{UNTESTED.reason} (in 3 of 3 examples)", "it pages by tens"))
    assert make_report(noted).notes() == ["it refuses ids of the kind double", "write/large: it pages by tens"]


def test_notes_that_differ_in_names_and_values_are_one() -> None:
    """The first one stands for all, with the rules that made it; its own share of examples would be misleading."""
    refused = "it refuses some of these ids (INVALID_ARGUMENT: duplicate key, collection: db.c{0} {{ _id: b'{0}' }})"
    first = replace(PASSED, notes=(f"{refused.format(421)} (in 3 of 7 examples)", "it pages by tens"))
    second = replace(WARNED, notes=(f"{refused.format(1036)} (in 1 of 4 examples)",))
    together = f"{PASSED.rule}, {WARNED.rule}: {refused.format(421)}"
    assert make_report(first, second).notes()[-2:] == [together, f"{PASSED.rule}: it pages by tens"]
    assert make_report(first).notes()[-2] == f"{PASSED.rule}: {refused.format(421)} (in 3 of 7 examples)"


def test_reasons_that_differ_in_names_and_values_are_one() -> None:
    """Rules that were skipped in different namespaces have one reason."""
    skipped = [replace(SKIPPED, rule=f"lsn/{n}", reason=f"c{n} is refused") for n in range(2)]
    assert make_report(*skipped).by_reason(Status.SKIPPED) == {"c0 is refused": skipped}


def test_a_whole_area_is_named_as_one() -> None:
    """If all rules of an area share a reason, its name stands for them; otherwise, or in a small area, each rule is
    named."""
    skipped = [replace(SKIPPED, rule=f"stream/{number}") for number in range(5)]
    small = [replace(SKIPPED, rule=f"lsn/{number}") for number in range(2)]
    assert make_report(*skipped, *small, PASSED).names([*skipped, *small]) == ["stream/* (5)", "lsn/0", "lsn/1"]
    passed = replace(PASSED, rule="stream/other")
    assert make_report(*skipped, passed).names(skipped) == [outcome.rule for outcome in skipped]
