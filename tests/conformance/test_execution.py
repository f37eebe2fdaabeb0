"""Running one rule: what it costs, how its result counts, and how small a failure becomes."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from dsync_kit.client import LocalClient
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Finding, Status, Violation
from dsync_kit.conformance.results.profile import PROFILES, Profile
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.unexpected_errors import hint_of
from dsync_kit.connector import Connector
from dsync_kit.errors import Aborted, InvalidArgument, NotFound, Unavailable, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    Capabilities,
    GetByIdsRequest,
    GetInfoRequest,
    GetInfoResponse,
    ListDataRequest,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
)
from dsync_kit.targets.target import OpenTarget


class Sink(Connector):
    """Accepts everything; refuses GetByIds with a retryable code."""

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        sink = Capabilities.Sink(supported_data_types=[DATA_TYPE_MONGO_BSON])
        return GetInfoResponse(db_type="sink", capabilities=Capabilities(sink=sink))

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        return WriteDataResponse()

    def get_by_ids(self, request):
        raise Aborted("not now")


def _run(
    check: Callable[[Case], None],
    profile: Profile = PROFILES["quick"],
    seed: int = 0,
    connector: Connector | None = None,
    database: Path | None = None,
) -> Finding:
    connector = connector or Sink()
    subject = Subject.of(OpenTarget(title="sink", api=LocalClient(connector), connector=connector))
    rule = Rule("test/rule", Level.MUST, "a sentence", hint="a hint", check=check)
    return run_rule(rule, subject, profile, seed=seed, database=database)


def test_a_rule_that_checks_and_finds_nothing_has_passed():
    """Every example counts, and one check makes a pass."""

    def check(case: Case) -> None:
        case.check(case.draw(st.integers(), "number") is not None, "never")

    # As many examples as there are, however slow the machine.
    outcome = _run(check, replace(PROFILES["quick"], seconds=60.0))
    assert outcome.status is Status.PASSED
    assert outcome.examples >= PROFILES["quick"].examples


def test_a_rule_that_checks_nothing_is_not_exercised():
    """A rule that returned without a check has not passed."""
    outcome = _run(lambda _: None)
    assert (outcome.status, outcome.reason) == (Status.NOT_EXERCISED, "no example reached a check")


def test_what_the_connector_declines_is_the_reason():
    """A rule whose examples were all declined is not exercised, and says why."""

    def check(case: Case) -> None:
        raise case.decline("it accepts ids of one type only")

    outcome = _run(check)
    assert (outcome.status, outcome.reason) == (Status.NOT_EXERCISED, "it accepts ids of one type only")


def test_reasons_that_differ_in_names_and_values_are_one():
    """The first of them stands for all, and counts all examples."""
    numbers = iter(range(1000))

    def check(case: Case) -> None:
        case.check(case.draw(st.integers(), "number") is not None, "never")
        raise case.decline(f"it refuses some of these ids (INVALID_ARGUMENT: dup key in db.c{next(numbers)})")

    outcome = _run(check)
    (note,) = outcome.notes
    assert note.startswith("it refuses some of these ids (INVALID_ARGUMENT: dup key in db.c0)")
    assert note.endswith(f"(in {outcome.examples} of {outcome.examples} examples)")


class Refuses(Sink):
    """Refuses GetByIds with another error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_by_ids(self, request):
        raise self.error


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (NotFound("none"), "GetByIds was refused with NOT_FOUND", "a missing document is an error, or is left out"),
        (
            InvalidArgument("no table"),
            "GetByIds was refused with INVALID_ARGUMENT",
            "the answer says why the call was refused; if it works in other rules: a hint",
        ),
        (
            KeyError("n"),
            "GetByIds was refused with UNKNOWN",
            "the connector's log says why the call failed; if it works in other rules: a hint",
        ),
    ],
)
def test_the_hint_of_a_refused_call(error: Exception, message: str, hint: str):
    """A rule that is about such refusals explains it. Otherwise the rule may not have come to its point: the answer, or
    the connector's log, says more."""

    def check(case: Case) -> None:
        case.api.get_by_ids(GetByIdsRequest())

    found = _run(check, replace(PROFILES["quick"], examples=1), connector=Refuses(error)).failure
    assert found is not None
    assert (found.message, found.hint) == (message, hint)


class ListsNothing(Sink):
    """A value in it cannot be encoded, and it blames the request."""

    def list_data(self, request):
        raise InvalidArgument("cannot be encoded: Decimal('1.25')")


def test_the_hint_of_a_refused_listing():
    """The request is valid, so what the rule is about comes second."""

    def check(case: Case) -> None:
        case.api.list_data(ListDataRequest())

    found = _run(check, replace(PROFILES["quick"], examples=1), connector=ListsNothing()).failure
    assert found is not None
    assert found.hint == "the answer says what cannot be listed; if it works in other rules: a hint"


