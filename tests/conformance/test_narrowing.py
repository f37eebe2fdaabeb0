"""Which rules are judged again after a failure, apart from which features, and how that changes the outcomes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dsync_kit.conformance.results.features import Apart, Feature, FeatureKind, name_features
from dsync_kit.conformance.results.outcome import Failure, Finding, Outcome, Status, Symptom
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.verdicts.consequences import outcomes_of
from dsync_kit.conformance.verdicts.narrowing import Narrowing

RULES = (
    RuleInfo("a/cause", Level.MUST, "a sentence", about=FeatureKind.MIXED_IDS),
    RuleInfo("a/one", Level.MUST, "a sentence", after=("a/cause",)),
    RuleInfo("a/two", Level.MUST, "a sentence", after=("a/cause", "a/one")),
)
FAILURE = Failure("it is wrong", "", "", "", (), (), reproducible=True)
MIXED, PAGES = Feature(FeatureKind.MIXED_IDS), Feature(FeatureKind.SEVERAL_PAGES)


def found(rule: str, *features: Feature, failure: Failure | None = FAILURE, symptom: str = "") -> Finding:
    status = Status.PASSED if failure is None else Status.FAILED
    return Finding(
        rule, Level.MUST, status, failure=failure, features=features, symptoms=(Symptom(symptom),) * bool(symptom)
    )


ALL = (found("a/cause", MIXED, PAGES), found("a/one"), found("a/two"))


LATER = replace(found("a/one", Feature(FeatureKind.VALUES, "null")), without=(MIXED,))
"""A failure apart from the first one's feature, with another feature."""


def run(
    again: Sequence[Finding], findings: Sequence[Finding] = ALL
) -> tuple[list[tuple[str, str]], dict[str, Outcome]]:
    """The requests, in order, if these are the answers; and the outcomes. Nothing is confirmed."""
    narrowing = Narrowing(findings, RULES, Terms())
    asked = []
    answers = iter(again)
    while (retrial := narrowing.next()) is not None:
        if retrial.confirms:
            narrowing.take(retrial, passed(retrial.rule))
            continue
        asked.append((retrial.rule, name_features(retrial.without)))
        narrowing.take(retrial, next(answers))
    outcomes = narrowing.outcomes(outcomes_of(findings, RULES))
    return asked, {outcome.rule: outcome for outcome in outcomes}


def passed(rule: str) -> Finding:
    return found(rule, failure=None)


def test_the_cause_goes_first() -> None:
    """If it still fails without a feature, that feature explains nothing: the next one is tried; then come the
    consequences."""
    asked, outcomes = run([found("a/cause"), passed("a/cause"), passed("a/one"), passed("a/two")])
    assert asked == [("a/cause", str(MIXED)), ("a/cause", str(PAGES)), ("a/one", str(PAGES)), ("a/two", str(PAGES))]
    assert [outcome.cause for outcome in outcomes.values()] == ["", "a/cause", "a/cause"]
    assert {outcome.apart.status for outcome in outcomes.values() if outcome.apart} == {"", "passed"}


def test_without_a_feature_that_explains_it_nothing_is_judged_again() -> None:
    """The consequences stay consequences."""
    asked, outcomes = run([found("a/cause"), found("a/cause")])
    assert len(asked) == 2
    assert all(outcome.apart is None for outcome in outcomes.values())


def test_what_fails_apart_has_failed_on_its_own() -> None:
    """It has the failure that was found apart, and what that explains is its consequence."""
    other = replace(FAILURE, message="it is wrong, too")
    _, outcomes = run([passed("a/cause"), found("a/one", failure=other), found("a/two", failure=other)])
    assert outcomes["a/one"].cause == ""
    assert outcomes["a/one"].failure == other
    assert outcomes["a/two"].cause == "a/one"


def not_exercised(rule: str) -> Finding:
    return replace(passed(rule), status=Status.NOT_EXERCISED)


