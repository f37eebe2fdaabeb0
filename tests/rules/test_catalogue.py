"""The catalogue: one fault gives one failure, and correct connectors pass, however unusual they are."""

from collections import Counter
from dataclasses import replace

import pytest

from dsync_kit.conformance.results.profile import PROFILES, Profile

from .catalogue import FAULTS, VARIANTS
from .fault import Fault, Variant, judge
from .variants_namespaces import NoneGiven

AREAS = ("info", "plan", "list", "metadata", "write", "updates", "encoding", "schema", "errors", "lifecycle")
"""The areas of the faults that are folded."""

FOLDED = (
    "no-db-type",
    "first-document-skipped",
    "deletes-are-marks",
    "integers-are-long",
)
"""Faults that break many rules at once, and are judged in every run."""

ALSO_FOLDED = (
    "counts-writes",
    "text-trimmed",
    "always-copies",
    "cursor-used-up",
    "keeps-the-old-document",
    "merges-on-write",
    "updates-are-merged",
    "first-of-an-id-wins",
    "null-fields-left-out",
    "bad-documents-skipped",
)
"""More of them, for the campaign."""

BRIEF = replace(PROFILES["quick"], examples=8, seconds=0.5, shrinking=0.0)
"""A run of all rules, as short as can be: here most of what matters is which of them fail, not how many examples."""

QUICKLY = (
    "shuffled-fields",
    "source-only",
    "looks-up-typed-numbers",
    "takes-everything",
)
"""Variants that are judged in every run; the others in the campaign."""


def _named(entry: Fault | Variant) -> str:
    return entry.name


def test_names_are_unique() -> None:
    """Each name occurs once in the catalogue."""
    counts = Counter(entry.name for entry in (*FAULTS, *VARIANTS))
    assert not [name for name, count in counts.items() if count > 1]


@pytest.mark.parametrize("name", FOLDED)
def test_one_fault_is_one_failure(name: str) -> None:
    """Of all the rules that a fault breaks, one is shown as the failure, and the others as its consequences."""
    _assert_one_failure(name)


@pytest.mark.campaign
@pytest.mark.parametrize("name", ALSO_FOLDED)
def test_one_more_fault_is_one_failure(name: str) -> None:
    """The same for other faults."""
    _assert_one_failure(name)


@pytest.mark.parametrize("name", QUICKLY)
def test_an_unusual_connector_passes(name: str) -> None:
    """No rule fails a correct connector, however unusual."""
    (variant,) = [variant for variant in VARIANTS if variant.name == name]
    _assert_passes(variant, BRIEF)


@pytest.mark.campaign
@pytest.mark.parametrize("variant", VARIANTS, ids=_named)
def test_every_unusual_connector_passes(variant: Variant) -> None:
    """The same for all of them."""
    _assert_passes(variant, PROFILES["quick"])


def test_a_connector_whose_namespaces_nobody_named_is_not_judged() -> None:
    """It violates nothing, but a success without exercised rules would mean nothing: the run asks for --namespace."""
    result = judge(Variant("none-given", NoneGiven, ""), [], profile=BRIEF)
    assert not result.violations()
    assert result.exit_code == 3
    assert "--namespace" in " ".join(result.notes)


def _assert_one_failure(name: str) -> None:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    # Only a small example shows no other features than those that matter.
    result = judge(fault, [f"{area}/*" for area in AREAS], profile=replace(BRIEF, shrinking=0.5))
    assert [outcome.rule for outcome in result.violations() if not outcome.cause] == [fault.rule]


def _assert_passes(variant: Variant, profile: Profile) -> None:
    result = judge(variant, [], profile=profile)
    failed = {outcome.rule: outcome.failure or outcome.reason for outcome in result.violations()}
    assert not failed, f"{variant.reason} {failed}"
    assert result.exit_code == 0, result.problem


def test_a_form_that_is_known_to_break_is_left_out_of_the_other_rules() -> None:
    """A connector that takes the first field as the id has one failure, and the other rules are judged without it."""
    fault = next(fault for fault in FAULTS if fault.name == "first-field-is-the-id")
    outcomes = judge(fault, ["wire/*", "write/*"], profile=replace(PROFILES["quick"], examples=10)).outcomes
    failed = [outcome.rule for outcome in outcomes if outcome.failure is not None]
    assert failed == ["wire/field-order"]
