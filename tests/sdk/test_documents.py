"""Documents and ids: which are the same, which survive unchanged, and which are refused."""

import json
import math
import struct
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import bson
import pytest
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from dsync_kit import documents
from dsync_kit.documents import (
    canonical,
    decode,
    decode_all,
    decode_id,
    encode,
    encode_id,
    id_key,
    id_of,
    same_document,
)
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DATA_TYPE_UNKNOWN, BsonValue, DataType

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6).filter(
    lambda key: not key.startswith("$")  # {"$ref": …, "$id": …} is a type of its own in Python
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(2**31), 2**31 - 1),
    INT64.map(Int64),
    TEXT,
    st.binary(max_size=8),
    st.builds(Binary, st.binary(max_size=8), st.sampled_from([0, 1, 2, 5, 6, 128, 255])),
    st.binary(min_size=16, max_size=16).map(lambda data: Binary(data, 4)),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    INT64.map(DatetimeMS),
    st.binary(min_size=16, max_size=16).map(Decimal128.from_bid),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.builds(Regex, KEYS, st.integers(0, 127).map(lambda bits: bits & ~1)),
    KEYS.map(Code),
    st.just(MinKey()),
    st.just(MaxKey()),
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(KEYS, values, max_size=3)),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), INT64, TEXT, st.floats(allow_nan=False, allow_infinity=False)),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=6,
)


def refused(documents: list[bytes]) -> str:
    """What `decode_all` says of them."""
    with pytest.raises(InvalidArgument) as caught:
        decode_all(documents, BSON)
    return str(caught.value)


def reordered(value: Any) -> Any:
    """The same value with the fields of every object reversed."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def same_bson(one: Any, other: Any) -> bool:
    return same_document(bson.encode({"v": one}), bson.encode({"v": other}), BSON)


def same_json(one: str, other: str) -> bool:
    return same_document(f'{{"v":{one}}}'.encode(), f'{{"v":{other}}}'.encode(), JSON)


@given(st.lists(DOCUMENTS, max_size=3))
def test_documents_are_decoded_together_as_one_by_one(documents: list[dict[str, Any]]) -> None:
    data = [bson.encode(document) for document in documents]
    assert repr(decode_all(data, BSON)) == repr([decode(document, BSON) for document in data])


@pytest.mark.parametrize("bad", [b"", b"\5\0\0", b"\6\0\0\0\0", b"\5\0\0\0\1", bson.encode({"a": "b"})[:-1], b"\0" * 5])
def test_one_bad_document_among_good_ones_is_refused(bad: bytes) -> None:
    good = bson.encode({"_id": "a"})
    assert "not a BSON document" in refused([good, bad, good])


def test_documents_that_only_fit_together_are_refused() -> None:
    """Two documents that are cut in the wrong place are two documents when their bytes are joined."""
    joined = bson.encode({"_id": "a"}) + bson.encode({"_id": "b"})
    assert "not a BSON document" in refused([joined[:9], joined[9:]])


def test_ids_of_malformed_documents_are_refused() -> None:
    """Also where the id comes first, and is whole."""
    good = bson.encode({"_id": "a", "b": 1})
    for bad in (good[:-1], good + b"\0", good[:11], b"\x0b\0\0\0\x02_id\0\0\0"):
        with pytest.raises(InvalidArgument):
            id_of(bad, BSON)


@given(DOCUMENTS)
def test_bson_survives_decoding(document: dict[str, Any]) -> None:
    """A decoded and encoded document means the same, whatever its types."""
    data = bson.encode(document)
    assert same_document(encode(decode(data, BSON), BSON), data, BSON)


@given(DOCUMENTS)
def test_field_order_does_not_count(document: dict[str, Any]) -> None:
    """A document and the same one with its fields reversed, at every level, are the same."""
    assert same_document(bson.encode(document), bson.encode(reordered(document)), BSON)


@given(DOCUMENTS, DOCUMENTS)
def test_canonical_agrees_with_python(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two documents that differ in Python are never the same."""
    if decode(bson.encode(one), BSON) != decode(bson.encode(other), BSON) and "nan" not in repr((one, other)).lower():
        assert not same_document(bson.encode(one), bson.encode(other), BSON)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, Int64(1)),
        (1, 1.0),
        (Int64(1), 1.0),
        (0.0, -0.0),
        (1, True),
        (0, None),
        ("5", 5),
        (b"a", "a"),
        (Binary(b"a", 0), Binary(b"a", 128)),
        (ObjectId("0" * 24), "0" * 24),
        (DatetimeMS(5), Int64(5)),
        (Decimal128("1"), Decimal128("1.0")),
        (Timestamp(1, 0), Timestamp(0, 1)),
        (Regex("a", "i"), Regex("a")),
        ([1, 2], [2, 1]),
        ([], {}),
        ([1], {"0": 1}),
        ([], None),
        ({"a": None}, {}),
        (Int64(2**53), Int64(2**53 + 1)),
        ("é", "e\u0301"),
    ],
)
def test_bson_values_that_differ(one: Any, other: Any) -> None:
    """Types count, and so do array order, zero's sign, missing and null, and composed letters."""
    assert not same_bson(one, other)
    assert not same_bson([{"x": one}], [{"x": other}])