@pytest.mark.parametrize(
    ("cause", "again"),
    [
        (passed("a/cause"), found("a/one", symptom="WriteData is refused with INTERNAL")),
        (not_exercised("a/cause"), replace(found("a/one"), owner="a/cause")),
        (passed("a/cause"), found("a/one", failure=replace(FAILURE, reproducible=False))),
    ],
    ids=["the same refusal", "the cause owns it", "once only"],
)
def test_what_shows_nothing_new_stays_a_consequence(cause: Finding, again: Finding) -> None:
    """A failure with the same evidence as its cause, or one seen only once, is not a failure on its own."""
    findings = (found("a/cause", MIXED, symptom="WriteData is refused with INTERNAL"), found("a/one"))
    _, outcomes = run([cause, again], findings)
    assert outcomes["a/one"].cause == "a/cause"


def test_what_the_cause_does_not_show_any_more_has_another_reason() -> None:
    """If the cause passes apart from the feature, its failure in other rules is another bug, shown once."""
    again = [passed("a/cause"), *(replace(found(rule), owner="a/cause") for rule in ("a/one", "a/two"))]
    _, outcomes = run(again)
    assert [outcomes[rule].cause for rule in ("a/one", "a/two")] == ["", "a/one"]


def test_features_add_up() -> None:
    """If the rule fails in another way without a feature, it is judged without both."""
    numbers, nulls = Feature(FeatureKind.VALUES, "number"), Feature(FeatureKind.VALUES, "null")
    findings = (found("a/cause", numbers), found("a/one"))
    asked, outcomes = run([found("a/cause", nulls), passed("a/cause"), passed("a/one")], findings)
    both = "values of the types number and null"
    assert asked == [("a/cause", str(numbers)), ("a/cause", both), ("a/one", both)]
    assert outcomes["a/one"].apart == Apart(both, "a/cause", Status.PASSED, confirmed=True)


@pytest.mark.parametrize(("exercised", "judged"), [(1, False), (3, True)])
def test_a_rule_most_of_whose_examples_are_declined_has_not_passed(exercised: int, judged: bool) -> None:
    """One example that passes among twelve says nothing of the feature: the consequences are not judged again."""
    few = replace(passed("a/cause"), examples=12, exercised=exercised)
    asked, _ = run([few, passed("a/one"), passed("a/two")] if judged else [few, found("a/cause")])
    assert ("a/one" in [rule for rule, _ in asked]) is judged


@pytest.mark.parametrize("kind", [FeatureKind.IDS, FeatureKind.VALUES])
def test_what_fails_with_texts_and_with_others_is_not_about_their_kind(kind: FeatureKind) -> None:
    """One kind after another is not left out, until so little is left that the rule passes by chance."""
    texts, numbers = Feature(kind, "string"), Feature(kind, "int")
    findings = [found("a/cause", texts), found("a/one"), found("a/two")]
    asked, outcomes = run([found("a/cause", numbers)], findings)
    assert asked == [("a/cause", str(texts))]
    assert [outcome.cause for outcome in outcomes.values()] == ["", "a/cause", "a/cause"]


def test_a_rule_that_has_nothing_left_to_check_explains_nothing() -> None:
    """Without texts, or ids of the only type, hardly any rule can check anything: not exercised says nothing."""
    asked, outcomes = run([not_exercised("a/cause")], (found("a/cause", Feature(FeatureKind.IDS, "string")), ALL[1]))
    assert len(asked) == 1
    assert outcomes["a/one"].apart is None


def test_failures_that_are_found_later_hide_others_too() -> None:
    """What comes after a rule that fails apart from a feature is judged apart from that failure's own features, too."""
    nulls = Feature(FeatureKind.VALUES, "null")
    asked, outcomes = run([passed("a/cause"), LATER, passed("a/one"), passed("a/two")])
    both = f"{MIXED} and {nulls}"
    assert asked[1:] == [("a/one", str(MIXED)), ("a/one", both), ("a/two", both)]
    assert outcomes["a/one"].cause == ""
    assert outcomes["a/two"].cause == "a/cause"
    assert outcomes["a/two"].apart == Apart(both, "a/one", Status.PASSED, confirmed=True)


