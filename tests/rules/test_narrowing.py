"""One bug does not hide another: what it explains is judged again, apart from what its smallest example shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from bson import Int64

from dsync_kit.conformance.results.events import JudgedAgain, RunFinished
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.conformance.results.outcome import Outcome, Result
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.conformance.running.processes.judging import judge_apart
from dsync_kit.conformance.running.processes.messages import Named, Orders
from dsync_kit.documents import decode, encode, id_field, id_of
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    ListDataRequest,
    ListDataResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.server import ConnectorServer

from .catalogue import FAULTS
from .fault import REFERENCE, SETTINGS, Variant, judge
from .typed_connector import TypedConnector
from .typed_tables import Column

BRIEF = replace(PROFILES["quick"], examples=16, seconds=20.0, shrinking=1.0, total=900.0)
"""Enough examples on a machine of any speed."""

RULES = (
    "write/read-back",
    "write/several-pages",
    "write/id-kinds",
    "updates/delete",
    "updates/order-in-call",
    "updates/model",
)
MIXED = "ids of mixed kinds"


class ListsOneKind(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """A page holds the documents whose ids are of one type with its first: the others are lost, as where a range of ids
    is compared by type."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer: ListDataResponse = super().list_data(request)
        kinds = [id_of(document, request.type)[0].type for document in answer.data]
        kept = [document for document, kind in zip(answer.data, kinds, strict=True) if kind == kinds[0]]
        return ListDataResponse(data=kept, next_cursor=answer.next_cursor)