def test_every_nan_is_the_same() -> None:
    """NaNs are equal whatever their payload, in arrays and objects, too."""
    plain, payload = (
        b"\x10\0\0\0\x01v\0" + bits + b"\0" for bits in (b"\0\0\0\0\0\0\xf8\x7f", b"\1\0\0\0\0\0\xf8\xff")
    )
    assert plain != payload
    assert same_document(plain, payload, BSON)
    assert same_bson([math.nan], [-math.nan])
    assert not same_bson(math.nan, math.inf)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("100", "1e2"),
        ("1E+2", "1.00e2"),
        ("0", "-0.0"),
        ("0e7", "0.000"),
        ("1.10", "1.1"),
        ("-0.05", "-5e-2"),
        ("123456789012345678901234567890", "1.2345678901234567890123456789e29"),
        ("1e99999999999999999999", "10e99999999999999999998"),
        ('"\\u00e9"', '"é"'),
        ('{"a":1,"b":[2]}', ' { "b" : [ 2.0 ] , "a" : 1 } '),
    ],
)
def test_json_values_that_are_the_same(one: str, other: str) -> None:
    """Numbers are equal by value, texts by characters, objects regardless of order and white space."""
    assert same_json(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9007199254740992", "9007199254740993"),
        ("0.1", "0.1000000000000000055511151231257827"),
        ("1", "-1"),
        ("1", '"1"'),
        ("1", '"\\u0000number 1e0"'),
        ("1", '[null,"1e0"]'),
        ("1", "true"),
        ("0", "null"),
        ("[1,2]", "[2,1]"),
        ("[]", "{}"),
        ('""', "null"),
        ("1e1", "1e10"),
    ],
)
def test_json_values_that_differ(one: str, other: str) -> None:
    """No float merges two numbers, and no text is taken as a number."""
    assert not same_json(one, other)


@given(st.dictionaries(TEXT, JSON_VALUES, max_size=4))
def test_json_survives_decoding(document: dict[str, Any]) -> None:
    """A decoded and encoded document means the same, and so does one that another library wrote."""
    data = encode(document, JSON)
    assert same_document(encode(decode(data, JSON), JSON), data, JSON)
    assert same_document(json.dumps(reordered(document), indent=1).encode(), data, JSON)


@given(VALUES)
def test_ids_of_every_type_round_trip(value: Any) -> None:
    """An id keeps its bytes and type through decoding, and `id_of` finds exactly these in the document."""
    part = encode_id(value)
    again = encode_id(decode_id(part))
    assert (again.type, id_key([again])) == (part.type, id_key([part]))
    data = bson.encode({"before": 1, "_id": value, "after": {"_id": 2}})
    [found] = id_of(data, BSON)
    assert (found.data, found.type, found.name) == (part.data, part.type, "_id")
    assert encode_id(bson.decode(data, documents.CODEC_OPTIONS)["_id"]).type == found.type


@pytest.mark.parametrize(
    ("value", "type_code", "data"),
    [
        (1.5, 1, struct.pack("<d", 1.5)),
        ("ä", 2, b"\x03\0\0\0\xc3\xa4\0"),
        ({"a": 1}, 3, bson.encode({"a": 1})),
        (b"ab", 5, b"\x02\0\0\0\0ab"),
        (ObjectId("00112233445566778899aabb"), 7, bytes.fromhex("00112233445566778899aabb")),
        (True, 8, b"\x01"),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 9, struct.pack("<q", 1000)),
        (5, 16, struct.pack("<i", 5)),
        (Int64(5), 18, struct.pack("<q", 5)),
        (2**40, 18, struct.pack("<q", 2**40)),
        (Decimal128("5"), 19, Decimal128("5").bid),
    ],
)
def test_id_bytes(value: Any, type_code: int, data: bytes) -> None:
    """On the wire, an id is only the BSON value, with its type code."""
    assert encode_id(value) == BsonValue(data=data, type=type_code, name="_id")


