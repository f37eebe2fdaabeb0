"""Requests with data types, update types, cursors and namespaces that the connector does not know."""

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import strip
from dsync_kit.conformance.case.bad_input import BAD_INPUT, BEST_CODE, expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing, strategies
from dsync_kit.conformance.documents.strategies import BSON, JSON
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.documents import canonical, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DATA_TYPE_UNKNOWN, UPDATE_TYPE_UNKNOWN, Partition, Update
from dsync_kit.protocol.names import type_name

__all__ = ["GARBAGE", "HOSTILE_NAMES", "RULES", "SEVERAL_GARBAGE"]


@rule(
    "errors/refused-type",
    BAD_INPUT,
    needs=(Need.SINK,),
    hint="an unsupported type falls through: nothing is written, but the answer is OK",
    examples=0.5,
    after=("errors/malformed-document",),
)
def refused_type(case: Case) -> None:
    """WriteData with a type that the sink does not declare is refused, or really writes the document."""
    declared = case.declared.info.capabilities.sink.supported_data_types
    undeclared = [kind for kind in (BSON, JSON) if kind not in declared]
    data_type = case.draw(st.sampled_from([DATA_TYPE_UNKNOWN, *undeclared]), "type", show=type_name)
    document = strategies.make_document(case.family.taken.free_text("typed"), {"a": 1}, data_type or BSON)
    namespace = case.namespace()
    try:
        case.driver.write_data(namespace, [document], data_type)
    except ConnectorError as error:
        expect_final(case, error, "an unsupported type")
        return
    if not case.declared.is_source:
        raise case.decline("it accepts documents of every type, and their effect cannot be seen")
    found = [
        listed
        for kind in case.declared.source_types
        for listed in case.subject.data.read(namespace, kind, driver=case.driver)
    ]
    case.check(
        bool(found), "a document of an unsupported type was accepted, but is missing", expected="a refusal", seen="OK"
    )


@rule(
    "errors/list-type",
    BAD_INPUT,
    needs=(Need.LISTING,),
    hint="an unsupported type is mapped to the code of an outage",
    examples=0.44,
    after=("errors/refused-type",),
)
def list_type(case: Case) -> None:
    """ListData of a type that the source does not declare is refused with a final code, if at all."""
    namespace, _, _ = case.listable()
    known = set(case.declared.info.capabilities.source.supported_data_types)
    undeclared = [kind for kind in (DATA_TYPE_UNKNOWN, BSON, JSON) if kind not in known]
    data_type = case.draw(st.sampled_from(undeclared or [DATA_TYPE_UNKNOWN]), "type", show=type_name)
    for partition in case.driver.partitions([namespace])[:2]:
        try:
            case.driver.first_page(strip(partition), data_type)
        except ConnectorError as error:
            expect_final(case, error, "an unsupported type")
        case.checks += 1


@rule(
    "errors/unknown-type",
    BEST_CODE,
    level=Level.SHOULD,
    needs=(Need.LISTING,),
    hint="the connector treats everything that isn't JSON as BSON, or the other way around",
    examples=0.28,
    after=("errors/list-type",),
)
def unknown_type(case: Case) -> None:
    """A listing of DATA_TYPE_UNKNOWN is refused: that value means that the request has no type."""
    namespace, _, _ = case.listable(max_size=3)
    try:
        page = case.driver.first_page(strip(case.driver.partitions([namespace])[0]), DATA_TYPE_UNKNOWN)
    except ConnectorError:
        case.checks += 1
        return
    case.check(
        not page.data,
        "documents are listed although the request has no type",
        expected="INVALID_ARGUMENT",
        seen=f"{len(page.data)} documents",
    )


