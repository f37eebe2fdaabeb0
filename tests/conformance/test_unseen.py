"""Writes that listings may not show yet: they are seen as soon as a listing proves it, else after the whole lag."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import pytest

from dsync_kit.conformance.calls.unseen import Unseen
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.documents import encode, encode_id
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    Update,
    UpdateType,
    WriteDataRequest,
    WriteUpdatesRequest,
)

BSON = DATA_TYPE_MONGO_BSON
LAG = 30.0
A1, A2, B1 = (encode({"_id": one, "n": number}, BSON) for one, number in (("a", 1), ("a", 2), ("b", 1)))
A, B = (document_key(document, BSON) for document in (A1, B1))


class Store:
    """A store with a namespace `ns`; `listings` are what it lists, one after another, the last again and again."""

    def __init__(self, *listings: Sequence[bytes], offered: Sequence[str] = ()) -> None:
        *first, last = listings or ((),)
        self._listings: Iterator[Sequence[bytes]] = iter([*first, *repeat(last, 99)])
        self.unseen = Unseen(self._read, offered)

    def _read(self, _namespace: str, _data_type: object) -> Iterable[bytes]:
        return next(self._listings)

    def write(self, *documents: bytes, done: bool = True) -> None:
        """Write a page."""
        self.unseen.begins()
        self.unseen.ended(WriteDataRequest(namespace="ns", type=BSON, data=documents), done=done)

    def update(self, kind: UpdateType, identifier: str = "a") -> None:
        """Write an update without a document."""
        updates = [Update(type=kind, id=[encode_id(identifier)])]
        self.unseen.begins()
        self.unseen.ended(WriteUpdatesRequest(namespace="ns", type=BSON, updates=updates), done=True)

    @property
    def all_seen(self) -> bool:
        """Whether its listings prove that everything is visible."""
        return self.unseen.all_seen(LAG)


def test_a_new_document_is_seen_when_it_is_listed() -> None:
    """Each id counts: a store may show some writes later than others."""
    store = Store([], [A1], [A1, B1])
    store.write(A1, B1)
    assert [store.all_seen, store.all_seen, store.all_seen] == [False, False, True]


def test_a_removed_document_is_seen_to_go() -> None:
    """A removal is visible when the document is not listed any more."""
    store = Store([A1], [A1], [A1], [])
    store.write(A1)
    assert store.all_seen
    store.update(UPDATE_TYPE_DELETE)
    assert [store.all_seen, store.all_seen] == [False, True]


def test_a_new_version_is_seen_when_it_is_listed() -> None:
    """The version before it proves nothing."""
    store = Store([A1], [A1], [A1], [A2])
    store.write(A1)
    assert store.all_seen
    store.write(A2)
    assert [store.all_seen, store.all_seen] == [False, True]


def test_a_listing_that_may_be_the_one_before_proves_nothing() -> None:
    """The document was removed and written again as it was, or written and removed: nobody sees which of both it is."""
    again = Store([A1])
    again.write(A1)
    assert again.all_seen
    again.update(UPDATE_TYPE_DELETE)
    again.write(A1)
    gone = Store([])
    gone.write(A1)
    gone.update(UPDATE_TYPE_DELETE)
    assert (again.all_seen, gone.all_seen) == (False, False)


def test_writes_with_an_unknown_result_are_not_seen() -> None:
    """A refused page may have been kept in part, and nobody knows what a partial update leads to."""
    refused, partial = Store([A1]), Store([A1])
    refused.write(A1, done=False)
    partial.write(A1)
    partial.update(UPDATE_TYPE_PARTIAL_UPDATE)
    assert (refused.all_seen, partial.all_seen) == (False, False)


def test_writes_at_the_same_time_are_not_seen() -> None:
    """Nobody knows which of them is the last."""
    store = Store([A1])
    store.unseen.begins()
    store.write(A1)
    store.unseen.ended(WriteDataRequest(namespace="ns", type=BSON, data=[A1]), done=True)
    assert not store.all_seen


def test_what_is_listed_once_may_be_missing_in_the_next_listing() -> None:
    """It may come from another replica, so two listings in a row must have it."""
    store = Store([A1], [], [A1], [A1])
    store.write(A1)
    assert [store.all_seen, store.all_seen] == [False, True]


def test_in_an_offered_namespace_the_document_may_have_been_there_before() -> None:
    """Until a listing has shown what is there, a listed document need not be the one that was written."""
    unknown, known = Store([A2], offered=["ns"]), Store([A1], [A2], offered=["ns"])
    known.unseen.noted("ns", BSON, {A: A1})
    for store in (unknown, known):
        store.write(A2)
    assert (unknown.all_seen, known.all_seen, known.all_seen) == (False, False, True)


def test_after_the_whole_lag_everything_counts_as_visible() -> None:
    """Even what no listing shows: the rules will report it."""
    store = Store([])
    store.write(A1)
    assert store.unseen.all_seen(-1.0)


def test_removed_documents_are_known_once_a_removal_was_seen() -> None:
    """They may still be listed, and are no others' documents. Other unseen writes are to be waited for."""
    store = Store([A1], [A1], [], [], [B1])
    store.write(A1)
    assert store.all_seen
    store.update(UPDATE_TYPE_DELETE)
    assert store.unseen.removed("ns", BSON, LAG) is None
    assert store.all_seen
    store.write(B1)
    assert store.unseen.removed("ns", BSON, LAG) is None
    store.update(UPDATE_TYPE_DELETE, "b")
    assert store.unseen.removed("ns", BSON, LAG) == {B}


def test_a_store_that_keeps_a_removed_document_is_waited_for() -> None:
    """Its documents must count as there before, or each further example would fail."""
    store = Store([A1], [A1], [], [], offered=["ns"])
    store.unseen.noted("ns", BSON, {})
    store.write(A1)
    assert store.all_seen
    store.update(UPDATE_TYPE_DELETE)
    assert store.all_seen
    store.unseen.noted("ns", BSON, {})
    assert store.unseen.removed("ns", BSON, LAG) == set()
    store.unseen.noted("ns", BSON, {A: A1})
    assert store.unseen.removed("ns", BSON, LAG) is None


def test_a_namespace_that_was_forgotten_may_hold_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds is not kept for ever: then a listed document need not be the one that was written."""
    monkeypatch.setattr("dsync_kit.conformance.calls.unseen._PLACES", 0)
    store = Store([A1])
    store.write(A1)
    assert store.all_seen
    store.write(A1)
    assert not store.all_seen


def test_many_unseen_writes_are_not_listed_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing them would take longer than waiting."""
    monkeypatch.setattr("dsync_kit.conformance.calls.unseen._MOST", 1)
    store = Store([A1, B1])
    store.write(A1, B1)
    assert not store.all_seen