def test_a_second_failure_of_a_rule_that_was_put_off_is_its_own() -> None:
    """It was not judged apart from the first feature alone, and fails apart from both."""
    later = replace(found("a/two"), without=(MIXED, *LATER.features))
    _, outcomes = run([passed("a/cause"), LATER, passed("a/one"), later, passed("a/two")])
    assert [outcome.cause for outcome in outcomes.values()] == ["", "", ""]


def test_without_a_further_feature_that_explains_a_failure_the_others_are_judged_as_before() -> None:
    """They are not put off for nothing: they are judged apart from the first failure's features alone."""
    asked, outcomes = run([passed("a/cause"), LATER, LATER, passed("a/two")])
    assert asked[-1] == ("a/two", str(MIXED))
    assert outcomes["a/two"].apart == Apart(str(MIXED), "a/one", Status.PASSED)


def test_what_a_failure_beside_explains_is_judged_apart_from_that_too() -> None:
    """The failure beside has features, so its consequence passes without them."""
    rules = (
        RuleInfo("a/cause", Level.MUST, "a sentence"),
        RuleInfo("a/beside", Level.MUST, "a sentence"),
        RuleInfo("a/one", Level.MUST, "a sentence", after=("a/cause", "a/beside")),
    )
    nulls = Feature(FeatureKind.VALUES, "null")
    narrowing = Narrowing((found("a/cause", MIXED), found("a/beside", nulls), found("a/one")), rules, Terms())
    beside = replace(found("a/beside", nulls), without=(MIXED,))
    asked = []
    for answer in (passed("a/cause"), found("a/one"), beside, passed("a/beside"), passed("a/one")):
        retrial = narrowing.next()
        assert retrial is not None
        asked.append((retrial.rule, retrial.without))
        narrowing.take(retrial, answer)
    assert asked[-2:] == [("a/beside", (MIXED, nulls)), ("a/one", (MIXED, nulls))]
    findings = (found("a/cause", MIXED), found("a/beside", nulls), found("a/one"))
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(findings, rules))}
    assert outcomes["a/one"].apart == Apart(name_features((MIXED, nulls)), "a/beside", Status.PASSED)


def test_what_fails_as_before_without_what_a_failure_beside_shows_is_its_own() -> None:
    """It is not led from one failure beside it to the next."""
    nulls, pages = Feature(FeatureKind.VALUES, "null"), Feature(FeatureKind.SEVERAL_PAGES)
    besides = ("a/beside", "a/further")
    rules = (
        RuleInfo("a/cause", Level.MUST, "a sentence"),
        *(RuleInfo(name, Level.MUST, "a sentence") for name in besides),
        RuleInfo("a/one", Level.MUST, "a sentence", after=("a/cause", *besides)),
    )
    of_besides = (found("a/beside", nulls), found("a/further", pages))
    findings = (found("a/cause", MIXED), *of_besides, found("a/one"))
    narrowing = Narrowing(findings, rules, Terms())
    features = {"a/cause": MIXED, "a/beside": nulls, "a/further": pages}
    asked = []
    while (retrial := narrowing.next()) is not None:
        asked.append(retrial.rule)
        feature = features.get(retrial.rule)
        fails = feature not in retrial.without
        answer = found(retrial.rule, *filter(None, (feature,))) if fails else passed(retrial.rule)
        narrowing.take(retrial, replace(answer, without=retrial.without))
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(findings, rules))}
    assert outcomes["a/one"].cause == ""
    assert "a/further" not in asked


