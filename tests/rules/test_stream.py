"""The rules on streams do not fail correct connectors."""

import pytest

from dsync_kit.conformance.case import following
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import Profile

from .catalogue import VARIANTS as CATALOGUE
from .fault import Variant, judge
from .variants_namespaces import VARIANTS as NAMESPACES
from .variants_stream import VARIANTS

_AREAS = ["stream/*", "lsn/*", "get-by-ids/*", "limits/*", "durability/*", "faults/*", "secrets/*", "flow/*"]
_IN_EVERY_RUN = (
    "inserts-are-updates",
    "heartbeats",
    "coalesced",
    "living-source",
    "no-cursors",
    "plan-begins-early",
)
"""Variants that are judged in every run; the campaign judges all."""

_BRIEF = Profile("brief", examples=4, seconds=0.3, shrinking=0.5, bulk=1)


@pytest.mark.parametrize(
    "variant", [one for one in VARIANTS if one.name in _IN_EVERY_RUN], ids=lambda variant: variant.name
)
def test_an_unusual_stream_is_not_failed(variant: Variant) -> None:
    """No rule of these areas fails a connector that is correct."""
    result = judge(variant, _AREAS, profile=_BRIEF)
    failed = {outcome.rule: outcome.failure for outcome in result.outcomes if outcome.failure is not None}
    assert failed == {}
    assert not [outcome for outcome in result.outcomes if outcome.status is Status.ERRORED]
    assert result.conformant


def test_a_namespace_that_vanishes_with_its_last_document_need_not_be_planned_again() -> None:
    """A plan of a namespace in which everything was deleted may be NOT_FOUND."""
    variant = next(variant for variant in NAMESPACES if variant.name == "gone-with-its-last-document")
    long = Profile("long", examples=14, seconds=60.0, shrinking=0.0, bulk=1)
    result = judge(variant, ["stream/cursor-lasts"], profile=long)
    assert [outcome.status for outcome in result.outcomes] == [Status.PASSED]


def test_what_was_written_before_may_take_long_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first plan's position, a stream sends all that the run has written: updates that come are progress."""
    monkeypatch.setattr(following, "_LONGEST", 0)
    variant = next(variant for variant in CATALOGUE if variant.name == "updates-one-by-one")
    result = judge(variant, ["stream/from-first-plan"], profile=_BRIEF)
    assert [outcome.status for outcome in result.outcomes] == [Status.PASSED]
