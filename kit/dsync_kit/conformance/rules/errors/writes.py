"""Bad documents, ids and updates get a final refusal, nothing is half done, and the next call works."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from dsync_kit.conformance.case.bad_input import BAD_INPUT, MORE_THAN_A_BATCH, expect_final, expect_refused
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.choosing import choice
from dsync_kit.conformance.documents.strategies import BSON, id_value, make_document, update
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import encode
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Update,
)
from dsync_kit.protocol.names import kind_name

__all__ = ["RULES"]

_READ = (Need.SINK, Need.READING)

_MALFORMED: dict[DataType, list[bytes]] = {
    strategies.BSON: [b"", b"not a document", b"\x05\x00\x00", b"\xff" * 24, b'{"_id": "x"}'],
    strategies.JSON: [b"", b"not a document", b'{"id": "x"', b"[]", b'"x"', b'{"id": "\xff"}', b"\x05\x00\x00\x00\x00"],
}

_LARGE_TEXT = "xyz " * 25_000
"""Quoted in a refusal, it exceeds what a status holds: the caller sees RESOURCE_EXHAUSTED, and retries in vain."""

_MESSAGE_BYTES = 4000
"""A status's text travels in the headers, of which callers accept 8 KiB in all."""


def _malformed(case: Case, data_type: DataType) -> bytes:
    """Bytes that are not a document of the type: garbage, a document cut short, or a bad one of 100 KB."""
    value = case.holding(data_type).sample_id()
    whole = case.document(value, {"a": "some text"}, data_type)
    cut = st.integers(1, len(whole) - 1).map(lambda size: whole[:size])
    large = make_document(value, {"a": _LARGE_TEXT}, data_type)[:-1]
    return case.draw(st.one_of(st.sampled_from(_MALFORMED[data_type]), cut, st.just(large)), "malformed document")


def _large(case: Case, data_type: DataType) -> bytes:
    """A document of 100 KB, which a store may refuse."""
    value = case.holding(data_type).sample_id()
    return case.document(value, {case.long_field(len(_LARGE_TEXT), data_type): _LARGE_TEXT}, data_type)


def _without_id(case: Case, data_type: DataType) -> bytes:
    other = "id" if data_type == BSON else "_id"
    known = [{"name": "x", other: "y"}, {"name": "x"}, {}, {"name": _LARGE_TEXT}]
    return encode(case.draw(st.sampled_from(known), "document without an id"), data_type)


def _refusal(case: Case, namespace: str, documents: list[bytes], data_type: DataType) -> ConnectorError | None:
    try:
        case.driver.write_data(namespace, documents, data_type)
    except ConnectorError as error:
        return error
    return None


def _update_refusal(
    case: Case, namespace: str, updates: Sequence[Update], data_type: DataType
) -> ConnectorError | None:
    try:
        case.driver.write_updates(namespace, updates, data_type)
    except ConnectorError as error:
        return error
    return None


def _expect_refused(case: Case, error: ConnectorError | None, what: str, *, must_refuse: bool) -> None:
    """Check the answer to bad input, which a sink that does not look into documents may accept."""
    if error is None and not must_refuse:
        case.checks += 1
    else:
        expect_refused(case, error, what)


@rule(
    "errors/malformed-document",
    BAD_INPUT,
    needs=(Need.SINK,),
    hint="data that can't be decoded is skipped, or mapped to the code of an outage",
    after=("info/declared-sink",),
)
def malformed_document(case: Case) -> None:
    """WriteData refuses bytes that are not a document of the type."""
    data_type = case.data_type(case.declared.sink_types)
    error = _refusal(case, case.namespace(), [_malformed(case, data_type)], data_type)
    _expect_refused(case, error, "a malformed document", must_refuse=_looked_into(case, data_type))


@rule(
    "errors/missing-id",
    BAD_INPUT,
    needs=(Need.SINK,),
    hint="a document without an id is dropped, or gets a new id, so a repeated page duplicates it",
    after=("errors/malformed-document",),
)
def missing_id(case: Case) -> None:
    """WriteData refuses a document without `_id` or `id`."""
    data_type = case.data_type(case.declared.sink_types)
    error = _refusal(case, case.namespace(), [_without_id(case, data_type)], data_type)
    _expect_refused(case, error, "a document without an id", must_refuse=_looked_into(case, data_type))


