"""A document that is another version, and not a converted one, is no failure of the rule about its values."""

from typing import Any

import pytest

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.documents.strategies import BSON, make_document
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.conformance.verdicts.versions import blame_no_value
from dsync_kit.protocol import RPCS, WriteDataRequest

WRITE = next(rpc for rpc in RPCS if rpc.name == "WriteData")


def page(*documents: bytes) -> Call:
    return Call(WRITE, WriteDataRequest(namespace="n", data=documents, type=BSON))


def judged(written: Any, listed: Any, *calls: Call) -> Violation:
    with pytest.raises(Violation) as caught:
        Model(BSON, [make_document("a", {"v": written}, BSON)]).check([make_document("a", {"v": listed}, BSON)])
    blame_no_value(caught.value, calls)
    return caught.value


def test_a_version_that_was_sent_elsewhere_is_not_a_changed_value() -> None:
    """Two namespaces are one: the other one's document is listed, and no text was changed."""
    sent = [page(make_document("a", {"v": text}, BSON)) for text in ("here", "there")]
    found = judged("here", "there", *sent)
    assert (found.owner, found.suspect) == ("", "encoding/bson-text")


def test_a_value_that_nobody_sent_was_changed() -> None:
    """The same text under another id, or what is not a document, does not explain the change."""
    sent = page(make_document("a", {"v": " here"}, BSON), make_document("b", {"v": "here"}, BSON), b"odd")
    assert judged(" here", "here", sent).owner == "encoding/bson-text"


def test_the_description_goes_with_the_owner() -> None:
    """The hint must not say that a number became a text if the text was written, too."""
    calls = [page(make_document("a", {"v": value}, BSON)) for value in (5, "five")]
    assert judged(5, "five", calls[0]).hint == "v: int comes back as string (the value is stored as text)"
    assert judged(5, "five", *calls).hint == ""
