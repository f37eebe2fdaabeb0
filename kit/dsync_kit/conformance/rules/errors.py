"""Errors: bad input carries INVALID_ARGUMENT, whatever dsync repeats carries a retryable code, nothing is half done."""

import contextlib
import re

from grpc import StatusCode
from hypothesis import strategies as st

from dsync_kit.conformance import strategies
from dsync_kit.conformance.case import Case, kind_name, type_name
from dsync_kit.conformance.driver import strip
from dsync_kit.conformance.model import Model
from dsync_kit.conformance.rule import Level, Need, rule
from dsync_kit.conformance.strategies import BSON, id_value, make_document, update
from dsync_kit.documents import canonical, encode
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UNKNOWN,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Partition,
    Update,
)

__all__ = ["RULES"]

_BAD_INPUT = "bad input must carry INVALID_ARGUMENT"
_READ = (Need.SINK, Need.READING)
_REFUSED = frozenset({StatusCode.INVALID_ARGUMENT, StatusCode.UNIMPLEMENTED})

_MALFORMED: dict[DataType, list[bytes]] = {
    strategies.BSON: [b"", b"not a document", b"\x05\x00\x00", b"\xff" * 24, b'{"_id": "x"}'],
    strategies.JSON: [b"", b"not a document", b'{"id": "x"', b"[]", b'"x"', b'{"id": "\xff"}', b"\x05\x00\x00\x00\x00"],
}


def _malformed(case: Case, data_type: DataType) -> bytes:
    """Bytes that are no document of the type: garbage, or a document cut short."""
    whole = make_document("malformed", {"a": "some text"}, data_type)
    cut = st.integers(1, len(whole) - 1).map(lambda size: whole[:size])
    return case.draw(st.one_of(st.sampled_from(_MALFORMED[data_type]), cut), "no document")


def _without_id(case: Case, data_type: DataType) -> bytes:
    other = "id" if data_type == BSON else "_id"
    fields = case.draw(st.sampled_from([{"name": "x", other: "y"}, {"name": "x"}, {}]), "document without id")
    return encode(fields, data_type)


def _refusal(case: Case, namespace: str, documents: list[bytes], data_type: DataType) -> ConnectorError | None:
    try:
        case.driver.write_data(namespace, documents, data_type)
    except ConnectorError as error:
        return error
    return None


def _expect_invalid(case: Case, error: ConnectorError | None, what: str, *, must_refuse: bool) -> None:
    """What the connector answered to bad input; sinks that nobody can read may take everything."""
    if error is None:
        case.check(not must_refuse, f"{what} was accepted", expected="INVALID_ARGUMENT", seen="OK")
        return
    case.check(
        error.code is StatusCode.INVALID_ARGUMENT,
        f"{what} is refused with a wrong code" + (": dsync repeats it in vain" if error.retryable else ""),
        expected="INVALID_ARGUMENT",
        seen=error,
    )


@rule(
    "errors/malformed-document",
    _BAD_INPUT,
    needs=(Need.SINK,),
    hint="the decoder's exception is not mapped, or what cannot be decoded is skipped",
    after=("info/declared-sink",),
)
def malformed_document(case: Case) -> None:
    """WriteData refuses bytes that are no document of the type."""
    data_type = case.data_type(case.subject.sink_types)
    error = _refusal(case, case.namespace(), [_malformed(case, data_type)], data_type)
    _expect_invalid(case, error, "a malformed document", must_refuse=_readable(case, data_type))


@rule(
    "errors/missing-id",
    _BAD_INPUT,
    needs=(Need.SINK,),
    hint="a document without id is dropped, or gets an id of its own, so that a repeated page doubles it",
    after=("errors/malformed-document",),
)
def missing_id(case: Case) -> None:
    """WriteData refuses a document without `_id` or `id`."""
    data_type = case.data_type(case.subject.sink_types)
    error = _refusal(case, case.namespace(), [_without_id(case, data_type)], data_type)
    _expect_invalid(case, error, "a document without id", must_refuse=_readable(case, data_type))