class FirstUpdateWins(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """Of several updates of one id in a call, all but the first are dropped."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        first = {b"".join(part.data for part in update.id): update for update in reversed(request.updates)}
        kept = [update for update in request.updates if first[b"".join(part.data for part in update.id)] is update]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, updates=kept, type=request.type))


class Both(ListsOneKind, FirstUpdateWins):
    """Two unrelated bugs."""


class ListsTexts(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """All values are listed as texts, and a document has the fields of the first one, as in a file of rows."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer: ListDataResponse = super().list_data(request)
        rows = [decode(document, request.type) for document in answer.data]
        key = id_field(request.type)
        columns = [name for name in rows[0] if name != key] if rows else []
        texts = [{key: row[key], **{name: str(row.get(name, "")) for name in columns}} for row in rows]
        return ListDataResponse(data=[encode(row, request.type) for row in texts], next_cursor=answer.next_cursor)


class Appends(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """A document that is written again is listed again, as in a file that only grows."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.times: Counter[tuple[str, bytes]] = Counter()

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        answer: WriteDataResponse = super().write_data(request)
        self.times.update((request.namespace, id_of(item, request.type)[0].data) for item in request.data)
        return answer

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer: ListDataResponse = super().list_data(request)
        name = request.partition.namespace
        times = [max(1, self.times[name, id_of(item, request.type)[0].data]) for item in answer.data]
        listed = [item for item, count in zip(answer.data, times, strict=True) for _ in range(count)]
        return ListDataResponse(data=listed, next_cursor=answer.next_cursor)


class NullsAreEmpty(TypedConnector):
    """A column returns the empty text, or 0, for NULL."""

    def given(self, column: Column, stored: Any) -> Any:
        empty = {"string": "", "long": Int64(0), "double": 0.0}
        return empty.get(column.kind) if stored is None else super().given(column, stored)


class TypedBoth(NullsAreEmpty):
    """In addition, the updates of a call are applied in the wrong order."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        kept = list(request.updates)[::-1]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, updates=kept, type=request.type))


def judged(connector: Any, rules: Sequence[str] = RULES, *, examples: int = 16) -> dict[str, Outcome]:
    """The outcomes of the rules."""
    profile = replace(BRIEF, examples=examples)
    return by_rule(judge(Variant(connector.__name__, connector, ""), rules, profile=profile))


class CountsToTen(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """A count is never more than ten."""

    def get_namespace_metadata(self, request: Any) -> Any:
        answer = super().get_namespace_metadata(request)
        answer.count = min(answer.count, 10)
        return answer


class IgnoresDeletes(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """A DELETE is answered with OK, and does nothing."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        kept = [update for update in request.updates if update.type != UPDATE_TYPE_DELETE]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, updates=kept, type=request.type))


class IgnoresDeletesAndCountsToTen(IgnoresDeletes, CountsToTen):
    """Two bugs: rules on counts come after those on deletes."""


def by_rule(result: Result) -> dict[str, Outcome]:
    assert not result.problem
    return {outcome.rule: outcome for outcome in result.outcomes}


def roots(outcomes: dict[str, Outcome]) -> set[str]:
    return {rule for rule, outcome in outcomes.items() if outcome.violated and not outcome.cause}


def test_a_single_bug_has_no_other_on_its_own() -> None:
    """What it explains passes apart from it, and is still shown as its consequence."""
    outcomes = judged(ListsOneKind)
    assert roots(outcomes) == {"write/read-back"}
    assert outcomes["write/read-back"].apart is not None
    assert outcomes["write/read-back"].apart.feature == MIXED
    again = {rule: outcome.apart.status for rule, outcome in outcomes.items() if outcome.apart and outcome.cause}
    assert again["write/several-pages"] == again["updates/delete"] == again["updates/model"] == "passed"
    assert again["write/id-kinds"] == "not-exercised", "it is about ids of several kinds, and nothing else"


def test_a_file_that_only_grows_is_judged_apart_from_ids_that_are_written_again() -> None:
    """The rules on overwrites are one failure; others, explorers too, are judged with ids that are written once."""
    rules = (
        "list/complete",
        "write/read-back",
        "write/idempotent",
        "write/overwrites",
        "metadata/count",
        "explore/in-order",
    )
    outcomes = judged(Appends, rules)
    assert roots(outcomes) == {"write/idempotent"}
    again = {rule: outcome.apart for rule, outcome in outcomes.items() if outcome.apart and outcome.cause}
    assert {apart.feature for apart in again.values()} == {"ids that are written more than once"}
    assert again["explore/in-order"].status == "passed"
    assert again["write/overwrites"].status == "not-exercised"


@pytest.mark.parametrize(
    ("connector", "second"), [(IgnoresDeletes, set()), (IgnoresDeletesAndCountsToTen, {"metadata/agrees-with-listing"})]
)
def test_what_fails_without_deletes_has_another_reason(connector: Any, second: set[str]) -> None:
    """Deletes that are ignored make other rules fail, too; but not where no example deletes anything."""
    rules = ("updates/delete", "updates/model", "metadata/count", "metadata/answers", "metadata/agrees-with-listing")
    assert roots(judged(connector, rules)) == {"updates/delete", *second}


def test_a_second_bug_is_reported_on_its_own() -> None:
    """It fails apart from the first one, with an example that does not show it, and has its own consequences."""
    outcomes = judged(Both)
    assert roots(outcomes) == {"write/read-back", "updates/order-in-call"}
    second = outcomes["updates/order-in-call"]
    assert second.apart is not None
    assert (second.apart.feature, second.apart.cause) == (MIXED, "write/read-back")
    model = outcomes["updates/model"].apart
    assert model is not None
    assert (model.cause, model.status) == ("updates/order-in-call", "passed")
    assert "several writes of one id in one call" in model.feature
    assert outcomes["updates/delete"].cause == "write/read-back"


def test_a_store_of_texts_is_judged_by_texts() -> None:
    """One kind of values after another is left out, until the rule passes with the rest."""
    rules = ("write/read-back", "write/several-pages", "write/empty-page", "write/large-page")
    outcomes = judged(ListsTexts, rules, examples=100)
    assert roots(outcomes) == {"write/read-back"}
    assert {outcome.apart.status for outcome in outcomes.values() if outcome.apart and outcome.cause} == {"passed"}
    assert outcomes["write/several-pages"].apart is not None
    assert "documents with different fields" in outcomes["write/several-pages"].apart.feature
    assert "values of the types" in outcomes["write/several-pages"].apart.feature


def test_it_is_the_same_in_other_processes() -> None:
    """Two processes judge again when both have judged the rest; their findings can be replayed."""
    settings, _ = SETTINGS.Settings.parse(["reference://"], {})
    with ConnectorServer(Both(settings)) as server, Crew(2) as crew:
        orders = Orders(Named(f"grpc://{server.address}", insecure=True), BRIEF, 1, rules=RULES)
        events = list(judge_apart(orders, crew, str))
        finished = events[-1]
        assert isinstance(finished, RunFinished)
        second = by_rule(finished.result)["updates/order-in-call"]
        assert second.failure is not None
        orders = replace(
            orders, rules=(second.rule,), choices=second.failure.choices, without=(Feature(FeatureKind.MIXED_IDS),)
        )
        with Crew() as alone:
            *_, replayed = judge_apart(orders, alone, str)
    assert isinstance(replayed, RunFinished)
    assert replayed.result.outcomes[0].failure is not None
    assert replayed.result.outcomes[0].failure.example == second.failure.example
    assert roots(by_rule(finished.result)) == {"write/read-back", "updates/order-in-call"}
    again = {(event.rule.id, event.feature) for event in events if isinstance(event, JudgedAgain)}
    assert ("updates/delete", MIXED) in again


@pytest.mark.parametrize(("connector", "second"), [(NullsAreEmpty, set()), (TypedBoth, {"updates/order-in-call"})])
def test_a_typed_store(connector: Any, second: set[str]) -> None:
    """Apart from one type of values, which its tables may leave out, the rest is judged."""
    rules = ("encoding/bson-null", "write/read-back", "updates/delete", "updates/order-in-call", "updates/model")
    outcomes = judged(connector, rules)
    assert roots(outcomes) == {"encoding/bson-null", *second}


def test_a_value_that_comes_back_changed_everywhere_is_one_bug() -> None:
    """Documents that fit come back changed, too: the rules on what does not fit are not to blame, and are folded."""
    rules = ["encoding/bson-int64", "write/read-back", "schema/null", "schema/page", "schema/updates"]
    rules += ["schema/partial-updates", "schema/other-ids"]
    fault = next(fault for fault in FAULTS if fault.name == "typed-longs-come-back-as-small-numbers")
    failures = {outcome.rule: outcome.cause for outcome in judge(fault, rules).outcomes if outcome.failure is not None}
    assert failures.keys() >= {"encoding/bson-int64", "schema/null", "schema/other-ids"}
    assert {rule for rule, cause in failures.items() if not cause} == {"encoding/bson-int64"}