def test_a_consequence_beside_explains_as_its_own_cause_does() -> None:
    """What it is about is wrong here, too: so the failure under which it is shown explains both."""
    rules = (
        RuleInfo("a/cause", Level.MUST, "a sentence"),
        RuleInfo("a/root", Level.MUST, "a sentence"),
        RuleInfo("a/middle", Level.MUST, "a sentence", after=("a/root",)),
        RuleInfo("a/one", Level.MUST, "a sentence", after=("a/cause",)),
    )
    findings = (found("a/cause", MIXED), found("a/root"), found("a/middle"), found("a/one"))
    narrowing = Narrowing(findings, rules, Terms())
    about_middle = replace(found("a/one"), owner="a/middle")
    asked = []
    for answer in (passed("a/cause"), about_middle, found("a/root")):
        retrial = narrowing.next()
        assert retrial is not None
        asked.append(retrial.rule)
        narrowing.take(retrial, answer)
    assert asked == ["a/cause", "a/one", "a/root"]
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(findings, rules))}
    assert outcomes["a/one"].cause == outcomes["a/middle"].cause == "a/root"


def test_what_is_known_to_pass_is_not_judged_once_more() -> None:
    """A failure that explains others in two ways is judged once without its feature, and then without both."""
    rules = (
        RuleInfo("a/cause", Level.MUST, "a sentence"),
        RuleInfo("a/beside", Level.MUST, "a sentence"),
        RuleInfo("a/one", Level.MUST, "a sentence", after=("a/cause", "a/beside")),
        RuleInfo("a/two", Level.MUST, "a sentence", after=("a/beside",)),
    )
    nulls = Feature(FeatureKind.VALUES, "null")
    findings = (found("a/cause", MIXED), found("a/beside", nulls), found("a/one"), found("a/two"))
    narrowing = Narrowing(findings, rules, Terms())
    asked = []
    while (retrial := narrowing.next()) is not None:
        asked.append((retrial.rule, retrial.without))
        fails = {"a/cause": MIXED, "a/beside": nulls, "a/one": nulls, "a/two": nulls}[
            retrial.rule
        ] not in retrial.without
        answer = found(retrial.rule, nulls) if fails else passed(retrial.rule)
        narrowing.take(retrial, replace(answer, without=retrial.without))
    assert asked.count(("a/beside", (nulls,))) == 1
    assert ("a/beside", (MIXED, nulls)) not in asked
    assert ("a/one", (MIXED, nulls)) in asked


def test_what_follows_from_another_failure_is_shown_under_that() -> None:
    """A failure apart from a feature may be a consequence of a failure found elsewhere."""
    rules = (*RULES, RuleInfo("a/other", Level.MUST, "a sentence"))
    rules = (*rules[:1], replace(rules[1], after=("a/cause", "a/other")), *rules[2:])
    findings = (ALL[0], found("a/one"), found("a/other"))
    narrowing = Narrowing(findings, rules, Terms())
    for again in (passed("a/cause"), found("a/one")):
        retrial = narrowing.next()
        assert retrial is not None
        narrowing.take(retrial, again)
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(findings, rules))}
    assert outcomes["a/one"].cause == "a/other"


def test_what_shows_another_unusual_feature_of_the_cause_is_judged_without_that_too() -> None:
    """The cause passed without texts only by chance: both examples have odd namespaces, and without them both pass."""
    texts, names = Feature(FeatureKind.VALUES, "string"), Feature(FeatureKind.ODD_NAMESPACE)
    findings = (found("a/cause", texts, names), found("a/one"))
    again = [passed("a/cause"), found("a/one", names), passed("a/one")]
    asked, outcomes = run(again, findings)
    assert asked == [("a/cause", str(texts)), ("a/one", str(texts)), ("a/one", f"{names} and {texts}")]
    assert outcomes["a/one"].cause == "a/cause"


def test_what_fails_without_the_shared_feature_has_failed_on_its_own() -> None:
    """An odd namespace in both examples hides no second bug that fails with any namespace."""
    texts, names = Feature(FeatureKind.VALUES, "string"), Feature(FeatureKind.ODD_NAMESPACE)
    findings = (found("a/cause", texts, names), found("a/one"))
    asked, outcomes = run([passed("a/cause"), found("a/one", names), found("a/one")], findings)
    assert len(asked) == 3
    assert outcomes["a/one"].cause == ""


