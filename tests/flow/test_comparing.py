"""Comparing both ends."""

from typing import Any

import pytest

from dsync_kit.documents import encode
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.flow.engine import SHOWN_DIFFERENCES, FlowOptions, Mode
from dsync_kit.flow.events import Compared, Event, Notice
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_PARTIAL_UPDATE,
    Capabilities,
    DataType,
    GeneratePlanRequest,
    WriteDataRequest,
    WriteDataResponse,
)

from .ends import Ends, delete, made, numbered, run, upsert
from .test_updating import Changing

VERIFY = FlowOptions(mode=Mode.INITIAL_SYNC, verify=True)


def test_equal_ends() -> None:
    """After a copy the ends are equal, whatever their order and pages, and each namespace is reported."""
    source, sink = Ends(page_size=3, partitions=5), Ends(page_size=50, partitions=1)
    source.fill("a", numbered(77, nested={"x": [1, 2.5]}))
    source.fill("b", [{"_id": "k"}])
    events: list[Event] = []
    assert run(source, sink, VERIFY, listener=events.append).complete
    told = [event for event in events if isinstance(event, Compared)]
    assert told == [Compared("a", 77, 77, 0), Compared("b", 1, 1, 0)]


def test_every_kind_of_difference_is_found() -> None:
    """A document that was altered, a lost one and an extra one, each with its id."""

    class Altering(Ends):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            kept = [data for data in request.data if b"lose" not in data]
            changed = [data.replace(b"alter", b"ALTER") for data in kept]
            return super().write_data(WriteDataRequest(namespace=request.namespace, data=changed, type=request.type))

    source, sink = Ends(), Altering()
    source.fill("a", [*numbered(20), {"_id": "x", "v": "alter"}, {"_id": "y", "v": "lose"}])
    sink.fill("a", [{"_id": 99}])
    result = run(source, sink, VERIFY)
    assert not result.complete
    assert result.differences == 3
    assert {(difference.namespace, difference.id, difference.kind) for difference in result.shown} == {
        ("a", '"x"', "different"),
        ("a", '"y"', "missing"),
        ("a", "99", "unexpected"),
    }


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ([1, 2], [2, 1]), (None, 0), ("1", 1)])
def test_types_and_order_count(one: Any, other: Any) -> None:
    """Values of other types, and arrays in another order, are differences."""

    class Changed(Ends):
        def incoming(self, document: bytes) -> bytes:
            return encode({"_id": 1, "v": other}, DATA_TYPE_MONGO_BSON)

    source, sink = Ends(), Changed()
    source.fill("a", [{"_id": 1, "v": one}])
    assert run(source, sink, VERIFY).differences == 1


@pytest.mark.parametrize(("data_type", "key"), [(DATA_TYPE_JSON_ID, "id"), (DATA_TYPE_MONGO_BSON, "_id")])
def test_the_order_of_fields_does_not_count(data_type: DataType, key: str) -> None:
    """JSON and BSON documents are equal whatever the order of their fields."""
    document = {key: "k", "x": 1, "y": {"p": 1, "q": 2}}
    turned = encode({"y": {"q": 2, "p": 1}, "x": 1, key: "k"}, data_type)
    assert turned != encode(document, data_type)

    class Turning(Ends):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            return super().write_data(WriteDataRequest(namespace="a", data=[turned], type=request.type))

    class OfOneType(Ends):
        def source_capabilities(self) -> Capabilities.Source:
            return Capabilities.Source(supported_data_types=[data_type], default_plan=True)

    source, sink = OfOneType(partitions=1), Turning()
    source.fill("a", [document], data_type)
    assert run(source, sink, VERIFY).complete


def test_the_list_is_cut() -> None:
    """Of many differences, the first are listed, and all are counted."""
    source, sink = Ends(), Ends()
    source.fill("a", numbered(3))
    sink.fill("a", [{"_id": f"extra {number}"} for number in range(100)])
    result = run(source, sink, VERIFY)
    assert result.differences == 100
    assert len(result.shown) == SHOWN_DIFFERENCES