@pytest.mark.parametrize(
    ("refusal", "given", "declared", "hint"),
    [
        ("WriteData NOT_FOUND", True, True, "the given namespace does not exist"),
        ("WriteData NOT_FOUND", False, False, "rows are refused"),
        ("WriteUpdates NOT_FOUND", True, False, "rows are refused"),
        ("WriteUpdates INVALID_ARGUMENT", True, True, "rows are refused; or the declared schema allows"),
        ("ListData INVALID_ARGUMENT", True, True, "the answer says what cannot be listed"),
    ],
)
def test_what_the_user_gave_may_be_wrong(refusal: str, *, given: bool, declared: bool, hint: str) -> None:
    """A misspelt namespace or a schema that says too much is a likely cause of a refusal; a DELETE may find nothing."""
    assert hint_of(Violation("x", refusal=refusal), "rows are refused", given=given, declared=declared).startswith(hint)


def test_what_leaves_nothing_to_check_is_skipped():
    """A rule does not apply if the schema leaves nothing to check, unless some example could check."""

    def never(case: Case) -> None:
        raise case.does_not_apply("its schema has no dates")

    def sometimes(case: Case) -> None:
        raise (
            case.decline("busy") if case.draw(st.booleans(), "busy") else case.does_not_apply("its schema has no dates")
        )

    outcome = _run(never)
    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "its schema has no dates")
    assert _run(sometimes).status is Status.NOT_EXERCISED


class Mortal(Sink):
    """To the kit, its process seems to end in the third write."""

    def __init__(self) -> None:
        self.writes = 0

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        if self.writes > 2:
            raise Unavailable("connection refused")
        return super().get_info(request)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.writes += 1
        if self.writes > 2:
            raise Unavailable("Socket closed")
        return super().write_data(request)


def test_a_connector_that_ends_is_said_to_have_ended():
    """It is not called any more, and the last call is shown, without shrinking."""

    def check(case: Case) -> None:
        case.checks += 1
        for number in range(case.draw(st.integers(1, 9), "writes")):
            case.api.write_data(WriteDataRequest(namespace=f"n{number}"))

    outcome = _run(check, connector=Mortal())
    assert outcome.status is Status.FAILED
    assert "stopped answering" in outcome.failure.message
    assert outcome.failure.transcript[-1].endswith("UNAVAILABLE: Socket closed")
    assert outcome.failure.transcript[-1].count("WriteData") == 1


def test_a_failure_shrinks_to_its_smallest_example():
    """Of all failing numbers, the smallest is shown, with the transcript of its calls."""

    def check(case: Case) -> None:
        number = case.draw(st.integers(0, 1000), "number")
        case.api.get_info(GetInfoRequest())
        case.check(number < 17, "too large", expected="below 17", seen=number)

    failure = _run(check).failure
    assert failure is not None
    assert failure.example == (("number", "17"),)
    assert (failure.message, failure.expected, failure.seen) == ("too large", "below 17", "17")
    assert len(failure.transcript) == 1
    assert "GetInfo() → db_type='sink'" in failure.transcript[0]
    assert failure.reproducible


def test_a_failure_that_does_not_come_again_is_kept_and_marked():
    """A violation seen once is a violation; the report can say that it was seen once."""
    seen: list[int] = []

    def check(case: Case) -> None:
        seen.append(1)
        case.check(len(seen) != 3, "now and then", seen="this time")
        case.draw(st.integers(), "number")

    outcome = _run(check)
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert not outcome.failure.reproducible
    assert outcome.failure.again.endswith("did not fail again in 3 more runs")


def test_a_status_that_the_rule_does_not_expect_is_a_violation():
    """An unexpected error fails the rule, with the call and its code."""

    def check(case: Case) -> None:
        case.api.get_by_ids(GetByIdsRequest())

    failure = _run(check).failure
    assert failure is not None
    assert (failure.message, failure.seen) == (
        "GetByIds was refused with ABORTED",
        "GetByIds answered ABORTED: not now",
    )


@pytest.mark.parametrize("error", [InvalidArgument("its own data"), ZeroDivisionError("a bug")])
def test_a_mistake_of_the_kit_is_an_error_and_no_failure(error):
    """An exception that no call answered says nothing about the connector."""

    def check(_: Case) -> None:
        raise error

    outcome = _run(check)
    assert outcome.status is Status.ERRORED
    assert str(error.args[0]) in outcome.reason