@rule(
    "errors/bad-document-in-page",
    f"{BAD_INPUT} … never by dropping data",
    needs=_READ,
    hint="a bad document is skipped, and the page is answered with OK",
    after=(
        "errors/malformed-document",
        "errors/missing-id",
        "write/read-back",
    ),
)
def bad_document_in_page(case: Case) -> None:
    """A page with one bad document is refused; without that document it is written."""
    data_type = case.data_type()
    good = case.page(data_type, min_size=1, small=True)
    bad = _malformed(case, data_type) if case.draw(st.booleans(), "malformed") else _without_id(case, data_type)
    page = list(good)
    page.insert(case.draw(st.integers(0, len(good)), "position"), bad)
    namespace = case.namespace()
    error = _refusal(case, namespace, page, data_type)
    _expect_refused(case, error, "a page with a bad document", must_refuse=True)
    case.write(namespace, good, data_type)
    case.expect(namespace, Model(data_type, good), "the listing after the page was sent again without the bad one")


@rule(
    "errors/nothing-half-written",
    BAD_INPUT,
    level=Level.SHOULD,
    needs=_READ,
    hint="documents are written one by one: check the whole page before you write the first",
    after=("errors/malformed-document", "errors/missing-id", "errors/bad-document-in-page"),
    examples=0.5,
)
def nothing_half_written(case: Case) -> None:
    """A page refused for one bad document writes nothing."""
    data_type = case.data_type()
    good = case.page(data_type, min_size=1, max_size=4, small=True)
    # Where nothing can be removed, the drawn ones may be there already; these are only sent here.
    good += case.numbered(case.draw(choice(1, MORE_THAN_A_BATCH), "further documents"), data_type, prefix="half")
    namespace = case.namespace()
    large = case.draw(st.booleans(), "large")
    bad = _large(case, data_type) if large else _malformed(case, data_type)
    if _refusal(case, namespace, [*good, bad], data_type) is None:
        if not large:
            raise case.decline("a malformed document is accepted")
        case.expect(namespace, Model(data_type, [*good, bad]), "the listing after a page with a large document")
        return
    case.expect(namespace, Model(data_type), "the listing after a refused page")


def _bad_ids(data_type: DataType) -> st.SearchStrategy[list[BsonValue]]:
    name = "_id" if data_type == BSON else "id"
    values = [
        (b"raw text", 2),
        (b"\x05\x00\x00\x00ab\x00", 2),
        (b"abc", 7),
        (b"\x01", 16),
        (b"", 2),
        (b"\x05\x00\x00\x00abcd\x00", 77),
    ]
    return st.sampled_from([[BsonValue(data=data, type=kind, name=name)] for data, kind in values])


@rule(
    "errors/malformed-id-code",
    BAD_INPUT,
    needs=(Need.SINK, Need.APPLYING),
    hint="an id that can't be decoded is mapped to the code of an outage",
    examples=0.5,
    after=(
        "updates/id-name",
        "info/declared-sink",
        "errors/malformed-update",
    ),
)
def malformed_id_code(case: Case) -> None:
    """If an update whose id is not a BSON value is refused, the code is final."""
    error = _send_malformed_id(case)
    if error is not None:
        expect_final(case, error, "a malformed id")
    case.checks += 1


@rule(
    "errors/malformed-id",
    "Raw UTF-8 in `data` is the most common mistake.",
    level=Level.SHOULD,
    needs=(*_READ, Need.APPLYING),
    hint="the id's bytes are used unchecked: check that they are a BSON value of their type",
    after=(
        "errors/malformed-id-code",
        "updates/delete",
    ),
    examples=0.5,
)
def malformed_id(case: Case) -> None:
    """An update whose id is not a BSON value is refused."""
    error = _send_malformed_id(case)
    _expect_refused(case, error, "a malformed id", must_refuse=True)


def _send_malformed_id(case: Case) -> ConnectorError | None:
    data_type = case.data_type(case.declared.sink_types)
    parts = case.draw(st.one_of(_bad_ids(data_type), st.just(list[BsonValue]())), "id")
    kind = case.draw(st.sampled_from([UPDATE_TYPE_DELETE, UPDATE_TYPE_UPDATE]), "kind", show=kind_name)
    data = (
        case.document(case.holding(data_type).sample_id(), {"a": 1}, data_type) if kind == UPDATE_TYPE_UPDATE else b""
    )
    request = Update(id=parts, type=kind, data=data)
    return _update_refusal(case, case.namespace(), [request], data_type)