def test_ids_that_look_alike_have_different_keys() -> None:
    """5, 5 as int64, 5.0, "5" and the like are different ids, and so are lists of parts that join to the same bytes."""
    values: list[Any] = [5, Int64(5), 5.0, "5", Decimal128("5"), Decimal128("5.0"), b"5", True, {"a": 5}, [5], None, ""]
    ids = [[encode_id(value)] for value in values]
    ids += [[], [encode_id("a"), encode_id("b")], [encode_id("b"), encode_id("a")], [encode_id("ab")]]
    keys = [id_key(parts) for parts in ids]
    assert len(set(keys)) == len(keys)
    assert id_key([encode_id(5, "_id")]) == id_key([encode_id(5, "id")])
    assert id_key([encode_id({"a": 1, "b": 2})]) == id_key([encode_id({"b": 2, "a": 1})])


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b'{"id":5}', Int64(5)), (b'{"id":5.0}', 5.0), (b'{"id":"5"}', "5"), (b'{"x":1,"id":true}', True)],
)
def test_json_ids(data: bytes, expected: Any) -> None:
    """A JSON id is a value named `id`; whole numbers are int64, whatever their size."""
    assert id_of(data, JSON) == [encode_id(expected, "id")]


def test_json_ids_beyond_64_bits() -> None:
    """Each whole number is another id: beyond an int64 it is a decimal, which is as exact."""
    numbers = [2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]
    ids = [id_of(b'{"id":%d}' % number, JSON) for number in numbers]
    assert [int(str(decode_id(part))) for (part,) in ids] == numbers


@pytest.mark.parametrize(
    ("data", "data_type", "message"),
    [
        (bson.encode({"id": 1}), BSON, "no _id"),
        (b'{"_id":1}', JSON, "no id"),
        (b'{"id":null}', JSON, "no id"),
        (b"[1]", JSON, "not a JSON object but list"),
        (b"{}", DATA_TYPE_UNKNOWN, r"unsupported data type 0: expected MONGO_BSON \(1\) or JSON_ID \(2\)"),
    ],
)
def test_documents_without_an_id(data: bytes, data_type: DataType, message: str) -> None:
    """A document without an id of its type is refused, and the message says what is missing."""
    with pytest.raises(InvalidArgument, match=message):
        id_of(data, data_type)


@pytest.mark.parametrize("text", ["abc", "5", "", "a longer text of many characters", "ä"])
def test_raw_text_is_not_an_id(text: str) -> None:
    """A text's plain UTF-8 in `data`, the most common mistake, is refused with its bytes shown."""
    with pytest.raises(InvalidArgument, match="the id's data"):
        decode_id(BsonValue(data=text.encode(), type=2))


@given(st.binary(max_size=24), st.integers(0, 300))
def test_any_bytes_as_id(data: bytes, type_code: int) -> None:
    """Any bytes as an id are either a value of their type or INVALID_ARGUMENT."""
    part = BsonValue(data=data, type=type_code)
    try:
        value = decode_id(part)
    except InvalidArgument:
        pass
    else:
        # Types that BSON has given up come back as what took their place.
        assert encode_id(value).type == type_code or type_code in (6, 12, 14)
    try:
        id_key([part])
    except InvalidArgument:
        return
    assert id_key([part]) == id_key([BsonValue(data=data, type=type_code, name="other")])


VALID = bson.encode(
    {
        "_id": ObjectId("0" * 24),
        "text": "ä",
        "list": [1, Int64(2), 3.0, {"in": [None]}],
        "binary": Binary(b"abc", 2),
        "regex": Regex("a", "i"),
        "code": Code("x", {"y": 1}),
        "decimal": Decimal128("1"),
        "time": Timestamp(1, 2),
    }
)


@pytest.mark.parametrize("size", range(len(VALID)))
def test_truncated_bson(size: int) -> None:
    """A BSON document truncated anywhere, with its length corrected or not, is INVALID_ARGUMENT for every function."""
    cut = VALID[:size]
    mended = struct.pack("<i", size) + cut[4:] if size >= 4 else cut
    for data in (cut, mended):
        with pytest.raises(InvalidArgument):
            decode(data, BSON)
        with pytest.raises(InvalidArgument):
            canonical(data, BSON)
    with pytest.raises(InvalidArgument):
        id_of(cut, BSON)


@given(st.binary(max_size=40), st.sampled_from([BSON, JSON]))
def test_random_bytes(data: bytes, data_type: DataType) -> None:
    """Any bytes are a document or INVALID_ARGUMENT: no other exception escapes."""
    for read in (decode, canonical, id_of):
        with suppress(InvalidArgument):
            read(data, data_type)


