"""What a failure says about confused ids."""

from typing import Any

import pytest
from bson import Binary, Int64, ObjectId

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.documents.strategies import update
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.verdicts.diagnosis import blame_deletes_of_others
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import encode
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, RPCS, UPDATE_TYPE_DELETE, WriteUpdatesRequest

WRITE_UPDATES = next(rpc for rpc in RPCS if rpc.name == "WriteUpdates")


def _hint(written: list[Any], listed: list[Any]) -> str:
    """The hint of a failure in which documents with these ids were written, and those were listed."""
    pages = [[encode({"_id": value}, DATA_TYPE_MONGO_BSON) for value in values] for values in (written, listed)]
    with pytest.raises(Violation) as caught:
        Model(DATA_TYPE_MONGO_BSON, pages[0]).check(pages[1])
    return caught.value.hint


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ("a", "A", "upper and lower case"),
        ("a", "a ", "leading or trailing spaces"),
        ("\u00e9", "e\u0301", "the way their characters are composed"),
        ("a\0b", "a\0c", "the text after a NUL"),
        ("a.b", "a/b", "characters that are not letters"),
        ("k" * 40 + "1", "k" * 40 + "2", "the text after their first 40 characters"),
        (5, "5", "type"),
        (True, 1, "type"),
        (ObjectId("64736e632d6b69742d696431"), "64736e632d6b69742d696431", "type"),
        (Binary(b"abc", 0), Binary(b"abc", 128), "subtype"),
        (Int64(2**53), Int64(2**53 + 1), "digits that a double cannot hold"),
    ],
)
def test_of_two_ids_that_became_one_it_says_in_what_they_differ(one: Any, other: Any, difference: str) -> None:
    """One of the two is there and the other is not: the store does not tell them apart."""
    assert _hint([one, other], [other]).endswith(f"are treated as one id, but differ in {difference}")


def test_an_id_that_came_back_as_another_is_named_with_both() -> None:
    """Nothing is merged, but an id lost its type."""
    assert _hint([5], ["5"]) == "the id 5 has become '5', which differs in type"


@pytest.mark.parametrize(("written", "listed"), [(["a", "b"], ["a"]), ([], ["a"]), (["short", "shore"], ["shore"])])
def test_ids_that_nobody_takes_for_one_say_nothing(written: list[Any], listed: list[Any]) -> None:
    """For a document that is merely lost, the rule's own hint is enough."""
    assert not _hint(written, listed)


def _lost(identifier: str, deleted: str) -> Violation:
    """The violation if a document is lost after the DELETE of another id."""
    with pytest.raises(Violation) as caught:
        Model(DATA_TYPE_MONGO_BSON, [encode({"_id": identifier}, DATA_TYPE_MONGO_BSON)]).check([])
    removal = update(UPDATE_TYPE_DELETE, deleted, b"", DATA_TYPE_MONGO_BSON)
    request = WriteUpdatesRequest(namespace="n", updates=[removal], type=DATA_TYPE_MONGO_BSON)
    blame_deletes_of_others(caught.value, [Call(WRITE_UPDATES, request)])
    return caught.value


def test_a_document_lost_with_the_delete_of_a_similar_id_was_confused_with_it() -> None:
    """DELETE 'a' removes 'A': the failure rests on ids that are told apart, and says so."""
    found = _lost("A", "a")
    assert Evidence.IDS in found.rests_on
    assert found.hint == "'A' and 'a' are treated as one id, but differ in upper and lower case"
    assert Evidence.IDS not in _lost("A", "b").rests_on


def test_a_document_that_was_deleted_itself_was_confused_with_no_other() -> None:
    """It may not have come back after its own DELETE."""
    found = _lost("a", "a")
    assert Evidence.IDS not in found.rests_on
    assert not found.hint
