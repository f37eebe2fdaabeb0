"""Documents of any size: stored whole, or refused for good."""

from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.limits.large import LIMIT, MIB, ONCE, long_field
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, Update
from dsync_kit.protocol.names import kind_name

__all__ = ["RULES"]


@rule(
    "limits/large-document",
    "may refuse …: with INVALID_ARGUMENT or NOT_FOUND, never by dropping data",
    needs=(Need.SINK,),
    hint="a large document is cut, dropped, or refused with a code that dsync retries",
    after=("limits/large-page",),
    examples=ONCE,
    fills=16,
)
def large_document(case: Case) -> None:
    """Documents of 1 MiB and 15 MiB are stored whole, or refused with INVALID_ARGUMENT."""
    data_type = case.written_type()
    namespace = case.namespace()
    kept: list[bytes] = []
    for size in (1, 15):
        (document,) = case.numbered(
            1, data_type, prefix=f"large{size}", **long_field(case, data_type, size * MIB - 1000)
        )
        try:
            case.write(namespace, [document], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a document of {size} MiB")
            case.checks += 1
            case.notes.append(f"it refuses documents of {size} MiB")
            continue
        kept.append(document)
    if not kept:
        raise case.decline("it refuses documents of 1 MiB")
    case.expect_if_read(namespace, Model(data_type, kept), "a large document")


@rule(
    "limits/document-sizes",
    LIMIT,
    needs=(Need.LOADING, Need.READING),
    hint="documents beyond some size are cut, dropped or refused: by a buffer, a column, a message of the stream",
    after=("limits/large-document", "limits/large-page", "updates/model", "write/read-back"),
    examples=0.34,
    fills=16,
)
def document_sizes(case: Case) -> None:
    """Documents of any size are stored whole and streamed, whichever call carries them, or get a final refusal.

    In their calls they stand alone, or among small ones. Some replace smaller ones, and some are then replaced.
    """
    data_type = case.data_type()
    streamed = case.found.streams and case.declared.can_change
    scene = Scene(case, data_type=data_type) if streamed else None
    follower = scene.follow() if scene is not None else None
    namespace = scene.namespaces[0] if scene is not None else case.namespace()
    model = scene.models[namespace] if scene is not None else Model(data_type)
    size = case.freedoms.document_bytes()
    ids = case.numbered_ids(2, data_type, prefix="sized")
    letter = case.draw(choosing.choice("x", "\u65e5"), "filled with")
    page = [document for value in ids if (document := _sized(case, value, size, letter, data_type))]
    smaller = [case.document(value, {"n": 0}, data_type) for value in ids]
    replacing, replaced = case.draw(st.tuples(st.booleans(), st.booleans()), "replace smaller ones, and are replaced")
    if replacing:
        case.write(namespace, smaller, data_type)
        model.write(smaller)
    before, after = case.draw(choosing.choice((0, 0), (1, 1), (0, 2), (2, 1)), "small documents before and after")
    kind = case.draw(st.sampled_from(case.update_kinds[:2]), "updated by", show=kind_name)
    for way, document in zip(("WriteData", "WriteUpdates"), page, strict=False):
        small = case.numbered(before + after, data_type, prefix=f"small{way}") if before + after else []
        documents = [*small[:before], document, *small[before:]]
        try:
            if way == "WriteData" or not case.declared.can_change:
                case.write(namespace, documents, data_type)
            else:
                updates = [Update(id=id_of(one, data_type), type=kind, data=one) for one in documents]
                case.update(namespace, updates, data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a document of {len(document):,} bytes by {way}")
            case.notes.append(f"it refuses documents of {len(document):,} bytes")
            documents = small
            if small:  # nobody knows which of them a refused call wrote
                case.write(namespace, small, data_type)
        model.write(documents)
    case.expect(namespace, model, f"the listing of documents of {size:,} bytes")
    if replaced:
        case.write(namespace, smaller, data_type)
        model.write(smaller)
        case.expect(namespace, model, f"the listing of small documents in place of documents of {size:,} bytes")
    if scene is not None and follower is not None:
        follower.converge(scene.wanted(), what=f"a stream with documents of {size:,} bytes")


def _sized(case: Case, value: Any, size: int, letter: str, data_type: DataType) -> bytes:
    """A document of so many bytes, filled with a letter, which a buffer may cut in two; for 0, one with only the id."""
    if not size:
        return case.document(value, {}, data_type)
    name = case.long_field(1, data_type)
    empty = case.document(value, {name: ""}, data_type)
    room = size - len(empty)
    if room < 1 or case.holding(data_type).long_field(room) != name:
        return b""
    letters, rest = divmod(room, len(letter.encode()))
    return case.document(value, {name: letter * letters + "x" * rest}, data_type)


RULES = (large_document, document_sizes)
