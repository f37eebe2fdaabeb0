"""ListData of documents that were written as the other data type."""

from bson import Binary, DatetimeMS, Decimal128, Int64, MinKey, Regex
from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing, strategies
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.verdicts.model import by_id
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType
from dsync_kit.protocol.names import type_name

__all__ = ["RULES"]


_INEXPRESSIBLE: dict[DataType, list[dict[str, object]]] = {
    strategies.BSON: [
        {"v": float("nan")},
        {"v": float("inf")},
        {"v": Binary(b"\xff\xfe", 0)},
        {"v": Decimal128("1E+6144")},
        {"v": DatetimeMS(2**62)},
        {"v": Regex("a", "i")},
        {"v": MinKey()},
        {"v": Int64(2**63 - 1)},
    ],
    strategies.JSON: [{"v": 2**64 - 1}, {"v": {"$date": "x"}}, {"v": {"a.b": 1}}, {"v": {"$oid": "x"}}],
}
"""Fields that the other type cannot hold as they are."""


@rule(
    "list/types-agree",
    "It uses the first type in the **source's** list that the sink also lists.",
    level=Level.SHOULD,
    needs=(Need.SINK, Need.LISTING, Need.TWO_TYPES),
    hint="each type's documents are stored separately: convert them, or refuse the listing",
    after=("write/read-back", "list/complete", "list/type"),
    examples=0.5,
)
def types_agree(case: Case) -> None:
    """Documents written as one type appear in a listing of the other type, or that listing is refused."""
    written, listed = _two_types(case)
    documents = case.numbered(case.draw(st.integers(1, 5), "count"), written)
    namespace = case.namespace()
    case.write(namespace, documents, written)
    try:
        found = case.read(namespace, listed, expected=len(documents))
    except ConnectorError as error:
        case.check(
            case.declines(error),
            "a listing of the other type is refused with the wrong code",
            expected="INVALID_ARGUMENT or UNIMPLEMENTED, or the documents",
            seen=error,
        )
        case.notes.append(f"documents written as one type cannot be listed as the other ({error.code.name})")
        return
    case.check(
        len(by_id(found, listed)) == len(documents),
        "documents are missing from a listing of the other type",
        expected=f"{len(documents)} documents",
        seen=f"{len(found)} documents",
    )


@rule(
    "list/all-or-refused",
    "Together the partitions cover the data",
    needs=(Need.SINK, Need.LISTING, Need.TWO_TYPES),
    hint="a document that cannot be converted is skipped: refuse the listing, or convert as much as possible",
    after=("list/types-agree", "list/complete", "write/accepts"),
    examples=0.5,
)
def all_or_refused(case: Case) -> None:
    """A listing of the other type returns inexpressible documents in some form, or is refused."""
    written, listed = _two_types(case)
    contents = [{"v": 1}, *case.draw(choosing.some(_INEXPRESSIBLE[written]), "contents")]
    values = case.numbered_ids(len(contents), written)
    taken = 0
    namespace = case.namespace()
    for value, content in zip(values, contents, strict=True):
        try:
            case.write(namespace, [case.document(value, content, written)], written)
        except ConnectorError:
            continue  # write/accepts judges refusals
        taken += 1
    try:
        found = case.read(namespace, listed, expected=taken)
    except ConnectorError as error:
        raise case.decline(f"it refuses to list what it cannot convert ({error.code.name})") from error
    if not found:
        raise case.decline("documents of one type cannot be listed as the other")
    case.check(
        len(found) == taken,
        "the listing omits documents that cannot be converted",
        expected=f"{taken} documents, or a refusal",
        seen=f"{len(found)} documents",
    )


def _two_types(case: Case) -> tuple[DataType, DataType]:
    sides = case.declared.sink_types, case.declared.source_types
    pairs = [(written, listed) for written in sides[0] for listed in sides[1] if written != listed]
    return case.draw(st.sampled_from(pairs), "written as, listed as", show=type_name)


RULES = (types_agree, all_or_refused)
