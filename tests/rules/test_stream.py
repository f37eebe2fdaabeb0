"""The rules on streams find what is broken, each its own."""

import pytest

from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import Profile

from .fault import Fault, Variant, judge
from .faults_resuming import FAULTS as RESUMING
from .faults_stream import FAULTS
from .finding import assert_found
from .variants_stream import VARIANTS

_AREAS = ["stream/*", "lsn/*", "get-by-ids/*", "limits/*", "durability/*", "faults/*", "secrets/*", "flow/*"]
_SLOW = ("polled-stream", "late-stream", "one-stream-at-a-time")
"""Variants whose updates, or streams, are waited for, a second each: the campaign judges them."""

_BRIEF = Profile("brief", examples=4, seconds=0.3, shrinking=0.5, bulk=1)


@pytest.mark.parametrize("fault", [*FAULTS, *RESUMING], ids=lambda fault: fault.name)
def test_a_broken_stream_is_found_by_its_rule(fault: Fault) -> None:
    """The rule that the fault names fails, for no other reason than this fault."""
    assert_found(fault)


@pytest.mark.parametrize(
    "variant", [one for one in VARIANTS if one.name not in _SLOW], ids=lambda variant: variant.name
)
def test_an_unusual_stream_is_not_failed(variant: Variant) -> None:
    """No rule of these areas fails a connector that is correct."""
    result = judge(variant, _AREAS, profile=_BRIEF)
    failed = {outcome.rule: outcome.failure for outcome in result.outcomes if outcome.failure is not None}
    assert failed == {}
    assert not [outcome for outcome in result.outcomes if outcome.status is Status.ERRORED]
    assert result.conformant
