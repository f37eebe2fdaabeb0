"""What only the wrong documents of an example have in common."""

from collections.abc import Sequence
from typing import Any

import bson
import pytest

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.documents.strategies import BSON, update
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.verdicts.symptoms import symptoms_of
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError, InvalidArgument, Unavailable
from dsync_kit.protocol import (
    RPCS,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    GetByIdsRequest,
    GetByIdsResponse,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.protocol.names import kind_name

BY_NAME = {rpc.name: rpc for rpc in RPCS}
LARGE = "x" * (16 << 10)


def document(name: str, **fields: Any) -> bytes:
    return bson.encode({"_id": name, **fields})


def page(*documents: bytes, error: Any = None, instance: str = "") -> Call:
    request = WriteDataRequest(namespace="n", data=documents, type=BSON)
    return Call(BY_NAME["WriteData"], request, instance=instance, error=error)


def updates(kind: Any, *documents: bytes, error: Any = None) -> Call:
    made = [update(kind, bson.decode(one)["_id"], one, BSON) for one in documents]
    return Call(BY_NAME["WriteUpdates"], WriteUpdatesRequest(namespace="n", updates=made, type=BSON), error=error)


def missing(*documents: bytes) -> Violation:
    return Violation("odd", wrong=tuple(Wrong(one, None, BSON) for one in documents))


def shown(violation: Violation, *calls: Call) -> Sequence[str]:
    return tuple(symptom.text for symptom in symptoms_of(violation, calls))


def test_what_only_the_missing_documents_have_in_common() -> None:
    """A large document is lost beside a small one: size is the symptom, for any write and for this kind of write."""
    large = document("a", v=LARGE)
    assert shown(missing(large), page(large), page(document("b"))) == (
        "documents are missing after a WriteData of a large document",
        "documents are missing after a write of a large document",
    )


def test_what_right_documents_have_too_is_no_symptom() -> None:
    """Another large document is there: if the kind of write differs, only that kind with that size is a symptom."""
    lost, kept = document("a", v=LARGE), document("b", v=LARGE)
    assert shown(missing(lost), page(lost, kept)) == ()
    (only,) = shown(missing(lost), updates(UPDATE_TYPE_INSERT, lost), page(kept))
    assert only == f"documents are missing after a WriteUpdates {kind_name(UPDATE_TYPE_INSERT)} of a large document"


def test_the_limit_may_be_anywhere() -> None:
    """Both documents are large, and the larger one is lost: a limit lies between the two."""
    lost, kept = document("a", v=2 * LARGE), document("b", v=LARGE)
    assert "documents are missing after a write of a large document" in shown(missing(lost), page(kept), page(lost))
    assert shown(missing(kept), page(kept), page(lost)) == ()


def test_a_call_with_many_documents() -> None:
    """All documents of the longest call are lost."""
    lost = [document(f"a{number}") for number in range(100)]
    assert "documents are missing after a write in a call with many documents" in shown(
        missing(*lost), page(*lost), page(document("b"))
    )


def test_an_ordinary_write_shows_nothing() -> None:
    """Two failures in which a small document is missing need not be one bug."""
    assert shown(missing(document("a")), page(document("a"))) == ()


def test_wrong_documents_must_share_it() -> None:
    """One of two missing documents is small: their size is not what they have in common."""
    large, small = document("a", v=LARGE), document("b")
    assert shown(missing(large, small), page(large), page(small)) == ()


@pytest.mark.parametrize(("error", "found"), [(Unavailable("down"), 2), (InvalidArgument("bad"), 0)])
def test_a_write_that_was_refused_before(error: Any, found: int) -> None:
    """A DELETE that was refused with a retryable code and repeated has no effect; a final refusal is not repeated."""
    gone, kept = document("a"), document("b")
    still_there = Violation("odd", wrong=(Wrong(None, gone, BSON),))
    delete = updates(UPDATE_TYPE_DELETE, gone)
    calls = (page(gone, kept), updates(UPDATE_TYPE_DELETE, gone, error=error), delete)
    assert len(shown(still_there, *calls)) == found
    assert all("documents are still there after" in one for one in shown(still_there, *calls))


def test_a_write_by_another_instance() -> None:
    """The instance that wrote only the missing documents is named."""
    assert "documents are missing after a write by the second instance" in shown(
        missing(document("a")), page(document("a"), instance="second instance"), page(document("b"))
    )


def test_a_large_call_of_small_documents() -> None:
    """It is the call that is large, not a document; another large call must not be right."""
    lost = [document(f"a{number}", v="x" * 5000) for number in range(60)]
    assert "documents are missing after a write in a large call" in shown(missing(*lost), page(*lost))
    assert (
        shown(missing(*lost), page(*lost), page(*(document(f"b{number}", v="x" * 6000) for number in range(60)))) == ()
    )


def test_a_refused_call() -> None:
    """The RPC and the code are the symptom."""
    assert shown(Violation("odd", refusal="WriteData UNKNOWN")) == ("WriteData is refused with UNKNOWN",)


@pytest.mark.parametrize(
    ("text", "code", "symptom"),
    [
        (
            "not a cursor: b'[1]' of 17",
            InvalidArgument,
            "calls are refused with INVALID_ARGUMENT: not a cursor: … of …",
        ),
        ("no", InvalidArgument, None),
        ("no", Unavailable, "WriteData is refused with UNAVAILABLE"),
        ("the connector failed unexpectedly", ConnectorError, None),
    ],
)
def test_the_text_of_a_refusal(text: str, code: Any, symptom: str | None) -> None:
    """Any call may be refused for the same reason; short texts and unexpected exceptions say nothing."""
    refused = page(document("a"), error=code(text))
    found = shown(Violation("odd", seen=f"it answered {refused.error}"), refused)
    assert found == ((symptom,) if symptom else ())
    assert shown(Violation("odd", seen="something else"), refused) == ()


def test_a_value_or_an_id_of_another_kind() -> None:
    """A value that comes back as another kind, and an id that does, are the same conversion."""
    before, after = document("a", v=True), document("a", v=1)
    value = Violation("odd", wrong=(Wrong(before, after, BSON),))
    one, other = bson.encode({"_id": True}), bson.encode({"_id": 1})
    of_id = Violation("odd", wrong=(Wrong(one, None, BSON), Wrong(None, other, BSON)))
    assert shown(value) == shown(of_id) == ("bool comes back as int",)


def lookup(ids: Sequence[str], *items: bytes) -> Call:
    asked = [GetByIdsRequest.IdRequest(id=id_of(document(name), BSON)) for name in ids]
    answer = GetByIdsResponse(data=[GetByIdsResponse.ResponseItem(data=item) for item in items])
    return Call(BY_NAME["GetByIds"], GetByIdsRequest(namespace="n", ids=asked, type=BSON), responses=[answer])


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lookup("ab", document("a"), b""), ()),
        (lookup("ab", document("a")), ("GetByIds does not return as many items as ids",)),
        (
            lookup("ab", document("a"), document("c")),
            ("GetByIds returns documents of other ids than it was asked for",),
        ),
        (lookup("ab", b"", b""), ("GetByIds finds none of the documents that it is asked for",)),
        (lookup(""), ()),
    ],
)
def test_an_answer_of_get_by_ids(call: Call, found: Sequence[str]) -> None:
    """Items that do not fit their ids are wrong, whatever a rule asked for."""
    assert shown(Violation("odd"), call) == found


def test_documents_that_nobody_wrote() -> None:
    """Documents without a known write, and what is no document, show nothing."""
    assert shown(missing(document("a")), page(document("b"))) == ()
    assert shown(Violation("odd", wrong=(Wrong(b"x", None, BSON),)), page(b"x", document("b"))) == ()