@rule(
    "errors/bad-document-in-page",
    "bad input must carry INVALID_ARGUMENT … never by dropping",
    needs=_READ,
    hint="a bad document is skipped, and the page is answered with OK",
    after=(
        "errors/malformed-document",
        "errors/missing-id",
        "write/read-back",
    ),
)
def bad_document_in_page(case: Case) -> None:
    """A page with one bad document among good ones is refused; the same page without it is written afterwards."""
    data_type = case.data_type()
    good = case.page(data_type, min_size=1, small=True)
    bad = _malformed(case, data_type) if case.draw(st.booleans(), "malformed") else _without_id(case, data_type)
    page = list(good)
    page.insert(case.draw(st.integers(0, len(good)), "position"), bad)
    namespace = case.namespace()
    error = _refusal(case, namespace, page, data_type)
    _expect_invalid(case, error, "a page with a bad document", must_refuse=True)
    case.write(namespace, good, data_type)
    case.expect(namespace, Model(data_type, good), "what is listed after the page was sent again without the bad one")


@rule(
    "errors/nothing-half-written",
    "bad input must carry INVALID_ARGUMENT",
    level=Level.SHOULD,
    needs=_READ,
    hint="documents are written one by one: check the whole page before the first is written",
    after=("errors/malformed-document", "errors/missing-id", "errors/bad-document-in-page"),
    examples=0.5,
)
def nothing_half_written(case: Case) -> None:
    """A page that is refused for one bad document leaves nothing behind."""
    data_type = case.data_type()
    good = case.page(data_type, min_size=1, max_size=4, small=True)
    namespace = case.namespace()
    case.own(namespace, data_type, good)
    if _refusal(case, namespace, [*good, _malformed(case, data_type)], data_type) is None:
        raise case.decline("a malformed document is accepted")
    case.expect(namespace, Model(data_type), "what is listed after a refused page")


@rule(
    "errors/refused-type",
    _BAD_INPUT,
    needs=(Need.SINK,),
    hint="a type that is not handled falls through: nothing is written, and OK is answered",
    examples=0.5,
    after=("errors/malformed-document",),
)
def refused_type(case: Case) -> None:
    """WriteData with a type that the sink does not list is refused, or the document is really written."""
    undeclared = [kind for kind in _MALFORMED if kind not in case.subject.info.capabilities.sink.supported_data_types]
    data_type = case.draw(st.sampled_from([DATA_TYPE_UNKNOWN, *undeclared]), "type", show=type_name)
    document = make_document("typed", {"a": 1}, data_type or case.subject.sink_types[0])
    namespace = case.namespace()
    error = _refusal(case, namespace, [document], data_type)
    if error is not None:
        case.check(
            error.code in _REFUSED,
            "a type that is not supported is refused with a wrong code",
            expected="INVALID_ARGUMENT or UNIMPLEMENTED",
            seen=error,
        )
        return
    if not case.subject.is_source:
        raise case.decline("it takes documents of every type, and what it does with them cannot be seen")
    found = [
        listed
        for kind in case.subject.source_types
        for listed in case.subject.read(namespace, kind, driver=case.driver)
    ]
    case.check(bool(found), "a document of an unsupported type was taken, and is gone", expected="a refusal", seen="OK")


@rule(
    "errors/list-type",
    _BAD_INPUT,
    needs=(Need.LISTING,),
    hint="a type that is not handled raises something that nobody maps",
    examples=0.3,
    after=("errors/refused-type",),
)
def list_type(case: Case) -> None:
    """ListData of a type that the source does not list is refused as INVALID_ARGUMENT or UNIMPLEMENTED, if at all."""
    namespace, _, _ = case.listable()
    known = set(case.subject.info.capabilities.source.supported_data_types)
    undeclared = [kind for kind in (DATA_TYPE_UNKNOWN, *_MALFORMED) if kind not in known]
    data_type = case.draw(st.sampled_from(undeclared or [DATA_TYPE_UNKNOWN]), "type", show=type_name)
    for partition in case.driver.partitions([namespace])[:2]:
        try:
            case.driver.first_page(strip(partition), data_type)
        except ConnectorError as error:
            case.check(
                error.code in _REFUSED,
                "a type that is not supported is refused with a wrong code",
                expected="INVALID_ARGUMENT or UNIMPLEMENTED",
                seen=error,
            )
        case.checks += 1


