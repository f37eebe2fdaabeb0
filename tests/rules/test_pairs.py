"""Two unrelated bugs in one connector are two failures: neither is taken for a consequence of the other."""

from dataclasses import replace

import pytest

from dsync_kit.conformance.results.profile import PROFILES

from .catalogue import FAULTS, judge

BRIEF = replace(PROFILES["quick"], examples=16, seconds=20.0, shrinking=1.0, total=600.0)
"""Enough examples on a machine of any speed."""

BASIC = ("list/complete", "write/read-back", "updates/delete", "updates/model")
"""Rules that many others come after, and under which one of the two might be folded."""

QUICK = [
    ("id-of-each-call", "first-of-an-id-wins"),
    ("text-trimmed", "reversed-batches"),
    ("deletes-are-ignored", "count-stops-at-ten"),
]
SLOW = [
    ("booleans-are-numbers", "repeated-ids-come-once"),
    ("slashes-lost", "count-keeps-deleted"),
    ("last-page-lost", "cursor-is-one-too-far"),
    ("namespaces-trimmed", "inserts-are-not-counted"),
    ("bad-documents-skipped", "deletes-are-not-counted"),
    ("first-page-only", "filter-is-a-prefix"),
    ("empty-arrays-left-out", "ids-fold-case"),
    ("single-items-unwrapped", "large-document-of-an-update-is-dropped"),
    ("large-page-is-cut", "large-document-is-not-streamed"),
    ("deletes-are-noted-before", "throttled-write-is-answered-ok"),
]


@pytest.mark.parametrize(
    ("one", "other"), [*QUICK, *(pytest.param(*pair, marks=pytest.mark.campaign) for pair in SLOW)], ids=str
)
def test_two_unrelated_bugs_are_two_failures(one: str, other: str) -> None:
    """Each is reported by its own rule, and the other failures are their consequences."""
    first, second = (next(fault for fault in FAULTS if fault.name == name) for name in (one, other))
    both = replace(first, connector=type("Both", (first.connector, second.connector), {}))
    named = {first.rule, second.rule}
    result = judge(both, [*named, *BASIC], profile=BRIEF)
    assert not result.problem
    assert named <= {outcome.rule for outcome in result.outcomes if outcome.violated and not outcome.cause}
