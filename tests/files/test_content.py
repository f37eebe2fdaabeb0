"""Lines: a written document is read back, with the digest of its id."""

import json

import bson
import pytest
from bson import json_util
from hypothesis import given
from hypothesis import strategies as st

from dsync_kit.documents import id_of, same_document
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.extended import from_extended, to_extended
from dsync_kit.files.content.lines import delete_line, document_line, document_lines, document_of, read_line
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20),
    st.builds(bson.ObjectId, st.binary(min_size=12, max_size=12)),
    st.datetimes().map(lambda value: value.replace(microsecond=value.microsecond // 1000 * 1000)),
    st.builds(bson.Binary, st.binary(max_size=5), st.integers(0, 255)),
    st.builds(bson.Int64, st.integers(-(2**63), 2**63 - 1)),
)
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.sampled_from(["$oid", "$bson", "$x"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@given(value=VALUES)
def test_extended_json_is_the_canonical_one(value: object) -> None:
    """Where there is any for a document: any reader of it gets the document, and so do we."""
    document = bson.encode({"_id": 1, "v": value})
    text = to_extended(document)
    if text is not None:
        assert b"\n" not in text
        assert same_document(from_extended(text), document, BSON)
        options = json_util.CANONICAL_JSON_OPTIONS
        reread = bson.encode(json_util.loads(text, json_options=options))
        assert same_document(reread, document, BSON)


@given(value=VALUES)
def test_a_line_is_its_document(value: object) -> None:
    """Also where Extended JSON has no form for it; its digest can be worked out from the line."""
    document = bson.encode({"_id": 1, "v": value})
    line = document_line(document, BSON)
    assert same_document(document_of(line.text, BSON), document, BSON)
    assert read_line(line.text, BSON) == line


@pytest.mark.parametrize(
    ("document", "data_type"),
    [
        (b'{"id": "a", "$deleted": true}', JSON),
        (b'{"id": 1, "$json": "{}"}', JSON),
        (b'{"\\u0069d": "b", "\\u0024deleted": true}', JSON),
        (bson.encode({"_id": 1, "$deleted": True}), BSON),
        (bson.encode({"_id": 1, "$bson": "AAAA"}), BSON),
    ],
)
def test_a_document_that_looks_like_a_delete_is_none(document: bytes, data_type: DataType) -> None:
    """It is wrapped, and comes back as it was."""
    line = document_line(document, data_type)
    assert not line.deleted
    assert read_line(line.text, data_type) == line
    assert document_of(line.text, data_type) == document


PAGES = {
    "short strings": [
        b'{"id":"a"}',
        b'{"id":"\xc3\xa9"}',
        b'{"id":"a\\u0000"}',
        b'{"x":1,"id":"b"}',
        b'{"id":"a","v":2}',
    ],
    "long strings": [b'{"id":"%d"}' % 10**length for length in (12, 13, 14, 30)],
    "numbers": [b'{"id":7}', b'{"id":"7"}', b'{"id":7.5}', b'{"id":true}', b'{"id":7.0,"v":2}'],
    "an escaped field of ours": [b'{"id":"a","\\u0024deleted":true}', b'{"id":"b"}'],
    "a line break": [b'{"id":"a",\n"v":1}', b'{"id":"b",\r"v":1}', b'{"id":"c"}\n'],
    "nothing": [],
}


@pytest.mark.parametrize("documents", PAGES.values(), ids=PAGES)
def test_a_page_has_the_lines_of_its_documents(documents: list[bytes]) -> None:
    """The last one of each id, with their digests; joined, each has its end."""
    expected = {line.digest: line.text for line in (document_line(document, JSON) for document in documents)}
    lines = document_lines(documents, JSON)
    assert lines.texts == expected
    assert lines.joined(list(expected)) == b"".join(text + b"\n" for text in expected.values())
    assert lines.size == sum(len(text) + 1 for text in expected.values())


@pytest.mark.parametrize("value", ["a", "é\n", 5, 2.5, True, -(2**63)])
@pytest.mark.parametrize("data_type", [BSON, JSON])
def test_a_delete_has_the_digest_of_its_document(value: object, data_type: DataType) -> None:
    """And says so to every reader."""
    document = bson.encode({"_id": value}) if data_type == BSON else json.dumps({"id": value}).encode()
    line = delete_line(id_of(document, data_type)[0], data_type)
    assert line.digest == document_line(document, data_type).digest
    assert read_line(line.text, data_type) == line
    assert line.text.endswith(b',"$deleted":true}')


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"$oid": 5}', b'{"a": {"$numberInt": "x"}}', b'{"a": {"$date": []}}']
)
def test_what_is_not_extended_json_is_refused(text: bytes) -> None:
    """With the usual error."""
    with pytest.raises(InvalidArgument, match="not"):
        from_extended(text)
