"""One bug is one failure."""

from dataclasses import replace
from datetime import date

import pytest

from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.conformance.results.known_failures import flaky_until
from dsync_kit.conformance.results.outcome import Failure, Finding, KeptExample, Status, Symptom
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.results.terms import KnownFlaky, Terms
from dsync_kit.conformance.verdicts.consequences import Explainer, outcomes_of
from dsync_kit.usage import UsageError


def _rule(name: str, *after: str) -> RuleInfo:
    return RuleInfo(name, Level.MUST, "", after=after)


def _failed(name: str, owner: str = "") -> Finding:
    return Finding(name, Level.MUST, Status.FAILED, owner=owner)


FAILURE = Failure("it is wrong", "", "", "", (), (), reproducible=True)
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
    """A failure whose preceding rules pass is its own cause."""
    kept = Finding("a/one", Level.MUST, Status.PASSED)
    assert _causes(kept, _failed("a/two"), _failed("b/four")) == {"a/one": "", "a/two": "", "b/four": ""}


def test_what_was_seen_once_does_not_explain_what_is_seen_each_time():
    """A failure that does not recur hides no rule that comes after its own and always fails, only one like itself."""
    first, like_it = (replace(_failed(name), failure=ONCE) for name in ("a/one", "b/four"))
    second = replace(_failed("a/two"), failure=FAILURE)
    assert _causes(first, second, like_it) == {"a/one": "", "a/two": "", "b/four": "a/one"}


def test_of_the_rules_before_the_one_with_the_most_similar_example_explains_it():
    """Both must hold first, but only one of them fails on what this example shows."""
    deletes = (Feature(FeatureKind.DELETES),)
    first, second = _failed("a/one"), replace(_failed("b/three"), features=deletes)
    assert _causes(first, second, replace(_failed("b/four"), features=deletes))["b/four"] == "b/three"
    assert _causes(_failed("b/three"), first, _failed("b/four"))["b/four"] == "b/three", "else in the rule's own order"


def test_what_was_seen_counts_before_what_comes_after():
    """The owner of the observed violation is the cause if it also failed."""
    assert _causes(_failed("a/one"), _failed("b/three"), _failed("b/four", owner="a/one"))["b/four"] == "a/one"


def test_what_the_owner_comes_after_explains_what_it_owns_if_the_owner_passed():
    """A cursor that does not advance, seen by a rule on large documents, follows from pages that overlap."""
    assert _causes(_failed("a/one"), _failed("c/five", owner="a/two")) == {"a/one": "", "c/five": "a/one"}
    assert _causes(_failed("a/one"), _failed("c/five", owner="c/six")) == {"a/one": "", "c/five": ""}


def test_the_same_refusal_is_the_same_bug():
    """If the same call is refused with the same code, the first rule that met it is the cause of the others."""
    first = replace(_failed("a/one"), symptoms=(Symptom("WriteUpdates is refused with UNKNOWN"),))
    unrelated = replace(_failed("c/five"), symptoms=(Symptom("WriteUpdates is refused with UNKNOWN"),))
    other = replace(_failed("c/six"), symptoms=(Symptom("ListData is refused with UNKNOWN"),))
    assert _causes(first, unrelated, other) == {"a/one": "", "c/five": "a/one", "c/six": ""}


def test_the_lightest_example_of_one_symptom_is_the_root():
    """The example with the smallest requests shows the bug best, whichever rule ran first."""
    late = Symptom("documents are missing after a write of a large document")
    heavy = replace(_failed("c/five"), symptoms=(late,), weight=6 << 20)
    light = replace(_failed("c/six"), symptoms=(late, Symptom("other")), weight=1 << 17)
    unrelated = replace(_failed("c/seven"), symptoms=(Symptom("another"),), weight=1)
    outcomes = {outcome.rule: outcome for outcome in outcomes_of([heavy, light, unrelated], RULES)}
    assert [outcomes[rule].cause for rule in ("c/five", "c/six", "c/seven")] == ["c/six", "", ""]
    assert late.text in outcomes["c/five"].why


def test_of_rules_that_blame_each_other_the_one_about_what_is_wrong_is_the_root():
    """One rule has the lighter example, the other is about what that example shows: the latter says what is wrong."""
    refused = (Symptom("WriteData is refused with INVALID_ARGUMENT"),)
    lighter = replace(_failed("a/one", owner="b/three"), symptoms=refused, weight=1)
    about = replace(_failed("b/three"), symptoms=refused, weight=9)
    assert _causes(lighter, about) == {"a/one": "b/three", "b/three": ""}
    order = Feature(FeatureKind.FIELD_ORDER)
    lighter = replace(_failed("a/one"), symptoms=refused, weight=1, features=(order,))
    about = replace(_failed(order.owner), symptoms=refused, weight=9)
    assert _causes(lighter, about) == {"a/one": order.owner, order.owner: ""}


