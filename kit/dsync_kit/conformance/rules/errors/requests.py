"""Requests for what there is not: data types, update types, cursors and namespaces that the connector does not know."""

from grpc import StatusCode
from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import strip
from dsync_kit.conformance.case.case import Case, type_name
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import identifiers, strategies
from dsync_kit.conformance.documents.strategies import BSON, JSON, make_document
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.documents import canonical, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DATA_TYPE_UNKNOWN, UPDATE_TYPE_UNKNOWN, Partition, Update

__all__ = ["RULES"]

_BAD_INPUT = "bad input must carry INVALID_ARGUMENT"
_REFUSED = frozenset({StatusCode.INVALID_ARGUMENT, StatusCode.UNIMPLEMENTED})


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
    undeclared = [kind for kind in (BSON, JSON) if kind not in case.subject.info.capabilities.sink.supported_data_types]
    data_type = case.draw(st.sampled_from([DATA_TYPE_UNKNOWN, *undeclared]), "type", show=type_name)
    document = make_document("typed", {"a": 1}, data_type or BSON)
    namespace = case.namespace()
    try:
        case.driver.write_data(namespace, [document], data_type)
    except ConnectorError as error:
        _check_code(case, error, "a type that is not supported")
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
    undeclared = [kind for kind in (DATA_TYPE_UNKNOWN, BSON, JSON) if kind not in known]
    data_type = case.draw(st.sampled_from(undeclared or [DATA_TYPE_UNKNOWN]), "type", show=type_name)
    for partition in case.driver.partitions([namespace])[:2]:
        try:
            case.driver.first_page(strip(partition), data_type)
        except ConnectorError as error:
            _check_code(case, error, "a type that is not supported")
        case.checks += 1


@rule(
    "errors/unknown-type",
    _BAD_INPUT,
    level=Level.SHOULD,
    needs=(Need.LISTING,),
    hint="whatever is not JSON is taken for BSON, or the other way round",
    examples=0.2,
    after=("errors/list-type",),
)
def unknown_type(case: Case) -> None:
    """A listing of DATA_TYPE_UNKNOWN is refused: that is what a request says in which the type was forgotten."""
    namespace, _, _ = case.listable(max_size=3)
    try:
        page = case.driver.first_page(strip(case.driver.partitions([namespace])[0]), DATA_TYPE_UNKNOWN)
    except ConnectorError:
        case.checks += 1
        return
    case.check(
        not page.data,
        "documents are listed as data of no type",
        expected="INVALID_ARGUMENT",
        seen=f"{len(page.data)} documents",
    )


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
    needs=(Need.SINK, Need.READING),
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


@rule(
    "errors/update-type",
    "bad input must carry INVALID_ARGUMENT; what is not supported must carry UNIMPLEMENTED",
    needs=(Need.SINK,),
    hint="an update of an unknown type raises something that nobody maps",
    examples=0.3,
    after=("errors/malformed-update",),
)
def update_type(case: Case) -> None:
    """An update of an unknown type is refused with INVALID_ARGUMENT or UNIMPLEMENTED, or has an effect."""
    data_type = case.data_type(case.subject.sink_types)
    kinds = case.subject.id_kinds[data_type]
    document = make_document(identifiers.sample_id(kinds[0]), {"a": 1}, data_type)
    request = Update(id=id_of(document, data_type), type=UPDATE_TYPE_UNKNOWN, data=document)
    namespace = case.namespace()
    try:
        case.update(namespace, [request], data_type)
    except ConnectorError as error:
        _check_code(case, error, "an update of an unknown type")
        return
    case.checks += 1
    if not case.subject.is_source or data_type not in case.subject.types:
        return  # what it does with it cannot be seen
    found = case.read(namespace, data_type, expected=1)
    case.check(bool(found), "an update of an unknown type was taken, and is gone", expected="a refusal", seen="OK")


def _check_code(case: Case, error: ConnectorError, what: str) -> None:
    case.check(
        error.code in _REFUSED,
        f"{what} is refused with a wrong code",
        expected="INVALID_ARGUMENT or UNIMPLEMENTED",
        seen=error,
    )


RULES = (
    refused_type,
    list_type,
    unknown_type,
    page_cursor,
    stream_cursor,
    namespaces,
    plan_namespaces,
    update_type,
)
