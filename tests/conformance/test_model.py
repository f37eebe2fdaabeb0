"""The model of a namespace, and its messages about a listing that differs."""

import bson
import pytest

from dsync_kit.conformance.documents.strategies import BSON, JSON, make_document, update
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE


def _documents(*numbers: int) -> list[bytes]:
    return [make_document(f"id{number}", {"n": number}, BSON) for number in numbers]


def test_a_listing_in_another_field_order_is_the_same():
    """Field order makes no difference, at any level."""
    written = bson.encode({"_id": "a", "x": 1, "y": {"p": 1, "q": 2}})
    listed = bson.encode({"y": {"q": 2, "p": 1}, "x": 1, "_id": "a"})
    Model(BSON, [written]).check([listed])


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (_documents(1), "1 missing"),
        (_documents(1, 2, 3), "1 extra"),
        ([_documents(1)[0], make_document("id2", {"n": 3}, BSON)], "1 changed"),
        ([_documents(1)[0], make_document("id2", {"n": bson.Int64(2)}, BSON)], "1 changed"),
    ],
)
def test_a_listing_that_differs_is_a_violation(listed, said):
    """A document that is missing, unexpected, changed, or of another number type is named."""
    with pytest.raises(Violation, match=said):
        Model(BSON, _documents(1, 2)).check(listed)


def test_an_id_that_is_listed_twice_belongs_to_its_own_rule():
    """A duplicate is a violation of list/ids-unique, whichever rule notices it."""
    with pytest.raises(Violation) as caught:
        by_id(_documents(1, 1), BSON)
    assert caught.value.owner == "list/ids-unique"


def test_what_is_not_a_document_belongs_to_its_own_rule():
    """A listed document without an id is a violation of list/type, whichever rule notices it."""
    with pytest.raises(Violation) as caught:
        Model(JSON).check([b'{"name": "x"}'])
    assert caught.value.owner == "list/type"


def test_the_model_applies_updates_in_their_order():
    """Inserts and updates replace, deletes remove, and the last update of an id wins."""
    model = Model(BSON, _documents(1, 2))
    changed = make_document("id1", {"n": 9}, BSON)
    model.apply(
        [
            update(UPDATE_TYPE_DELETE, "id1", b"", BSON),
            update(UPDATE_TYPE_INSERT, "id1", changed, BSON),
            update(UPDATE_TYPE_UPDATE, "id3", _documents(3)[0].replace(b"x", b"x"), BSON),
            update(UPDATE_TYPE_DELETE, "id2", b"", BSON),
        ]
    )
    model.check([changed, *_documents(3)])
