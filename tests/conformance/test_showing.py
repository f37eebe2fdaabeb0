"""Which features an example shows, and what is left of its draws if it must not show them."""

from collections.abc import Sequence

import pytest

from dsync_kit.client import LocalClient
from dsync_kit.conformance.case.showing import Showing
from dsync_kit.conformance.documents.strategies import make_document, update
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.features import Shown
from dsync_kit.connector import Connector
from dsync_kit.documents import encode
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    Capabilities,
    DataType,
    GetInfoRequest,
    GetInfoResponse,
    Update,
    UpdateType,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.targets.target import OpenTarget

BSON = DATA_TYPE_MONGO_BSON
AGAIN, TOGETHER = Feature(FeatureKind.WRITTEN_AGAIN), Feature(FeatureKind.IN_ONE_CALL)
MALFORMED = FeatureKind.MALFORMED


def page(*names: str, namespace: str = "one") -> WriteDataRequest:
    return WriteDataRequest(namespace=namespace, data=[make_document(name, {}, BSON) for name in names], type=BSON)


def change(name: str, kind: UpdateType = UPDATE_TYPE_UPDATE) -> Update:
    return update(kind, name, make_document(name, {}, BSON), BSON)


def call(*updates: Update) -> WriteUpdatesRequest:
    return WriteUpdatesRequest(namespace="one", updates=updates, type=BSON)


@pytest.mark.parametrize(
    ("requests", "shown"),
    [
        ([page("a", "b")], set()),
        ([page("a"), page("a", namespace="two")], set()),
        ([page("a"), page("b", "a")], {AGAIN}),
        ([page("a"), call(change("a"))], {AGAIN}),
        ([page("a"), call(change("a", UPDATE_TYPE_DELETE))], set()),
        ([page("a", "a")], {AGAIN, TOGETHER}),
        ([call(change("a"), change("a", UPDATE_TYPE_DELETE))], {TOGETHER}),
        ([call(change("a", UPDATE_TYPE_DELETE)), call(change("a"))], set()),
    ],
)
def test_ids_that_are_written_again_are_a_feature(
    requests: Sequence[WriteDataRequest | WriteUpdatesRequest], shown: set[Feature]
) -> None:
    """An id is written again if it gets data a second time in its namespace; any two writes may meet in one call."""
    example = Shown(lambda _: True)
    for request in requests:
        example.request(request)
    assert set(example.features()) & {AGAIN, TOGETHER} == shown


@pytest.mark.parametrize(
    ("data", "data_type", "malformation"),
    [
        (b"garbage", BSON, "not BSON"),
        (b"[]", DATA_TYPE_JSON_ID, "JSON that is not an object"),
        (b'{"id": "x"', DATA_TYPE_JSON_ID, "not JSON"),
        (b'{"id": "\xff"}', DATA_TYPE_JSON_ID, "not UTF-8"),
        (b'{"name": "x"}', DATA_TYPE_JSON_ID, "without an id"),
    ],
)
def test_what_is_no_document_is_a_feature(data: bytes, data_type: DataType, malformation: str) -> None:
    """It says what is wrong with the data, since a store may take one kind of garbage and refuse another."""
    example = Shown(lambda _: True)
    example.request(WriteDataRequest(namespace="one", data=[data], type=data_type))
    assert Feature(MALFORMED, malformation) in example.features()


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"a": 1, "b": "x", "array": [], "document": {}}, {"number", "string", "array", "object"}),
        ({"a": 1, "b": "x", "c": None}, set()),
    ],
)
def test_few_kinds_of_values_are_features(fields: dict[str, object], kinds: set[str]) -> None:
    """Of many kinds, none says what an example is about. Arrays and documents don't count: they hold the others."""
    example = Shown(lambda _: True)
    document = encode({"id": "a", **fields}, DATA_TYPE_JSON_ID)
    example.request(WriteDataRequest(namespace="one", data=[document], type=DATA_TYPE_JSON_ID))
    assert {feature.detail for feature in example.features() if feature.kind is FeatureKind.VALUES} == kinds


class Source(Connector):
    """Offers nothing that an example could draw from."""

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        source = Capabilities.Source(supported_data_types=[BSON])
        return GetInfoResponse(db_type="test", capabilities=Capabilities(source=source))


def test_a_partial_update_needs_no_id() -> None:
    """It carries the changed fields alone."""
    example = Shown(lambda _: True)
    changed = update(UPDATE_TYPE_PARTIAL_UPDATE, "a", encode({"n": 1}, BSON), BSON)
    example.request(call(changed))
    assert not [feature for feature in example.features() if feature.kind is MALFORMED]


def showing(*without: Feature) -> Showing:
    """What an example may show that must not show these features."""
    return Showing(Subject.of(OpenTarget(title="", api=LocalClient(Source())), (), settle=0.0).apart(without))


def test_drawn_updates_leave_out_what_must_not_be_shown() -> None:
    """Of ids that were written, only DELETEs are left; calls of which nothing is left are left out."""
    example = showing(AGAIN)
    assert example.check is not None
    example.check(page("a"))
    calls = [[change("a")], [change("a", UPDATE_TYPE_DELETE), change("b", UPDATE_TYPE_INSERT), change("b")]]
    expected = [[change("a", UPDATE_TYPE_DELETE), change("b", UPDATE_TYPE_INSERT)]]
    assert example.allowed(calls, BSON) == expected
    example.check(call(*expected[0]))  # must not raise
    with pytest.raises(Inapplicable):
        example.check(page("b"))


def test_drawn_updates_name_an_id_once_a_call() -> None:
    """The first update of an id stays, in each call."""
    calls = [[change("a"), change("b"), change("a", UPDATE_TYPE_DELETE)], [change("a")]]
    assert showing(TOGETHER).allowed(calls, BSON) == [calls[0][:2], calls[1]]