def confirmed(
    findings: Sequence[Finding], answer: Finding | None, *, exercised: int = 12
) -> tuple[list[str], dict[str, Outcome]]:
    """What was left out to confirm the features, if all rules pass without these; and the outcomes."""
    narrowing = Narrowing(findings, RULES, Terms())
    asked = []
    while (retrial := narrowing.next()) is not None:
        if retrial.confirms:
            asked.append(name_features(retrial.without))
        finding = answer if retrial.confirms and answer is not None else passed(retrial.rule)
        narrowing.take(retrial, replace(finding, examples=exercised, exercised=exercised))
    return asked, {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(findings, RULES))}


@pytest.mark.parametrize(
    ("answer", "named"), [(found("a/cause"), True), (passed("a/cause"), False), (not_exercised("a/cause"), True)]
)
def test_a_feature_is_the_bug_if_the_rule_fails_with_it_alone(answer: Finding, named: bool) -> None:
    """It has passed without it, and is judged once more without all others that its example shows. A rule about several
    pages cannot do without, so these are no reason to doubt the texts."""
    texts, pages = Feature(FeatureKind.ODD_TEXTS), (found("a/cause", Feature(FeatureKind.ODD_TEXTS), PAGES), *ALL[1:])
    asked, outcomes = confirmed(pages, answer)
    assert asked == [str(PAGES)]
    assert outcomes["a/cause"].apart == Apart(str(texts), "", confirmed=named)
    assert [outcome.apart.confirmed for outcome in outcomes.values() if outcome.apart] == [named] * 3


def test_the_only_feature_needs_no_confirmation() -> None:
    """There is nothing else that the failure may be about."""
    texts = Feature(FeatureKind.ODD_TEXTS)
    asked, outcomes = confirmed((found("a/cause", texts), *ALL[1:]), None)
    assert asked == []
    assert outcomes["a/cause"].apart == Apart(str(texts), "", confirmed=True)


@pytest.mark.parametrize(("answer", "named"), [(found("a/cause"), False), (None, True)])
def test_mixed_ids_are_the_bug_if_those_of_each_kind_pass(answer: Finding | None, named: bool) -> None:
    """Without ids of mixed kinds, all are texts. If others fail alone, it is not about mixing them."""
    asked, outcomes = confirmed((found("a/cause", MIXED), *ALL[1:]), answer)
    assert asked == [f"ids of the type string and {MIXED}"]
    assert outcomes["a/cause"].apart == Apart(str(MIXED), "", confirmed=named)


def test_passing_by_chance_names_nothing() -> None:
    """Where one example in ten fails, twelve that pass without a feature say little about it."""
    rare = replace(found("a/cause", PAGES), until_failure=10)
    asked, outcomes = confirmed((rare, *ALL[1:]), None)
    assert asked == []
    assert outcomes["a/cause"].apart == Apart(str(PAGES), "", confirmed=False)


def test_what_a_rule_does_is_not_left_out_to_confirm_what_its_data_shows() -> None:
    """A rule that overwrites documents cannot do without, and texts are the values that replace others."""
    again, texts = Feature(FeatureKind.WRITTEN_AGAIN), Feature(FeatureKind.ODD_TEXTS)
    of_texts = Feature(FeatureKind.VALUES, "string")
    narrowing = Narrowing((found("a/cause", again, MIXED, texts, of_texts), *ALL[1:]), RULES, Terms())
    asked = []
    while (retrial := narrowing.next()) is not None:
        if retrial.rule == "a/cause":
            asked.append(retrial.without)
        fails = retrial.rule == "a/cause" and texts not in retrial.without
        exercised = again not in retrial.without
        answer = found("a/cause") if fails and exercised else passed(retrial.rule)
        narrowing.take(retrial, answer if exercised else not_exercised(retrial.rule))
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(ALL, RULES))}
    assert asked[-2:] == [(again, MIXED), (MIXED,)]
    assert outcomes["a/cause"].apart == Apart(str(texts), "", confirmed=True)