def test_of_what_may_last_the_first_failure_is_the_root():
    """A connection that was lost once is lost for the rules afterwards, even for those with the smallest examples."""
    lost = (Symptom("calls are refused with UNAVAILABLE: the connection has been closed", lasts=True),)
    first = replace(_failed("c/five"), symptoms=lost, weight=900)
    later = replace(_failed("c/six"), symptoms=lost, weight=1)
    assert _causes(first, later) == {"c/five": "", "c/six": "c/five"}


def test_what_no_failed_rule_owns_is_still_one_bug():
    """If the rule about what is wrong has passed by chance, those that saw it are one bug."""
    one, other = (
        replace(_failed("c/five", owner="a/one"), weight=9),
        replace(_failed("c/six", owner="a/one"), weight=10),
    )
    (root, folded) = outcomes_of([one, other], RULES)
    assert (root.cause, folded.cause) == ("", "c/five")
    assert "a/one" in folded.why


def test_a_rule_that_owns_what_it_saw_follows_only_from_the_same_symptom():
    """Values and ids of one kind are converted: two rules own that, and the lighter example is the root."""
    converted = (Symptom("bool comes back as int"),)
    values = replace(_failed("a/two", owner="a/two"), symptoms=converted, weight=9)
    ids = replace(_failed("c/five", owner="c/five"), symptoms=converted, weight=8)
    other = replace(_failed("c/six"), symptoms=converted, weight=1)
    assert _causes(_failed("a/one"), values) == {"a/one": "", "a/two": ""}
    assert _causes(values, ids, other) == {"a/two": "c/five", "c/five": "", "c/six": "c/five"}


def test_a_feature_that_a_rule_is_about_does_not_make_its_failure_its_own():
    """A rule on the order of fields also fails where every DELETE is ignored, whatever the order."""
    rules = (RuleInfo("wire/field-order", Level.MUST, ""), RuleInfo("a/one", Level.MUST, ""))
    about = Feature(FeatureKind.FIELD_ORDER)
    shows = replace(_failed("wire/field-order"), features=(about,), rests_on=("a/one",))
    outcomes = outcomes_of([shows, _failed("a/one")], rules)
    assert [outcome.cause for outcome in outcomes] == ["a/one", ""]
    outcomes = outcomes_of([shows, replace(_failed("a/one"), features=(about,))], rules)
    assert [outcome.cause for outcome in outcomes] == ["", "wire/field-order"]


def test_a_suspect_is_the_cause_if_nothing_else_is():
    """A text may have been trimmed, or be that of another namespace."""
    found = replace(_failed("c/five"), suspect="a/two")
    assert _causes(_failed("a/two"), found)["c/five"] == "a/two"
    assert (
        _causes(_failed("a/one"), _failed("a/two", owner="a/two"), replace(found, rests_on=("a/one",)))["c/five"]
        == "a/one"
    )


def test_each_consequence_says_why_it_is_one():
    """A chain names the failure in between."""
    outcomes = outcomes_of([_failed("b/three"), _failed("a/two"), _failed("a/one")], RULES)
    whys = {outcome.rule: outcome.why for outcome in outcomes}
    assert whys == {
        "a/one": "",
        "a/two": "it can hold only if that rule holds",
        "b/three": "like a/two: it can hold only if that rule holds",
    }


def test_an_explainer_takes_later_failures_into_account():
    """What it found earlier is kept only until another rule has failed, or a finding was replaced."""
    explainer = Explainer(RULES)
    two, one = _failed("a/two"), _failed("a/one")
    assert explainer.outcome(two, [two]).cause == ""
    assert explainer.outcome(two, [two, one]).cause == "a/one"
    again = replace(two, owner="a/two")
    assert explainer.outcome(again, [again, one]).cause == ""


def test_what_rests_on_a_rule_that_failed_follows_from_it():
    """An observation through a listing means nothing if listing is broken; no basic rule rests on a later one."""
    bases = ("a/one", "a/two", "c/five")
    later = replace(_failed("c/six"), rests_on=bases)
    basic = replace(_failed("a/two"), rests_on=bases)
    assert _causes(replace(_failed("c/five"), rests_on=bases), later) == {"c/five": "", "c/six": "c/five"}
    assert _causes(basic, replace(_failed("c/five"), rests_on=bases)) == {"a/two": "", "c/five": "a/two"}


