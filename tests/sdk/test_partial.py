"""Partial updates keep all other fields byte for byte."""

import bson
import pytest

from dsync_kit.documents import decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID


def test_bson_fields_are_set_and_removed() -> None:
    """A field that is both removed and set is set."""
    document = bson.encode({"_id": 1, "a": 1, "b": 2, "c": 3})
    found = apply_partial_update(document, bson.encode({"b": [1], "c": 4, "d": None}), ["a", "c", "x"], BSON)
    assert decode(found, BSON) == {"_id": 1, "b": [1], "c": 4, "d": None}


def test_json_fields_are_set_and_removed() -> None:
    document = b' { "id" : 1 , "a" : [ 1 , {} ] , "b\\u00e9" : "," , "c" : "}" } '
    found = apply_partial_update(document, '{"c": true, "ü": {}}'.encode(), ["bé"], JSON)
    assert decode(found, JSON) == {"id": 1, "a": [1, {}], "c": True, "ü": {}}


def test_what_python_cannot_hold_is_kept() -> None:
    """Deprecated BSON types, and JSON numbers beyond 64 bits, are unchanged."""
    symbol = b"\x0es\0\x02\0\0\0x\0"
    undefined = b"\x06u\0"
    body = bson.encode({"_id": 1})[4:-1] + symbol + undefined
    document = (len(body) + 5).to_bytes(4, "little") + body + b"\0"
    assert symbol + undefined in apply_partial_update(document, bson.encode({"a": 1}), [], BSON)
    digits = "9" * 300
    document = f'{{"id":1,"big":{digits},"small":0.10000000000000000000001}}'.encode()
    found = apply_partial_update(document, b"", ["id"], JSON)
    assert found == f'{{"big":{digits},"small":0.10000000000000000000001}}'.encode()


@pytest.mark.parametrize(("data_type", "empty"), [(BSON, b"\x05\0\0\0\0"), (JSON, b"{}")])
def test_the_empty_document_stays_a_document(data_type: DataType, empty: bytes) -> None:
    assert apply_partial_update(empty, b"", [], data_type) == empty
    assert apply_partial_update(empty, empty, ["a"], data_type) == empty


@pytest.mark.parametrize("data_type", [BSON, JSON])
def test_nested_names_are_refused(data_type: DataType) -> None:
    document, changes = (bson.encode({}), bson.encode({"a.b": 1})) if data_type == BSON else (b"{}", b'{"a.b": 1}')
    with pytest.raises(InvalidArgument, match=r"nested field 'a\.b'"):
        apply_partial_update(document, changes, [], data_type)
    with pytest.raises(InvalidArgument, match=r"nested field 'c\.d'"):
        apply_partial_update(document, b"", ["c.d"], data_type)


@pytest.mark.parametrize("data_type", [BSON, JSON])
def test_malformed_changes_are_refused(data_type: DataType) -> None:
    document = b"\x05\0\0\0\0" if data_type == BSON else b"{}"
    with pytest.raises(InvalidArgument, match="not a"):
        apply_partial_update(document, b"garbage", [], data_type)