KNOWN_GARBAGE = [
    *(b"garbage", b"\x00", b"\xff\xfe\xfd", b"{}", b"[]", b"null", b"-1", b"0", b"99999999999999999999", b"{"),
    *(b'["x"]', b'{"a": 1}', b"\x00" * 8, b"\xff" * 16, b"\x05\x00\x00\x00\x00", b"x" * 5000),
]
GARBAGE = st.one_of(st.sampled_from(KNOWN_GARBAGE), st.binary(min_size=1, max_size=12))
SEVERAL_GARBAGE = choosing.several(KNOWN_GARBAGE, GARBAGE, choose=choosing.some)  # each costs a call


@rule(
    "errors/page-cursor",
    BAD_INPUT,
    needs=(Need.LISTING,),
    hint="a partition's cursor that can't be decoded is mapped to the code of an outage",
    examples=0.5,
    after=("plan/repeatable",),
)
def page_cursor(case: Case) -> None:
    """If a partition with a foreign cursor is refused, the code is final."""
    namespace, data_type, _ = case.listable(max_size=3)
    for garbage in case.draw(SEVERAL_GARBAGE, "cursors"):
        try:
            case.driver.first_page(Partition(namespace=namespace, cursor=garbage), data_type)
        except ConnectorError as error:
            expect_final(case, error, "a garbage cursor of a partition")
        case.checks += 1


HOSTILE_NAMES = (
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
    "Namespaces are opaque strings … An unknown namespace is empty, or is answered with NOT_FOUND",
    needs=(Need.SINK, Need.READING),
    hint="a namespace becomes a path or part of a statement unchecked: escape it, or refuse it",
    after=(
        "write/overwrites",
        "write/read-back",
        "write/isolates-namespaces",
        "errors/malformed-document",
    ),
    examples=0.5,
)
def namespaces(case: Case) -> None:
    """A strange namespace is refused with a final code, or works like any other."""
    if not case.found.makes_namespaces:
        raise case.does_not_apply("it does not create namespaces")
    data_type = case.data_type()
    # Examples share these namespaces, and a store may take ids of different number types for one: all have one type.
    identifier = case.holding(data_type).numbered(case.subject.namespaces.run, 1)(0)
    document = case.document(identifier, {"n": 0}, data_type)
    for namespace in case.draw(choosing.some(HOSTILE_NAMES), "namespaces"):
        try:
            case.write(namespace, [document], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"the strange namespace {namespace[:40]!r}")
            continue
        if not namespace and case.declared.is_source:
            continue  # a request with an empty namespace asks for all of them, so this one cannot be listed
        found = {canonical(listed, data_type) for listed in case.read(namespace, data_type, expected=100)}
        case.check(
            canonical(document, data_type) in found,
            f"a document written to the strange namespace {namespace[:40]!r} is missing",
            expected="the document, or INVALID_ARGUMENT when it was written",
            seen=f"{len(found)} documents",
        )


@rule(
    "errors/update-type",
    BAD_INPUT,
    needs=(Need.SINK,),
    hint="an update of an unknown type is ignored, or mapped to the code of an outage",
    examples=0.44,
    after=("errors/malformed-update",),
)
def update_type(case: Case) -> None:
    """An update of an unknown type is refused with a final code, or has an effect."""
    data_type = case.data_type(case.declared.sink_types)
    document = case.document(case.holding(data_type).sample_id(), {"a": 1}, data_type)
    request = Update(id=id_of(document, data_type), type=UPDATE_TYPE_UNKNOWN, data=document)
    namespace = case.namespace()
    try:
        case.update(namespace, [request], data_type)
    except ConnectorError as error:
        expect_final(case, error, "an update of an unknown type")
        return
    case.checks += 1
    if not case.declared.is_source or data_type not in case.declared.types:
        return  # its effect cannot be seen
    found = case.read(namespace, data_type, expected=1)
    case.check(
        bool(found), "an update of an unknown type was accepted, but had no effect", expected="a refusal", seen="OK"
    )


RULES = (
    refused_type,
    list_type,
    unknown_type,
    page_cursor,
    namespaces,
    update_type,
)
