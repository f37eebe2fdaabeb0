"""A document converted to the other data type keeps its id and contents, or is refused."""

import bson
import pytest
from bson import Int64, ObjectId

from dsync_kit.conversion import convert
from dsync_kit.documents import same_document
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID


def test_the_id_changes_its_name_in_both_directions():
    """`id` becomes `_id`, and `_id` becomes `id`; the other fields stay."""
    assert bson.decode(convert(b'{"id": "a", "n": 5}', JSON, BSON)) == {"_id": "a", "n": 5}
    assert same_document(convert(bson.encode({"_id": "a", "n": 5}), BSON, JSON), b'{"id": "a", "n": 5}', JSON)


def test_both_ids_exchange_their_names_where_that_is_asked_for():
    """A document with `id` and `_id` is refused by default; with `exchange`, it survives the round trip."""
    document = b'{"_id": 1, "id": "a", "n": 5}'
    exchanged = convert(document, JSON, BSON, exchange=True)
    assert bson.decode(exchanged) == {"_id": "a", "id": 1, "n": 5}
    assert same_document(convert(exchanged, BSON, JSON, exchange=True), document, JSON)


def test_json_survives_the_way_to_bson_and_back():
    """JSON values within 64 bits come back from BSON unchanged."""
    document = b'{"id": "a", "big": 9007199254740993, "f": 0.1, "l": [null, true, {"x": ""}]}'
    assert same_document(convert(convert(document, JSON, BSON), BSON, JSON), document, JSON)


def test_bson_without_a_form_in_json_becomes_an_object():
    """An ObjectId becomes an object with its hexadecimal digits, so that it never looks like a text."""
    document = bson.encode({"_id": ObjectId("64736e632d6b69742d696431"), "n": Int64(2)})
    expected = b'{"id": {"$oid": "64736e632d6b69742d696431"}, "n": 2}'
    assert same_document(convert(document, BSON, JSON), expected, JSON)


@pytest.mark.parametrize(
    ("document", "data_type", "wanted"),
    [
        (b'{"id": "a", "_id": "b"}', JSON, BSON),
        (bson.encode({"_id": "a", "id": "b"}), BSON, JSON),
        (b'{"id": "a", "n": 18446744073709551616}', JSON, BSON),
        (b"no document", JSON, BSON),
        (b"no document", BSON, JSON),
    ],
)
def test_what_would_be_lost_is_refused(document, data_type, wanted):
    """Two ids, an integer that BSON cannot hold, and malformed documents are refused."""
    with pytest.raises(InvalidArgument):
        convert(document, data_type, wanted)