@given(st.integers(0, len(VALID) - 1), st.integers(0, 255))
def test_one_wrong_byte(position: int, byte: int) -> None:
    """A document with one byte changed is a document or INVALID_ARGUMENT; `canonical` reads all that `decode` does."""
    data = VALID[:position] + bytes([byte]) + VALID[position + 1 :]
    for read in (canonical, id_of):
        with suppress(InvalidArgument):
            read(data, BSON)
    try:
        decode(data, BSON)
    except InvalidArgument:
        return
    canonical(data, BSON)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b'"id"',
        b'{"id":1}x',
        b"{'id':1}",
        b'{"id":NaN}',
        b'{"id":-Infinity}',
        b'{"id":"\xff"}',
        b'\xef\xbb\xbf{"id":1}',
        '{"id":1}'.encode("utf-16"),
        b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_malformed_json(data: bytes) -> None:
    """Everything except a JSON object in UTF-8 is refused by all readers alike."""
    for read in (decode, canonical, id_of):
        with pytest.raises(InvalidArgument, match="JSON"):
            read(data, JSON)


def test_deep_documents() -> None:
    """100 levels, MongoDB's limit, are read; 20,000 are refused without a crash."""
    deep, bottomless = b"\x05\0\0\0\0", b"\x05\0\0\0\0"
    for level in range(20_000):
        bottomless = struct.pack("<i", len(bottomless) + 8) + b"\x03a\0" + bottomless + b"\0"
        if level < 100:
            deep = bottomless
    assert canonical(deep, BSON) == deep
    for read in (decode, canonical):
        with pytest.raises(InvalidArgument, match="recursion"):
            read(bottomless, BSON)


CIRCULAR: dict[str, Any] = {}
CIRCULAR["self"] = CIRCULAR


@pytest.mark.parametrize(
    ("document", "data_type"),
    [
        ({"_id": 2**64}, BSON),
        ({"_id": object()}, BSON),
        ({1: 1}, BSON),
        ({"a\0b": 1}, BSON),
        ({"_id": "\ud800"}, BSON),
        (CIRCULAR, BSON),
        ({"id": math.nan}, JSON),
        ({"id": 1, "deep": [{"x": math.inf}]}, JSON),
        ({"id": b"bytes"}, JSON),
        ({"id": 2**70}, JSON),
        ({"id": "\ud800"}, JSON),
        (CIRCULAR, JSON),
        ({"id": 1}, DATA_TYPE_UNKNOWN),
    ],
)
def test_what_cannot_be_encoded(document: dict[str, Any], data_type: DataType) -> None:
    """A value that the type cannot hold is refused, never replaced by null or cut."""
    with pytest.raises(InvalidArgument, match=r"cannot be encoded|unsupported data type"):
        encode(document, data_type)


@pytest.mark.parametrize("data_type", [BSON, JSON])
@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"a": 1, "total": Decimal(1)}, "total"),
        ({"a": 1, "lines": [{"price": 1}, {"price": Decimal(1)}]}, "lines[1].price"),
        ({"a": {1: "x"}}, "a.1"),
    ],
)
def test_what_cannot_be_encoded_is_named(document: dict[str, Any], field: str, data_type: DataType) -> None:
    """The message says which field holds the value, inside documents and arrays, too."""
    with pytest.raises(InvalidArgument) as raised:
        encode(document, data_type)
    assert f"the field {field!r} cannot be encoded" in raised.value.message


@pytest.mark.parametrize("value", [2**64, object(), "\ud800", CIRCULAR])
def test_what_cannot_be_an_id(value: Any) -> None:
    """A value that BSON cannot hold is refused as an id."""
    with pytest.raises(InvalidArgument, match="cannot be an id"):
        encode_id(value)


def test_null_is_encoded() -> None:
    """An intended null stays null."""
    assert encode({"id": 1, "x": None, "null": "null"}, JSON) == b'{"id":1,"x":null,"null":"null"}'


@given(st.lists(st.binary(max_size=20), max_size=30), st.integers(1, 5), st.integers(1, 40))
def test_batches(items: list[bytes], max_items: int, max_bytes: int) -> None:
    """Pages keep all documents in order and both limits; only a document that is too large exceeds one, alone."""
    pages = list(documents.batches(items, max_items=max_items, max_bytes=max_bytes))
    assert [item for page in pages for item in page] == items
    assert all(pages)
    assert all(len(page) <= max_items for page in pages)
    assert all(sum(map(len, page)) <= max_bytes or len(page) == 1 for page in pages)
    # A page ends only where the next document would not fit.
    for page, following in pairwise(pages):
        assert len(page) == max_items or sum(map(len, page)) + len(following[0]) > max_bytes


@pytest.mark.parametrize(
    "data", [b'{"id": "a", "n": 1e400}', rb'{"id": "a", "half": "\ud800"}', b'{"id": "a", "n": -1E-999}']
)
def test_json_of_values_that_no_double_or_text_holds_is_json(data: bytes) -> None:
    """RFC 8259 does not limit numbers, and allows escapes of lone surrogates: such a document has its id."""
    assert decode(data, JSON)["id"] == "a"
    assert same_document(data, data.replace(b": ", b":"), JSON)