_KNOWN_GARBAGE = [
    *(b"garbage", b"\x00", b"\xff\xfe\xfd", b"{}", b"[]", b"null", b"-1", b"0", b"99999999999999999999", b"{"),
    *(b'["x"]', b'{"a": 1}', b"\x00" * 8, b"\xff" * 16, b"\x05\x00\x00\x00\x00", b"x" * 5000),
]
_GARBAGE = st.one_of(st.sampled_from(_KNOWN_GARBAGE), st.binary(min_size=1, max_size=12))
_SEVERAL_GARBAGE = strategies.several(_KNOWN_GARBAGE, _GARBAGE)


@rule(
    "errors/page-cursor",
    _BAD_INPUT,
    needs=(Need.LISTING,),
    hint="decoding a foreign cursor raises something that nobody maps",
    examples=0.5,
    after=("plan/repeatable",),
)
def page_cursor(case: Case) -> None:
    """A cursor that is none of the connector's is refused with INVALID_ARGUMENT (or a retryable code), if at all."""
    namespace, data_type, _ = case.listable(max_size=3)
    partition = case.driver.partitions([namespace])[0]
    where = case.draw(st.sampled_from(["page", "partition"]), "as the cursor of")
    for garbage in case.draw(_SEVERAL_GARBAGE, "cursors"):
        sent = strip(partition) if where == "page" else Partition(namespace=namespace, cursor=garbage)
        try:
            case.driver.first_page(sent, data_type, garbage if where == "page" else b"")
        except ConnectorError as error:
            allowed = error.code in (StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND) or (
                where == "page" and error.retryable
            )
            case.check(
                allowed,
                f"a garbage cursor of a {where} is refused with a wrong code",
                expected="INVALID_ARGUMENT" + (", or a retryable code" if where == "page" else ""),
                seen=error,
            )
        case.checks += 1


@rule(
    "errors/stream-cursor",
    _BAD_INPUT,
    needs=(Need.LISTING, Need.UPDATES),
    hint="decoding a foreign cursor raises something that nobody maps",
    examples=0.2,
)
def stream_cursor(case: Case) -> None:
    """StreamUpdates from a cursor that is none of the connector's is refused with INVALID_ARGUMENT, if at all."""
    garbage = case.draw(_GARBAGE, "cursor")
    data_type = case.data_type(case.subject.source_types)
    namespaces = case.subject.existing()[:1] or (case.namespace(),)
    with case.driver.stream_updates(garbage, namespaces, data_type) as stream:
        stream.next(0.5)
        if stream.error is not None:
            case.check(
                stream.error.code in (StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND, StatusCode.OUT_OF_RANGE),
                "a garbage cursor of a stream is refused with a wrong code",
                expected="INVALID_ARGUMENT",
                seen=stream.error,
            )
    case.checks += 1


_HOSTILE_NAMES = (
    "",
    ".",
    "..",
    "a..b",
    "../up",
    "a/../../b",
    "/etc",
    "a\0b",
    "a\nb",
    "x" * 5000,
    "'; --",
    "é.日本",
    "a:b",
    "%s",
)


@rule(
    "errors/namespaces",
    "Namespaces are opaque strings … An unknown namespace is empty, or NOT_FOUND",
    needs=_READ,
    hint="a namespace becomes a path or a statement without being checked: escape it, or refuse it",
    after=(
        "write/overwrites",
        "write/read-back",
        "write/isolates-namespaces",
        "errors/malformed-document",
    ),
    examples=0.4,
)
def namespaces(case: Case) -> None:
    """A strange namespace is refused with INVALID_ARGUMENT or NOT_FOUND, or works like any other."""
    if not case.subject.makes_namespaces:
        raise case.decline("it makes no namespaces by itself")
    data_type = case.data_type()
    document = case.numbered(1, data_type, prefix=case.subject.run)[0]
    for namespace in case.draw(strategies.some(_HOSTILE_NAMES), "namespaces"):
        try:
            case.write(namespace, [document], data_type)
        except ConnectorError as error:
            _expect_declined(case, error)
            continue
        if not namespace and case.subject.is_source:
            continue  # a plan names no namespace to list all of them: the empty one cannot be asked for
        found = {canonical(listed, data_type) for listed in case.read(namespace, data_type, expected=100)}
        case.check(
            canonical(document, data_type) in found,
            f"a document written to the strange namespace {namespace[:40]!r} is not there",
            expected="the document, or INVALID_ARGUMENT when it was written",
            seen=f"{len(found)} documents",
        )


