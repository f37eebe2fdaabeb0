"""Forms on the wire: other forms of a document mean the same, and an example shrinks to the plainest."""

import itertools
import json

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.dimensions import DIMENSIONS, JSON_ESCAPES, JSON_NUMBERS, Dimension
from dsync_kit.conformance.documents.holding import Anything
from dsync_kit.conformance.documents.wire import Form, Wire, dimensions_of
from dsync_kit.documents import id_of, same_document
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
    GeneratePlanRequest,
    StreamUpdatesRequest,
    WriteDataRequest,
)

TYPES = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)


def _forms(data_type: DataType) -> list[Form]:
    """Every form that differs from the plainest in one or two dimensions."""
    pairs = itertools.combinations(dimensions_of(data_type), 2)
    return [
        Form(data_type, {one: first, other: second})
        for one, other in pairs
        for first in one.values
        for second in other.values
    ]


@pytest.mark.parametrize("data_type", TYPES)
@given(data=st.data())
def test_every_form_is_the_same_document(data_type: DataType, data: st.DataObject) -> None:
    """A document has the same id and content in any form."""
    (document,) = data.draw(Anything(data_type, tuple(strategies.ID_KINDS[data_type])).pages(min_size=1, max_size=1))
    form = data.draw(st.sampled_from(_forms(data_type)))
    put = form.put(document)
    assert same_document(put, document, data_type)
    assert id_of(put, data_type) == id_of(document, data_type)


@pytest.mark.parametrize("escapes", JSON_ESCAPES.values)
def test_a_backslash_is_no_escape(escapes: str) -> None:
    """A text that looks like an escape keeps its letters, however it is written; so do escapes beside it."""
    document = strategies.make_document("i", {"t": "\\u00e9\u00e9\u00ea\\\\u00eb"}, DATA_TYPE_JSON_ID)
    put = Form(DATA_TYPE_JSON_ID, {JSON_ESCAPES: escapes}).put(document)
    assert json.loads(put) == json.loads(document)


@pytest.mark.parametrize("data_type", TYPES)
def test_each_form_differs(data_type: DataType) -> None:
    """Any two values of a dimension give different bytes, so each one widens the tests."""
    fields = {"a": 5, "b": 0.5, "t": "\U0001f378/", "n": {"x": [1, None]}}
    document = strategies.make_document("i", fields, data_type)
    for dimension in dimensions_of(data_type):
        put = [Form(data_type, {dimension: name}).put(document) for name in dimension.values]
        assert len(set(put)) == len(put), dimension.name


def test_escapes_are_those_of_the_table() -> None:
    """A character beyond the first 65,536 has two escapes; a slash and a name may be escaped."""
    document = '{"id":"a","é":"\U0001f378/"}'.encode()
    spelled = {name: Form(DATA_TYPE_JSON_ID, {JSON_ESCAPES: name}).put(document) for name in JSON_ESCAPES.values}
    assert spelled["all but ASCII"] == rb'{"id":"a","\u00e9":"\ud83c\udf78/"}'
    assert spelled["all but ASCII, in capitals, and slashes"] == rb'{"id":"a","\u00E9":"\uD83C\uDF78\/"}'
    assert spelled["every character"].startswith(rb'{"\u0069\u0064":"\u0061"')


@pytest.mark.parametrize(
    ("literal", "with_point", "with_exponent"),
    [
        ("5", "5.0", "5e0"),
        ("-0", "-0.0", "-0e0"),
        ("0.5", "0.50", "5E-1"),
        ("-2.25", "-2.250", "-225E-2"),
        ("1e300", "1e300", "1e300"),
        ("9007199254740993", "9007199254740993", "9007199254740993"),
    ],
)
def test_numbers_keep_their_value(literal: str, with_point: str, with_exponent: str) -> None:
    """Numbers get a point or an exponent, except ids, and integers that a double can't hold."""
    document = f'{{"id":5,"n":{literal}}}'.encode()
    forms = [
        Form(DATA_TYPE_JSON_ID, {JSON_NUMBERS: name}).put(document) for name in ("with a point", "with an exponent")
    ]
    assert forms == [f'{{"id":5,"n":{number}}}'.encode() for number in (with_point, with_exponent)]


def test_the_numbers_of_an_id_stay() -> None:
    """An id and its parts have types: 1.0 would be another id."""
    document = b'{"id":{"a":1,"b":[2]},"n":1}'
    assert Form(DATA_TYPE_JSON_ID, {JSON_NUMBERS: "with a point"}).put(document) == b'{"id":{"a":1,"b":[2]},"n":1.0}'


@pytest.mark.parametrize(
    "bad", [b"", b"{", b"[]", b'{"id":1,"a":1,"a":2}', b"\xff", b'{"id":NaN}', b"\x05\x00\x00\x00\x00\x00"]
)
def test_what_is_not_a_document_stays(bad: bytes) -> None:
    """Malformed bytes are sent unchanged, because rules about them need them."""
    for data_type in TYPES:
        for form in _forms(data_type):
            assert form.put(bad) == bad


def test_a_request_in_the_plainest_form_is_itself() -> None:
    """Nothing is copied if nothing changes."""
    wire = Wire({DATA_TYPE_JSON_ID: Form(DATA_TYPE_JSON_ID)})
    request = WriteDataRequest(namespace="n", data=[b'{"id":1}'], type=DATA_TYPE_JSON_ID)
    assert wire.put(request) is request


def test_namespaces_come_in_another_order() -> None:
    """A plan and a stream name the same namespaces in another order, one for each cursor if it is drawn so."""
    names = [f"n{number}" for number in range(6)]
    wire = Wire(namespaces="reversed")
    plan = wire.put(GeneratePlanRequest(namespaces=names, updates=True))
    assert isinstance(plan, GeneratePlanRequest)
    assert (list(plan.namespaces), plan.updates) == (names[::-1], True)
    by_cursor = Wire(namespaces="another for each cursor")
    orders = set()
    for cursor in (b"a", b"b", b"c"):
        put = by_cursor.put(StreamUpdatesRequest(namespaces=names, cursor=cursor, type=DATA_TYPE_JSON_ID))
        assert isinstance(put, StreamUpdatesRequest)
        assert (sorted(put.namespaces), put.cursor, put.type) == (names, cursor, DATA_TYPE_JSON_ID)
        orders.add(tuple(put.namespaces))
    assert len(orders) > 1


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda dimension: dimension.name)
def test_an_example_shrinks_to_the_plainest(dimension: Dimension[object]) -> None:
    """The smallest draw of a dimension is its first value."""
    assert find(dimension.names, lambda _: True) == dimension.plain


def test_json_is_compact_where_it_is_plain() -> None:
    """The plainest JSON has no white space between its tokens."""
    document = strategies.make_document("a", {"b": [1, {"c": "é"}]}, DATA_TYPE_JSON_ID)
    assert document == json.dumps(json.loads(document), separators=(",", ":"), ensure_ascii=False).encode()
