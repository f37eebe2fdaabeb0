"""The rules on streams do not fail correct connectors."""

import pytest

from dsync_kit.conformance.case import following
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.protocol import Update

from .catalogue import FAULTS
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


def test_what_was_lost_before_the_plan_is_not_hidden_by_later_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the same documents are written again during the listing, one of those before the plan is not."""

    def history(scene: Scene, **_: int) -> list[tuple[str, list[Update]]]:
        return [(scene.namespaces[0], [scene.overwrite(value, "again") for value in scene.ids])]

    monkeypatch.setattr(Scene, "history", history)
    fault = next(fault for fault in FAULTS if fault.name == "position-is-ahead-of-listings")
    result = judge(fault, ["stream/while-listing"], profile=Profile("one", examples=1, seconds=20, shrinking=0, bulk=1))
    assert [outcome.status for outcome in result.outcomes] == [Status.FAILED]