def _expect_declined(case: Case, error: ConnectorError) -> None:
    case.check(
        error.code in (StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND),
        "a strange namespace is refused with a wrong code",
        expected="INVALID_ARGUMENT or NOT_FOUND",
        seen=error,
    )


@rule(
    "errors/plan-namespaces",
    "Namespaces are opaque strings … An unknown namespace is empty, or NOT_FOUND",
    needs=(Need.SOURCE,),
    hint="a namespace becomes a path or a statement without being checked: escape it, or refuse it",
    after=("errors/namespaces",),
    examples=0.4,
)
def plan_namespaces(case: Case) -> None:
    """A plan and a count of a strange namespace are empty, or refused with INVALID_ARGUMENT or NOT_FOUND."""
    for namespace in case.draw(strategies.some(_HOSTILE_NAMES[1:]), "namespaces"):
        try:
            plan = case.driver.plan([namespace])
            for partition in plan.partitions[:2]:
                case.driver.first_page(strip(partition), case.data_type(case.subject.source_types))
        except ConnectorError as error:
            _expect_declined(case, error)
        case.checks += 1


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
    _BAD_INPUT,
    needs=(Need.SINK,),
    hint="decoding an update's id raises something that nobody maps",
    examples=0.5,
    after=(
        "updates/id-name",
        "info/declared-sink",
        "errors/malformed-update",
    ),
)
def malformed_id_code(case: Case) -> None:
    """An update whose id is no BSON value is refused with INVALID_ARGUMENT, if it is refused."""
    error = _send_malformed_id(case)
    _expect_invalid(case, error, "a malformed id", must_refuse=False)


@rule(
    "errors/malformed-id",
    "Raw UTF-8 in `data` is the most common mistake.",
    level=Level.SHOULD,
    needs=_READ,
    hint="the id's bytes are used as they are: check that they are a BSON value of their type",
    after=(
        "errors/malformed-id-code",
        "updates/delete",
    ),
    examples=0.5,
)
def malformed_id(case: Case) -> None:
    """An update whose id is no BSON value is refused."""
    error = _send_malformed_id(case)
    _expect_invalid(case, error, "a malformed id", must_refuse=True)


def _send_malformed_id(case: Case) -> ConnectorError | None:
    data_type = case.data_type(case.subject.sink_types)
    parts = case.draw(st.one_of(_bad_ids(data_type), st.just(list[BsonValue]())), "id")
    kind = case.draw(st.sampled_from([UPDATE_TYPE_DELETE, UPDATE_TYPE_UPDATE]), "kind", show=kind_name)
    data = make_document("raw text", {"a": 1}, data_type) if kind == UPDATE_TYPE_UPDATE else b""
    request = Update(id=parts, type=kind, data=data)
    try:
        case.driver.write_updates(case.namespace(), [request], data_type)
    except ConnectorError as error:
        return error
    return None


@rule(
    "errors/malformed-update",
    _BAD_INPUT,
    needs=(Need.SINK,),
    hint="the document of an update is not checked before it is stored",
    after=(
        "errors/malformed-document",
        "info/declared-sink",
    ),
)
def malformed_update(case: Case) -> None:
    """An INSERT or UPDATE whose data is no document is refused."""
    data_type = case.data_type(case.subject.sink_types)
    kinds = case.subject.id_kinds.get(data_type, ("string",))
    value = case.draw(strategies.ids(data_type, kinds), "id")
    kind = case.draw(st.sampled_from([UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE]), "kind", show=kind_name)
    request = Update(id=id_value(value, data_type), type=kind, data=_malformed(case, data_type))
    error: ConnectorError | None = None
    try:
        case.driver.write_updates(case.namespace(), [request], data_type)
    except ConnectorError as refused:
        error = refused
    _expect_invalid(case, error, "an update with a malformed document", must_refuse=_readable(case, data_type))