def test_a_feature_that_the_rule_is_not_about_explains_nothing_if_it_cannot_do_without() -> None:
    """A rule on ids of mixed kinds that needs several pages has nothing to check without these, whatever is wrong."""
    findings = (found("a/cause", PAGES), *ALL[1:])
    asked, outcomes = run([not_exercised("a/cause")], findings)
    assert asked == [("a/cause", str(PAGES))]
    assert outcomes["a/one"].apart is None


def test_a_feature_without_which_the_rule_passes_comes_before_one_without_which_it_has_nothing_to_check() -> None:
    """A rule about several pages is not exercised without them, whatever is wrong."""
    asked, outcomes = run([not_exercised("a/cause"), passed("a/cause"), passed("a/one"), passed("a/two")])
    assert asked[:3] == [("a/cause", str(MIXED)), ("a/cause", str(PAGES)), ("a/one", str(PAGES))]
    asked, outcomes = run([not_exercised("a/cause"), found("a/cause"), passed("a/one"), passed("a/two")])
    assert asked[:3] == [("a/cause", str(MIXED)), ("a/cause", str(PAGES)), ("a/one", str(MIXED))]
    assert outcomes["a/one"].apart == Apart(str(MIXED), "a/cause", Status.PASSED)


def test_a_consequence_waits_for_its_cause() -> None:
    """Another process has nothing to do until it is known which feature explains the failure."""
    narrowing = Narrowing(ALL, RULES, Terms())
    first = narrowing.next()
    assert first is not None
    assert narrowing.next() is None
    narrowing.take(first, passed("a/cause"))
    one, two = narrowing.next(), narrowing.next()
    assert one is not None
    assert two is not None
    assert (one.rule, two.rule) == ("a/one", "a/two")


def test_where_the_time_is_over_no_more_is_judged() -> None:
    """The consequences that were not reached say so."""
    left = [True, True, False]
    narrowing = Narrowing(ALL, RULES, Terms(), has_time=lambda: left.pop(0))
    for rule in ("a/cause", "a/one"):
        retrial = narrowing.next()
        assert retrial is not None
        narrowing.take(retrial, passed(rule))
    assert narrowing.next() is None
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(ALL, RULES))}
    assert outcomes["a/two"].apart is not None
    assert outcomes["a/two"].apart.status == ""


@pytest.mark.parametrize("beside_fails_apart", [False, True])
def test_a_failure_beside_explains_only_what_it_still_shows(beside_fails_apart: bool) -> None:
    """A consequence that still fails would be folded under another failure, so that is judged apart from the feature,
    too: if it passes, the consequence has failed on its own."""
    rules = (
        RuleInfo("a/cause", Level.MUST, "a sentence"),
        RuleInfo("a/beside", Level.MUST, "a sentence"),
        RuleInfo("a/one", Level.MUST, "a sentence", after=("a/cause", "a/beside")),
    )
    findings = (found("a/cause", MIXED), found("a/beside"), found("a/one"))
    narrowing = Narrowing(findings, rules, Terms())
    fails = {"a/cause": False, "a/one": True, "a/beside": beside_fails_apart}
    asked = []
    while (retrial := narrowing.next()) is not None:
        asked.append(retrial.rule)
        narrowing.take(retrial, found(retrial.rule) if fails[retrial.rule] else passed(retrial.rule))
    outcomes = {outcome.rule: outcome for outcome in narrowing.outcomes(outcomes_of(findings, rules))}
    assert asked == ["a/cause", "a/one", "a/beside"]
    assert outcomes["a/one"].cause == ("a/beside" if beside_fails_apart else "")
    assert outcomes["a/beside"].failure is not None
