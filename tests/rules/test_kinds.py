"""Kinds of connectors that cannot be seen from all sides: what can be seen is judged; the report says why no more."""

import threading
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from dsync_kit.conformance.case import following
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.finding_out.streaming_only import ONLY_STREAMS
from dsync_kit.conformance.subject.needs import lacking
from dsync_kit.errors import FailedPrecondition
from dsync_kit.flow import retries
from dsync_kit.flow.retries import WAITS
from dsync_kit.protocol import Partition, WriteUpdatesRequest, WriteUpdatesResponse

from . import variants_typed
from .fault import REFERENCE, Variant, judge
from .faults_kinds import DeletesAreUnavailable
from .test_found_out import client_of, subject_of
from .variants_info import SinkOnly
from .variants_kinds import SlowCalls, Topic, TopicRefusesCopies
from .variants_stores import DeletesNothing, OneProcessAtATime


class PlansNothing(REFERENCE.ReferenceConnector):
    """Lists what it is asked for, but its plans have no partitions: a fault, not a topic."""

    def partitions(self, namespace: str) -> list[Partition]:
        return []


@pytest.mark.parametrize("connector", [Topic, TopicRefusesCopies])
def test_a_topic_is_only_streamed(connector: type) -> None:
    """Nothing of it is listed, its plans ask for updates alone, and the report names the mode to run dsync in."""
    subject = subject_of(client_of(connector))
    assert subject.declared.only_streams
    assert lacking(subject, (Need.LISTING,)) == ONLY_STREAMS
    assert lacking(subject, (Need.UPDATES,)) == ""
    assert any("--mode CDC" in note for note in subject.notes)
    plan = subject.driver.plan(updates=True)
    assert not plan.partitions
    assert plan.updates_partitions


def test_a_source_that_plans_nothing_to_list_is_broken() -> None:
    """If ListData is implemented, a plan without partitions remains a failure."""
    subject = subject_of(client_of(PlansNothing))
    assert not subject.declared.only_streams
    assert lacking(subject, (Need.LISTING,)) == ""


def test_what_a_topic_streams_is_judged() -> None:
    """Rules on plans, writes and streams pass; those that list, or read back, are skipped with the reason."""
    result = judge(Variant("topic", Topic, "", "local"), ["info/*", "plan/*", "write/r*", "stream/values"])
    outcomes = {outcome.rule: outcome for outcome in result.outcomes}
    assert not result.violations()
    for rule in ("info/declared-source", "plan/updates-flag", "plan/one-updates-partition", "stream/values"):
        assert outcomes[rule].status is Status.PASSED
    for rule in ("plan/partitions", "write/read-back"):
        assert outcomes[rule].reason == ONLY_STREAMS


def test_a_connector_that_runs_alone_is_killed_and_restarted() -> None:
    """If no second process can run beside the first, one in its place is killed, and the first comes back."""
    result = judge(Variant("one", OneProcessAtATime, "", "local"), ["durability/*", "write/overwrites"])
    assert {outcome.rule: outcome.status for outcome in result.outcomes} == {
        outcome.rule: Status.PASSED for outcome in result.outcomes
    }


def test_a_table_of_a_connector_that_runs_alone_is_prepared_before_it_ends() -> None:
    """While another process runs in its place, the instance that has ended is not called."""
    (one,) = [variant for variant in variants_typed.VARIANTS if variant.name == "typed-one-process-at-a-time"]
    result = judge(one, ["durability/id", "durability/write-data", "durability/resume"])
    assert {outcome.rule: outcome.status for outcome in result.outcomes} == {
        outcome.rule: Status.PASSED for outcome in result.outcomes
    }


def test_the_report_counts_the_examples_of_a_slow_connector() -> None:
    """With 30 ms a call, a rule gets fewer examples in its time; its outcome has the planned number."""
    result = judge(Variant("slow", SlowCalls, "", "local"), ["list/ids-unique"])
    (outcome,) = result.outcomes
    assert outcome.status is Status.PASSED
    assert outcome.examples < outcome.wanted == 18
    assert [
        note for note in result.notes if note.endswith("on average: a longer profile has more examples of each rule")
    ]