@rule(
    "errors/malformed-update",
    BAD_INPUT,
    needs=(Need.SINK, Need.APPLYING),
    hint="the document of an update is not checked before it is stored",
    after=(
        "errors/malformed-document",
        "info/declared-sink",
    ),
)
def malformed_update(case: Case) -> None:
    """An INSERT or UPDATE whose data is not a document is refused."""
    data_type = case.data_type(case.declared.sink_types)
    value = case.identifier(data_type)
    kind = case.draw(st.sampled_from([UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE]), "kind", show=kind_name)
    request = Update(id=id_value(value, data_type), type=kind, data=_malformed(case, data_type))
    error = _update_refusal(case, case.namespace(), [request], data_type)
    _expect_refused(case, error, "an update with a malformed document", must_refuse=_looked_into(case, data_type))


@rule(
    "errors/bad-update-in-call",
    BAD_INPUT,
    needs=(*_READ, Need.APPLYING),
    hint="a bad update is skipped, or the call fails halfway and cannot be repeated",
    after=("errors/malformed-update", "updates/model"),
)
def bad_update_in_call(case: Case) -> None:
    """A call with a bad update in the middle is refused; without that update it has its full effect."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=3, max_size=3)
    namespace, model = case.namespace(), Model(data_type)
    held = [case.document(value, {"n": 0}, data_type) for value in values]
    case.write(namespace, held, data_type)
    model.write(held)
    good = [
        update(UPDATE_TYPE_UPDATE, values[0], case.document(values[0], {"n": 1}, data_type), data_type),
        *([update(UPDATE_TYPE_DELETE, values[1], b"", data_type)] if case.deletes else []),
    ]
    bad = Update(id=id_value(values[2], data_type), type=UPDATE_TYPE_UPDATE, data=b"\xff not a document")
    call = list(good)
    call.insert(case.draw(st.integers(0, len(good)), "position"), bad)
    error = _update_refusal(case, namespace, call, data_type)
    _expect_refused(case, error, "a call with a bad update", must_refuse=True)
    case.update(namespace, good, data_type)
    model.apply(good)
    case.expect(namespace, model, "the listing after the call was sent again without the bad update")


_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\)|goroutine \d+ \[|\n\s+at [\w.$]+\(|File \"[^\"]+\", line \d+"
)


@rule(
    "errors/messages",
    BAD_INPUT,
    level=Level.SHOULD,
    needs=(Need.SINK,),
    hint="the status has no message, has a stack trace as its message, or quotes a whole document",
)
def messages(case: Case) -> None:
    """An error has a message that fits into a status and is not a stack trace."""
    data_type = case.data_type(case.declared.sink_types)
    error = _refusal(case, case.namespace(), [_malformed(case, data_type)], data_type)
    if error is None:
        raise case.decline("it accepts everything")
    case.check(
        bool(error.message.strip()), "an error has no message", expected="what is wrong", seen=repr(error.message)
    )
    size = len(error.message.encode(errors="replace"))
    case.check(
        size <= _MESSAGE_BYTES,
        "an error's message is too long for a status",
        expected=f"{_MESSAGE_BYTES} bytes at most: quote only a part",
        seen=f"{size} bytes",
    )
    case.check(
        not _TRACEBACK.search(error.message), "an error's message is a stack trace", expected="a sentence", seen=error
    )


@rule(
    "errors/serves-on",
    BAD_INPUT,
    needs=_READ,
    hint="an error leaves a lock, a transaction or a connection behind",
    after=("errors/malformed-document", "write/read-back"),
)
def serves_on(case: Case) -> None:
    """After refused calls, the next page is written as usual."""
    data_type = case.data_type()
    good = case.page(data_type, min_size=1, small=True)
    namespace = case.namespace()
    for _ in range(case.draw(st.sampled_from([1, 2, 3, 4, 11]), "refused calls")):  # a pool may have ten connections
        _refusal(case, namespace, [_malformed(case, data_type)], data_type)
        value = case.holding(data_type).sample_id()
        bad = Update(id=id_value(value, data_type), type=UPDATE_TYPE_UPDATE, data=b"\xff")
        _update_refusal(case, namespace, [bad], data_type)
    case.write(namespace, good, data_type)
    case.expect(namespace, Model(data_type, good), "the listing of a page that was written after refused calls")


def _looked_into(case: Case, data_type: DataType) -> bool:
    """Whether documents are read, by the sink itself or later: one that only throws away may accept anything.

    A sink that refuses ids of some kind, or some values, reads documents, and so does not keep any bytes.
    """
    if case.found.refuses_ids or case.found.refuses:
        return True
    return case.declared.can_read and data_type in case.declared.types


RULES = (
    malformed_document,
    missing_id,
    bad_document_in_page,
    nothing_half_written,
    malformed_id_code,
    malformed_id,
    malformed_update,
    bad_update_in_call,
    messages,
    serves_on,
)