def test_examples_end_with_the_time_that_they_may_take():
    """A slow connector gets fewer examples than planned, and the outcome says how many."""

    def check(case: Case) -> None:
        case.check(case.draw(st.integers(), "number") is not None, "never")
        time.sleep(0.02)

    outcome = _run(check, Profile("test", examples=1000, seconds=0.2, shrinking=1, bulk=1))
    assert outcome.status is Status.PASSED
    assert 8 <= outcome.examples <= 11


def test_a_rule_that_explores_ends_with_the_profiles_time():
    """It uses all its time; judged again or run alone, that is the profile's time for a rule."""

    def check(case: Case) -> None:
        case.check(case.draw(st.integers(), "number") is not None, "never")

    subject = Subject.of(OpenTarget(title="sink", api=LocalClient(connector := Sink()), connector=connector))
    rule = Rule("test/rule", Level.MUST, "a sentence", hint="a hint", check=check, explores=1.0)
    outcome = run_rule(rule, subject, replace(PROFILES["quick"], seconds=0.1), seed=0, database=None)
    assert outcome.status is Status.PASSED


def test_only_the_first_example_is_the_plainest():
    """Hypothesis begins each round with the plainest example; a rule of several rounds has it only once."""
    drawn: list[int] = []

    def check(case: Case) -> None:
        numbers = case.draw(st.lists(st.integers(0, 1 << 40), min_size=5, max_size=5), "numbers")
        drawn.append(sum(numbers))
        case.checks += 1

    _run(check, Profile("test", examples=36, seconds=60, shrinking=1, bulk=1))
    assert len(drawn) == 36
    assert [place for place, number in enumerate(drawn) if not number] == [0]


def test_a_single_example_is_followed_by_a_drawn_one_if_it_was_quick():
    """The plainest example alone would be all that a rule tries; where it takes long, it is."""
    drawn: list[int] = []

    def check(case: Case) -> None:
        drawn.append(case.draw(st.integers(0, 1 << 40), "number"))
        time.sleep(0.1)
        case.checks += 1

    _run(check, Profile("test", examples=1, seconds=60, shrinking=1, bulk=1))
    assert len(drawn) == 2
    assert drawn[0] == 0 != drawn[1]
    drawn.clear()
    _run(check, Profile("test", examples=1, seconds=1, shrinking=1, bulk=1))
    assert drawn == [0]


def test_shrinking_ends_with_the_time_that_it_may_take():
    """A failure that takes long to repeat is reported as far as it has shrunk."""

    def check(case: Case) -> None:
        numbers = case.draw(st.lists(st.integers(), min_size=20), "numbers")
        time.sleep(0.05)
        raise Violation("always", seen=str(len(numbers)))

    began = time.monotonic()
    outcome = _run(check, Profile("test", examples=10, seconds=5, shrinking=0.3, bulk=1))
    assert outcome.status is Status.FAILED
    assert time.monotonic() - began < 30


def test_the_same_seed_draws_the_same():
    """Two runs with one seed see the same data, two with different seeds different data."""

    def drawn(seed: int) -> list[int]:
        numbers: list[int] = []

        def check(case: Case) -> None:
            numbers.append(case.draw(st.integers(), "number"))
            case.checks += 1

        _run(check, seed=seed)
        return numbers

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_what_failed_last_time_is_tried_first(tmp_path: Path):
    """Even with another seed, the smallest failing example is the first one of the next run, and is not drawn."""

    def first(seed: int, database: Path | None) -> tuple[int, Status]:
        drawn: list[int] = []

        def check(case: Case) -> None:
            drawn.append(case.draw(st.integers(0, 100_000), "number"))
            case.check(drawn[-1] < 50_001, "too large")

        outcome = _run(check, seed=seed, database=database)
        return drawn[0], outcome.status

    assert first(1, tmp_path)[1] is Status.FAILED
    assert first(2, None)[0] != 50_001
    assert first(2, tmp_path) == (50_001, Status.FAILED)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the connector", "another instance"])
def test_a_listing_after_updates_rests_on_them_whoever_took_them(elsewhere: bool):
    """A listing after WriteUpdates means nothing if updates are broken, whichever instance got them."""

    def check(case: Case) -> None:
        api = case.recorder.other(LocalClient(Sink()), "second instance") if elsewhere else case.api
        with suppress(Unimplemented):
            api.write_updates(WriteUpdatesRequest(namespace="n"))
        raise Violation("a document is missing", rests_on=Evidence.LISTING)

    outcome = _run(check)
    assert outcome.rests_on == (Evidence.LISTING | Evidence.UPDATES).rules
    assert outcome.failure is not None
    assert ("second instance: WriteUpdates" in outcome.failure.transcript[0]) is elsewhere