def test_what_rests_on_a_rule_that_comes_after_it_does_not_follow_from_it():
    """A rule that declares that it comes after another is not that rule's cause."""
    resting = replace(_failed("a/one"), rests_on=("a/two",))
    assert _causes(resting, _failed("a/two")) == {"a/one": "", "a/two": "a/one"}


def test_what_follows_from_a_known_failure_is_known():
    """A consequence of a listed failure does not fail the run."""
    (first, followed) = outcomes_of(
        [_failed("a/one"), _failed("a/two")], RULES, Terms(known_failures={"a/one": "as it must be"})
    )
    assert (first.status, first.reason, first.cause) == (Status.KNOWN_FAILING, "as it must be", "")
    assert (followed.status, followed.reason) == (Status.KNOWN_FAILING, "a consequence of a/one")
    assert followed.cause == "a/one"


def test_a_rule_that_is_named_as_failing_and_passes_is_an_outcome_of_its_own():
    """Only a rule listed by name must fail: a glob may cover rules that pass."""
    passed = [
        Finding(name, Level.MUST, Status.PASSED, kept_example=KeptExample.PASSES) for name in ("a/one", "b/three")
    ]
    (named, covered) = outcomes_of(passed, RULES, Terms(known_failures={"a/one": "odd", "b/*": "odd"}))
    assert named.status is Status.UNEXPECTEDLY_PASSING
    assert "(odd)" in named.reason
    assert covered.status is Status.PASSED


@pytest.mark.parametrize("kept", [KeptExample.NONE, KeptExample.FAILS])
def test_a_known_failure_that_is_not_seen_is_still_known(kept: KeptExample):
    """A run without a failing example says little: a known failure is over only if its kept example passes."""
    passed = Finding("a/one", Level.MUST, Status.PASSED, kept_example=kept)
    [outcome] = outcomes_of([passed], RULES, Terms(known_failures={"a/one": "odd"}))
    assert outcome.status is Status.KNOWN_FAILING
    assert outcome.reason.startswith("odd (not seen in this run")


ONCE = Failure("odd", "", "", "", (), (), reproducible=False, again="1 of 9 examples failed, but not again")


def test_what_does_not_fail_again_is_flaky():
    """It fails the run as a violation does, with its evidence; a consequence of another failure stays one."""
    once = replace(_failed("a/two"), failure=ONCE)
    [alone] = outcomes_of([once], RULES)
    assert (alone.status, alone.reason) == (Status.FLAKY, ONCE.again)
    assert alone.fails(strict=False)
    assert outcomes_of([_failed("a/one"), once], RULES)[1].status is Status.FAILED


@pytest.mark.parametrize("status", [Status.PASSED, Status.FAILED])
@pytest.mark.parametrize("failure", [None, ONCE, replace(ONCE, reproducible=True, again="")])
def test_a_flaky_rule_that_is_listed_has_one_verdict(status: Status, failure: Failure | None):
    """Whether it passes, fails once or always fails: until its entry expires, it fails no run."""
    found = Finding("a/one", Level.MUST, status, failure=failure if status is Status.FAILED else None)
    listed = Terms(known_flaky={"a/*": KnownFlaky("the network", date(2026, 1, 31), expired=False)})
    [outcome] = outcomes_of([found], RULES, listed)
    assert (outcome.status, outcome.reason) == (Status.KNOWN_FLAKY, "the network (listed until 2026-01-31)")
    assert not outcome.fails(strict=True)


def test_an_entry_that_has_expired_excuses_nothing():
    """The report says that the rule was listed, and until when."""
    expired = Terms(known_flaky={"a/one": KnownFlaky("the network", date(2026, 1, 31), expired=True)})
    [outcome] = outcomes_of([replace(_failed("a/one"), failure=ONCE)], RULES, expired)
    assert outcome.status is Status.FLAKY
    assert outcome.reason.endswith("it is listed as flaky until 2026-01-31, which is over")


def test_the_list_of_flaky_rules():
    """An entry is valid on its last day; one without a day, or with an impossible one, is an error."""
    listed = flaky_until({"a/one": "until 2026-01-31: it rains"}, "x", date(2026, 1, 31))
    assert listed == {"a/one": KnownFlaky("it rains", date(2026, 1, 31), expired=False)}
    assert flaky_until({"a/one": "until 2026-01-31: it rains"}, "x", date(2026, 2, 1))["a/one"].expired
    for wrong in ("it rains", "until 2026-02-31: it rains", "until 2026-01-31:", "until tomorrow: it rains"):
        with pytest.raises(UsageError, match=r"x: 'a/one' is given as .*: expected `until YYYY-MM-DD: "):
            flaky_until({"a/one": wrong}, "x", date(2026, 1, 1))


def test_only_failures_are_shown_again_and_kept():
    """The command and the name are made only for failures, once each."""
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