def test_a_sink_without_deletes_is_not_asked_to_delete() -> None:
    """A DELETE is refused for what it is, so other bad input is judged by updates that are supported."""
    result = judge(Variant("deletes nothing", DeletesNothing, "", "local"), ["errors/input-codes"])
    (outcome,) = result.outcomes
    assert outcome.failure is None, outcome.failure


@pytest.mark.parametrize(
    ("need", "reason"),
    [(Need.LISTING, Need.SOURCE), (Need.UPDATES, Need.SOURCE), (Need.LOADING, Need.READING)],
    ids=lambda need: need.name,
)
def test_of_a_sink_that_nobody_can_read_the_reason_is_true(need: Need, reason: Need) -> None:
    """It can be written to: what a rule lacks is a way to read it back."""
    assert lacking(subject_of(client_of(SinkOnly)), (need,)) == reason.value


class WritesSlowly(REFERENCE.ReferenceConnector):
    """The slot of a stream that has ended is free half a second after the next one was refused, and a write takes as
    long."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.has_ended = False
        self.free = threading.Event()
        self.free.set()

    def stream_updates(self, request: Any, context: Any) -> Any:
        if self.has_ended:
            self.has_ended = False
            self.free.clear()
            threading.Timer(0.5, self.free.set).start()
        if not self.free.is_set():
            raise FailedPrecondition("the replication slot is active")
        try:
            yield from super().stream_updates(request, context)
        finally:
            self.has_ended = True

    def write_updates(self, request: Any) -> Any:
        self.free.wait()
        return super().write_updates(request)


def test_a_stream_that_was_refused_before_slow_writes_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal, because an earlier stream held the only slot, is seen after the writes: the slot is free by then."""
    monkeypatch.setattr(following, "_REOPENING_SECONDS", 0.3)
    few = replace(PROFILES["quick"], examples=3)
    result = judge(Variant("slowly", WritesSlowly, "", "local"), ["stream/inserts"], profile=few)
    (outcome,) = result.outcomes
    assert outcome.failure is None, outcome.failure


class RecordsDeletes(DeletesAreUnavailable):
    """Records the calls that it refuses."""

    calls: ClassVar[list[bytes]] = []

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.calls.append(request.SerializeToString())
        return super().write_updates(request)  # type: ignore[no-any-return]


def test_documents_that_cannot_be_removed_are_not_removed_again_and_again() -> None:
    """Only the first of all removals, before the rules and after each example, is repeated with dsync's pauses."""
    profile = replace(PROFILES["quick"], examples=6, seconds=60.0)
    (outcome,) = judge(Variant("records", RecordsDeletes, "", "local"), ["write/read-back"], profile=profile).outcomes
    assert outcome.status is Status.PASSED
    repeated = len(RecordsDeletes.calls) - len(set(RecordsDeletes.calls))
    assert repeated == len(WAITS)


def test_a_delete_that_is_refused_in_vain_is_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule on DELETE names it. No other rule sends one, each with dsync's pauses, or waits for it."""
    monkeypatch.setattr(retries, "WAITS", (0.0, 0.0, 0.0))
    profile = replace(PROFILES["quick"], examples=4, shrinking=0.0)
    rules = ["updates/delete", "updates/many", "write/after-delete", "stream/deletes", "wire/field-order"]
    result = judge(Variant("in vain", DeletesAreUnavailable, "", "local"), rules, profile=profile)
    statuses = {outcome.rule: outcome.status for outcome in result.outcomes}
    assert statuses == {
        "updates/delete": Status.FAILED,
        "updates/many": Status.PASSED,
        "wire/field-order": Status.PASSED,
        "write/after-delete": Status.SKIPPED,
        "stream/deletes": Status.SKIPPED,
    }
    reasons = {outcome.reason for outcome in result.outcomes if outcome.status is Status.SKIPPED}
    assert reasons == {"it deletes nothing, as updates/delete shows"}