@rule(
    "errors/bad-update-in-call",
    _BAD_INPUT,
    needs=_READ,
    hint="a bad update is skipped, or the call cannot be repeated after it was refused half way",
    after=("errors/malformed-update", "updates/model"),
)
def bad_update_in_call(case: Case) -> None:
    """A call with a bad update in the middle is refused; without it, the call has its whole effect."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=3, max_size=3)
    namespace, model = case.namespace(), Model(data_type)
    held = [make_document(value, {"n": 0}, data_type) for value in values]
    case.write(namespace, held, data_type)
    model.write(held)
    good = [
        update(UPDATE_TYPE_UPDATE, values[0], make_document(values[0], {"n": 1}, data_type), data_type),
        update(UPDATE_TYPE_DELETE, values[1], b"", data_type),
    ]
    bad = Update(id=id_value(values[2], data_type), type=UPDATE_TYPE_UPDATE, data=b"\xff not a document")
    call = list(good)
    call.insert(case.draw(st.integers(0, 2), "position"), bad)
    try:
        case.driver.write_updates(namespace, call, data_type)
    except ConnectorError as error:
        _expect_invalid(case, error, "a call with a bad update", must_refuse=True)
    else:
        _expect_invalid(case, None, "a call with a bad update", must_refuse=True)
    case.update(namespace, good, data_type)
    model.apply(good)
    case.expect(namespace, model, "what is listed after the call was sent again without the bad update")


@rule(
    "errors/update-type",
    "bad input must carry INVALID_ARGUMENT; what is not supported must carry UNIMPLEMENTED",
    needs=(Need.SINK,),
    hint="an update of an unknown type raises something that nobody maps",
    examples=0.3,
    after=("errors/malformed-update",),
)
def update_type(case: Case) -> None:
    """An update of an unknown type is refused with INVALID_ARGUMENT or UNIMPLEMENTED, if it is refused."""
    data_type = case.data_type(case.subject.sink_types)
    document = make_document("typed", {"a": 1}, data_type)
    request = Update(id=id_value("typed", data_type), type=UPDATE_TYPE_UNKNOWN, data=document)
    try:
        case.update(case.namespace(), [request], data_type)
    except ConnectorError as error:
        case.check(
            error.code in _REFUSED,
            "an update of an unknown type is refused with a wrong code",
            expected="INVALID_ARGUMENT or UNIMPLEMENTED",
            seen=error,
        )
    case.checks += 1


_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\)|goroutine \d+ \[|\n\s+at [\w.$]+\(|File \"[^\"]+\", line \d+"
)


@rule(
    "errors/messages",
    _BAD_INPUT,
    level=Level.SHOULD,
    needs=(Need.SINK,),
    hint="the status is sent without a message, or with a stack trace in place of one",
)
def messages(case: Case) -> None:
    """An error says something to its reader, and is no stack trace."""
    data_type = case.data_type(case.subject.sink_types)
    error = _refusal(case, case.namespace(), [_malformed(case, data_type)], data_type)
    if error is None:
        raise case.decline("it takes everything")
    case.check(
        bool(error.message.strip()), "an error has no message", expected="what is wrong", seen=repr(error.message)
    )
    case.check(
        not _TRACEBACK.search(error.message), "an error's message is a stack trace", expected="a sentence", seen=error
    )


@rule(
    "errors/serves-on",
    _BAD_INPUT,
    needs=_READ,
    hint="an error leaves a lock, a transaction or a connection behind",
    after=("errors/malformed-document", "write/read-back"),
)
def serves_on(case: Case) -> None:
    """After refused calls the next page is written as if nothing had been."""
    data_type = case.data_type()
    good = case.page(data_type, min_size=1, small=True)
    namespace = case.namespace()
    for _ in range(case.draw(st.integers(1, 4), "refused calls")):
        _refusal(case, namespace, [_malformed(case, data_type)], data_type)
        with contextlib.suppress(ConnectorError):
            bad = Update(id=id_value("x", data_type), type=UPDATE_TYPE_UPDATE, data=b"\xff")
            case.driver.write_updates(namespace, [bad], data_type)
    case.write(namespace, good, data_type)
    case.expect(namespace, Model(data_type, good), "what is listed of a page that was written after refused calls")


def _readable(case: Case, data_type: DataType) -> bool:
    """Whether what is written can be read: a sink that nobody can read may take everything, as /dev/null does."""
    return case.subject.can_read and data_type in case.subject.types


RULES = (
    malformed_document,
    missing_id,
    bad_document_in_page,
    nothing_half_written,
    refused_type,
    list_type,
    page_cursor,
    stream_cursor,
    namespaces,
    plan_namespaces,
    malformed_id_code,
    malformed_id,
    malformed_update,
    bad_update_in_call,
    update_type,
    messages,
    serves_on,
)
