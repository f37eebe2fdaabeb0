"""One bug is one failure."""

from dataclasses import replace

from dsync_kit.conformance.results.outcome import Failure, Finding, Status
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.verdicts.consequences import outcomes_of


def _rule(name: str, *after: str) -> RuleInfo:
    return RuleInfo(name, Level.MUST, "", after=after)


def _failed(name: str, owner: str = "") -> Finding:
    return Finding(name, Level.MUST, Status.FAILED, owner=owner)


RULES = (_rule("a/one"), _rule("a/two", "a/one"), _rule("b/three", "a/two"), _rule("b/four", "b/three", "a/one"))


def _causes(*findings: Finding) -> dict[str, str]:
    return {outcome.rule: outcome.cause for outcome in outcomes_of(findings, RULES)}


def test_a_failure_is_led_back_to_where_it_starts():
    """A chain of consequences leads to its first failure, whatever the order of the outcomes."""
    assert _causes(_failed("b/three"), _failed("a/two"), _failed("a/one")) == {
        "a/one": "",
        "a/two": "a/one",
        "b/three": "a/one",
    }


def test_a_rule_that_is_kept_explains_nothing():
    """A failure whose predecessors are kept stands for itself."""
    kept = Finding("a/one", Level.MUST, Status.PASSED)
    assert _causes(kept, _failed("a/two"), _failed("b/four")) == {"a/one": "", "a/two": "", "b/four": ""}


def test_what_was_seen_counts_before_what_comes_after():
    """The owner of the violation that was seen is the cause, if it failed as well."""
    assert _causes(_failed("a/one"), _failed("b/three"), _failed("b/four", owner="a/one"))["b/four"] == "a/one"


def test_the_same_refusal_is_the_same_bug():
    """Where the same call is refused with the same code, the first rule that met it stands for the others."""
    first = replace(_failed("a/one"), refusal="WriteUpdates UNKNOWN")
    unrelated = replace(_failed("c/five"), refusal="WriteUpdates UNKNOWN")
    other = replace(_failed("c/six"), refusal="ListData UNKNOWN")
    assert _causes(first, unrelated, other) == {"a/one": "", "c/five": "a/one", "c/six": ""}


def test_what_rests_on_a_rule_that_failed_follows_from_it():
    """What was seen through a listing says nothing where listing is broken; no basic rule rests on a later one."""
    bases = ("a/one", "a/two", "c/five")
    later = replace(_failed("c/six"), rests_on=bases)
    basic = replace(_failed("a/two"), rests_on=bases)
    assert _causes(replace(_failed("c/five"), rests_on=bases), later) == {"c/five": "", "c/six": "c/five"}
    assert _causes(basic, replace(_failed("c/five"), rests_on=bases)) == {"a/two": "", "c/five": "a/two"}


def test_what_rests_on_a_rule_that_comes_after_it_does_not_follow_from_it():
    """A rule that says that it comes after another is not that one's cause."""
    resting = replace(_failed("a/one"), rests_on=("a/two",))
    assert _causes(resting, _failed("a/two")) == {"a/one": "", "a/two": "a/one"}


def test_what_follows_from_a_known_failure_is_known():
    """A failure that starts at one that is listed as known to fail does not fail the run by itself."""
    (first, followed) = outcomes_of(
        [_failed("a/one"), _failed("a/two")], RULES, Terms(known_failures={"a/one": "as it must be"})
    )
    assert (first.status, first.reason, first.cause) == (Status.KNOWN_FAILING, "as it must be", "")
    assert (followed.status, followed.reason) == (Status.KNOWN_FAILING, "a consequence of a/one")
    assert followed.cause == "a/one"


def test_a_rule_that_is_named_as_failing_and_passes_is_an_outcome_of_its_own():
    """Only a rule that is named must fail: a glob may cover rules that are kept."""
    passed = [Finding(name, Level.MUST, Status.PASSED) for name in ("a/one", "b/three")]
    (named, covered) = outcomes_of(passed, RULES, Terms(known_failures={"a/one": "odd", "b/*": "odd"}))
    assert named.status is Status.UNEXPECTEDLY_PASSING
    assert "(odd)" in named.reason
    assert covered.status is Status.PASSED


def test_only_failures_are_shown_again_and_kept():
    """The command and the name are made for what failed, once each."""
    asked: list[str] = []

    def keep(finding: Finding) -> str:
        asked.append(finding.rule)
        return f"kept {finding.rule}"

    failure = Failure("odd", "", "", "", (), (), reproducible=True)
    findings = [replace(_failed("a/one"), failure=failure), Finding("a/two", Level.MUST, Status.PASSED)]
    (failed, passed) = outcomes_of(findings, RULES, replay=lambda finding: f"run {finding.rule}", keep=keep)
    assert (failed.replay, failed.kept) == ("run a/one", "kept a/one")
    assert (passed.replay, passed.kept) == ("", "")
    assert asked == ["a/one"]


def test_two_failures_that_name_each_other_do_not_loop():
    """A circle of causes ends."""
    assert set(_causes(_failed("a/one", owner="a/two"), _failed("a/two", owner="a/one"))) == {"a/one", "a/two"}
