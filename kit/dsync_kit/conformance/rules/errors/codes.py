"""Codes of refusals: dsync treats all final ones alike, but the right one helps its user."""

from collections.abc import Callable, Sequence
from functools import partial

from grpc import StatusCode
from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import strip
from dsync_kit.conformance.case.bad_input import BEST_CODE, expect_code
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.documents.strategies import BSON, JSON, id_value
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.rules.errors.requests import GARBAGE, HOSTILE_NAMES, SEVERAL_GARBAGE
from dsync_kit.documents import encode
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UNKNOWN,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    GetNamespaceMetadataRequest,
    Partition,
    Update,
)

__all__ = ["RULES"]

_INVALID = (StatusCode.INVALID_ARGUMENT,)
_UNSUPPORTED = (StatusCode.INVALID_ARGUMENT, StatusCode.UNIMPLEMENTED)
_ABSENT = (StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND)
_UNKNOWN_NAMESPACE = "dsynckit.unknown"


@rule(
    "errors/input-codes",
    BEST_CODE,
    level=Level.SHOULD,
    needs=(Need.SINK,),
    hint="an exception isn't mapped to a status: dsync's user sees UNKNOWN or INTERNAL, and looks for a bug",
    after=("errors/malformed-document", "errors/missing-id", "errors/malformed-update", "errors/malformed-id-code"),
    examples=2.0,
)
def input_codes(case: Case) -> None:
    """Bad documents, ids, types and updates are refused with INVALID_ARGUMENT (or UNIMPLEMENTED where it fits)."""
    data_type = case.data_type(case.declared.sink_types)
    known = [what for what in _BAD if "update" not in what or not case.found.copies_only]
    what = case.draw(st.sampled_from(known), "what is wrong")
    codes, send = _BAD[what]
    try:
        send(case, data_type)
    except ConnectorError as error:
        if not error.retryable:  # the MUST rules judge a code that dsync retries
            expect_code(case, error, what, *codes)
    case.checks += 1


def _write(case: Case, data_type: DataType, document: bytes) -> None:
    namespace = case.namespace()
    case.driver.write_data(namespace, [document], data_type)


def _update(case: Case, data_type: DataType, update: Update) -> None:
    case.update(case.namespace(), [update], data_type)