def test_names_are_mapped() -> None:
    """A namespace is compared with its counterpart; other namespaces at the destination are ignored."""
    source, sink = Ends(), Ends()
    source.fill("a", numbered(5))
    sink.fill("a", numbered(3, other=True))
    sink.fill("else", numbered(3))
    options = FlowOptions(mode=Mode.INITIAL_SYNC, verify=True, namespaces=NamespaceMap.parse(["a:z"]))
    assert run(source, sink, options).complete


def test_after_a_finite_stream() -> None:
    """The listing with the stream applied counts, including deletes and new namespaces."""
    source = Changing(("a", [upsert(3, v=1), delete(4), upsert(50)]), ("new", [upsert("x"), upsert("y"), delete("y")]))
    source.fill("a", numbered(10))
    assert run(source, Ends(), FlowOptions(verify=True)).complete

    class Deaf(Ends):
        def write_updates(self, request: Any) -> Any:
            kept = [update for update in request.updates if update.data]
            return super().write_updates(type(request)(namespace=request.namespace, type=request.type, updates=kept))

    result = run(still_listing_what_is_deleted(), Deaf(), FlowOptions(verify=True))
    assert [(difference.id, difference.kind) for difference in result.shown] == [("4", "unexpected")]


def still_listing_what_is_deleted() -> Any:
    """A source that still lists what its stream deletes."""

    class History(Ends):
        def __init__(self) -> None:
            super().__init__()
            self.stream_ends = True
            self.fill("a", numbered(10))

        def generate_plan(self, request: GeneratePlanRequest) -> Any:
            plan = super().generate_plan(request)
            self.change("a", [delete(4)])
            return plan

        def listed(self, collection: Any, cursor: Any) -> Any:
            kept = Ends()
            kept.fill("a", numbered(10))
            start, end = self.partition_range(cursor.index, cursor.count)
            return kept.store.collection("a", DATA_TYPE_MONGO_BSON).between(start, cursor.after, end)

    return History()


def test_partial_updates_cannot_be_compared() -> None:
    """A stream of partial updates is reported as such, without guesses."""

    class Partial(Changing):
        def streamed(self, entry: Any, data_type: Any) -> Any:
            update = super().streamed(entry, data_type)
            update = type(update).FromString(update.SerializeToString())
            update.type = UPDATE_TYPE_PARTIAL_UPDATE
            return update

    source = Partial(("a", [upsert(3, v=1)]))
    source.fill("a", numbered(10))
    result = run(source, Ends(), FlowOptions(verify=True))
    assert ["the comparison" in failure.what for failure in result.failures] == [True]
    assert "partial" in result.failures[0].reason


def test_no_comparison_after_a_failure() -> None:
    """An incomplete run is not compared, and says so."""
    source = Ends()
    source.fill("a", numbered(10))
    source.faults["list_data"] = [InvalidArgument("bad")]
    events: list[Event] = []
    result = run(source, Ends(), VERIFY, listener=events.append)
    assert not result.differences
    assert any("are not compared" in event.text for event in events if isinstance(event, Notice))


def test_a_destination_that_cannot_be_read() -> None:
    """It is refused before anything is copied."""
    source = Ends()
    source.fill("a", numbered(1))
    with pytest.raises(UsageError, match="--verify cannot read MONGO_BSON back from the sink"):
        run(source, made("/dev/null"), VERIFY)
    assert not source.listings

    class Other(Ends):
        def source_capabilities(self) -> Capabilities.Source:
            return Capabilities.Source(supported_data_types=[DATA_TYPE_JSON_ID], default_plan=True)

    with pytest.raises(UsageError, match="--verify cannot read MONGO_BSON"):
        run(source, Other(), VERIFY)


@pytest.mark.parametrize(
    "options", [{"mode": Mode.CDC, "verify": True}, {"limit": 3, "verify": True}, {"mode": Mode.CDC, "limit": 3}]
)
def test_options_that_do_not_go_together(options: dict[str, Any]) -> None:
    """They are usage errors that say why."""
    with pytest.raises(UsageError, match=r"--verify compares|--limit is a number of documents to copy"):
        FlowOptions(**options)