def _malformed_document(case: Case, data_type: DataType) -> None:
    whole = case.document(case.identifier(data_type), {"a": "some text"}, data_type)
    garbage = st.sampled_from([b"", b"not a document", b"\xff" * 24, whole[:-1], whole[: len(whole) // 2]])
    _write(case, data_type, case.draw(garbage, "document"))


def _document_without_id(case: Case, data_type: DataType) -> None:
    _write(case, data_type, encode({"name": "x"}, data_type))


def _malformed_id(case: Case, data_type: DataType) -> None:
    name = "_id" if data_type == BSON else "id"
    parts: Sequence[list[BsonValue]] = [
        [BsonValue(data=b"raw text", type=2, name=name)],
        [BsonValue(data=b"abc", type=7, name=name)],
        [],
    ]
    malformed = case.draw(st.sampled_from(parts), "parts of the id")
    update = Update(id=malformed, type=UPDATE_TYPE_DELETE)
    if not case.found.deletes:  # a DELETE would be refused for what it is
        document = case.document(case.identifier(data_type), {"a": 1}, data_type)
        update = Update(id=malformed, type=UPDATE_TYPE_UPDATE, data=document)
    _update(case, data_type, update)


def _malformed_update(case: Case, data_type: DataType) -> None:
    parts = id_value(case.identifier(data_type), data_type)
    _update(case, data_type, Update(id=parts, type=UPDATE_TYPE_INSERT, data=b"\xff not a document"))


def _unlisted_type(case: Case, data_type: DataType) -> None:
    known = case.declared.info.capabilities.sink.supported_data_types
    other = next((kind for kind in (BSON, JSON) if kind not in known), DATA_TYPE_UNKNOWN)
    namespace, document = case.namespace(), case.document(case.identifier(data_type), {"a": 1}, data_type)
    case.driver.write_data(namespace, [document], other)


def _unknown_update(case: Case, data_type: DataType) -> None:
    value = case.identifier(data_type)
    document = case.document(value, {"a": 1}, data_type)
    _update(case, data_type, Update(id=id_value(value, data_type), type=UPDATE_TYPE_UNKNOWN, data=document))


def _partial_update(case: Case, data_type: DataType) -> None:
    namespace, value = case.namespace(), case.identifier(data_type)
    case.write(namespace, [case.document(value, {"a": 1, "b": 2}, data_type)], data_type)
    changes = encode(case.holding(data_type).fitting({"a": 2}), data_type)
    update = Update(id=id_value(value, data_type), type=UPDATE_TYPE_PARTIAL_UPDATE, data=changes)
    case.update(namespace, [update], data_type)


def _composite_id(case: Case, data_type: DataType) -> None:
    parts = 2 * list(id_value(case.identifier(data_type), data_type))
    _update(case, data_type, Update(id=parts, type=UPDATE_TYPE_DELETE))


_BAD: dict[str, tuple[tuple[StatusCode, ...], Callable[[Case, DataType], None]]] = {
    "a malformed document": (_INVALID, _malformed_document),
    "a document without an id": (_INVALID, _document_without_id),
    "an update with a malformed id": (_INVALID, _malformed_id),
    "an update with a malformed document": (_INVALID, _malformed_update),
    "a data type that isn't listed": (_UNSUPPORTED, _unlisted_type),
    "an update of an unknown type": (_UNSUPPORTED, _unknown_update),
    "a partial update": (_UNSUPPORTED, _partial_update),
    "an update with a composite id": (_UNSUPPORTED, _composite_id),
}


@rule(
    "errors/request-codes",
    BEST_CODE,
    level=Level.SHOULD,
    needs=(Need.LISTING,),
    hint="decoding an unknown cursor or type raises an exception that isn't mapped to a status",
    after=("errors/list-type", "errors/page-cursor"),
    examples=0.5,
)
def request_codes(case: Case) -> None:
    """ListData of an unlisted type, or from a garbage cursor, is refused with INVALID_ARGUMENT, if at all."""
    namespace, data_type, _ = case.listable(max_size=3)
    partition = strip(case.driver.partitions([namespace])[0])
    known = case.declared.info.capabilities.source.supported_data_types
    for kind in (kind for kind in (DATA_TYPE_UNKNOWN, BSON, JSON) if kind not in known):
        _expect_if_refused(case, partial(case.driver.first_page, partition, kind), "a data type", _UNSUPPORTED)
    for garbage in case.draw(SEVERAL_GARBAGE, "cursors"):
        other = Partition(namespace=namespace, cursor=garbage)
        for what, asked, cursor in (("page", partition, garbage), ("partition", other, b"")):
            call = partial(case.driver.first_page, asked, data_type, cursor)
            _expect_if_refused(case, call, f"a garbage cursor of a {what}", _ABSENT)


@rule(
    "errors/stream-cursor",
    BEST_CODE,
    level=Level.SHOULD,
    needs=(Need.UPDATES,),
    hint="decoding an unknown cursor raises an exception that isn't mapped to a status",
    examples=0.28,
)
def stream_cursor(case: Case) -> None:
    """StreamUpdates from a cursor that the connector did not make is refused with INVALID_ARGUMENT, if at all."""
    garbage = case.draw(GARBAGE, "cursor")
    data_type = case.data_type(case.declared.source_types)
    namespaces = case.subject.existing()[:1] or (case.namespace(),)
    with case.driver.stream_updates(garbage, namespaces, data_type) as stream:
        stream.next(0.5)
        if stream.error is not None:
            expect_code(case, stream.error, "a garbage cursor of a stream", *_ABSENT, StatusCode.OUT_OF_RANGE)
    case.checks += 1


@rule(
    "errors/namespace-codes",
    BEST_CODE,
    level=Level.SHOULD,
    needs=(Need.SINK,),
    hint="a namespace becomes a path or part of a statement unchecked: escape it, or refuse it",
    after=("errors/namespaces",),
    examples=0.5,
)
def namespace_codes(case: Case) -> None:
    """WriteData to a strange namespace is refused with INVALID_ARGUMENT or NOT_FOUND, if at all."""
    if not case.found.makes_namespaces:
        raise case.does_not_apply("it does not create namespaces")
    data_type = case.data_type(case.declared.sink_types)
    document = case.numbered(1, data_type, prefix=case.subject.namespaces.run)[0]
    for namespace in case.draw(choosing.some(HOSTILE_NAMES), "namespaces"):
        call = partial(case.write, namespace, [document], data_type)
        _expect_if_refused(case, call, f"the strange namespace {namespace[:40]!r}", _ABSENT)


@rule(
    "errors/plan-namespaces",
    BEST_CODE,
    level=Level.SHOULD,
    needs=(Need.SOURCE,),
    hint="a namespace becomes a path or part of a statement unchecked, or a missing table's error isn't mapped",
    after=("errors/namespaces",),
    examples=0.5,
)
def plan_namespaces(case: Case) -> None:
    """The plan and count of a strange or unknown namespace are empty, or refused with INVALID_ARGUMENT or NOT_FOUND."""
    data_type = case.data_type(case.declared.source_types)

    def list_all(namespace: str) -> None:
        for partition in case.driver.plan([namespace]).partitions[:2]:
            case.driver.first_page(strip(partition), data_type)

    def count(namespace: str) -> None:
        case.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=namespace))

    for namespace in case.draw(choosing.some((_UNKNOWN_NAMESPACE, *HOSTILE_NAMES[1:])), "namespaces"):
        what = f"the namespace {namespace[:40]!r}"
        _expect_if_refused(case, partial(list_all, namespace), f"a plan of {what}", _ABSENT, repeated=False)
        # A source need not count: metadata/answers is about that.
        counting = (*_ABSENT, StatusCode.UNIMPLEMENTED)
        _expect_if_refused(case, partial(count, namespace), f"a count of {what}", counting, repeated=False)


def _expect_if_refused(
    case: Case, call: Callable[[], object], what: str, codes: Sequence[StatusCode], *, repeated: bool = True
) -> None:
    """The call succeeds, or is refused with one of the codes.

    If dsync retries the call, a MUST rule judges retryable codes.
    """
    try:
        call()
    except ConnectorError as error:
        if not (repeated and error.retryable):
            expect_code(case, error, what, *codes)
    case.checks += 1


RULES = (input_codes, request_codes, stream_cursor, namespace_codes, plan_namespaces)
