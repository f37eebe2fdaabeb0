"""Large pages, large documents, many namespaces: dsync sets no limit on any call."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from grpc import StatusCode
from hypothesis import strategies as st

from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError, InvalidArgument, NotFound
from dsync_kit.protocol import UPDATE_TYPE_DELETE, DataType, Update
from dsync_kit.protocol.names import kind_name

__all__ = ["RULES"]

T = TypeVar("T")

_LIMIT = (
    "dsync sets neither a deadline nor a message-size limit on any call. A server that keeps a 4 MiB inbound limit "
    "answers RESOURCE_EXHAUSTED, which dsync retries in vain."
)
_PAGE = "one page per call, possibly empty, never split"
_MIB = 1 << 20
_FILLED = 24
"""Namespaces with documents: more than the first page of a list of names, which often has 20."""

_PIECES = (64 << 10, 24 << 10, 6 << 10)
"""The sizes of documents in a large page, the first that the store accepts: other rules try large documents."""

_WRITE_SECONDS = 30.0
_UPDATE_BYTES = 8000
"""16 MB in all: the two ends of a connection buffer a few unread megabytes themselves."""

_TAKEN_SECONDS = 0.01
"""Between two writes, so that each becomes a message of its own: messages fill a bounded queue, not bytes."""

_UNREAD_SECONDS = 60.0
_THOROUGH = 8
"""The longest pause of a reader, and from which bulk on there is time for it."""

_ONCE = 0.02
_STREAMED = ("stream/opens", "stream/inserts", "stream/many")
_WRITES = (Need.SINK, Need.LOADING, Need.READING)
_CUT = "a part of a large call is dropped, or it exceeds what the store takes at once: split the request"
_HINT = "the server has gRPC's inbound limit of 4 MiB: set grpc.max_receive_message_length to -1"


@rule("limits/large-page", _LIMIT, needs=(Need.SINK,), hint=_CUT, after=("write/overwrites",), examples=_ONCE, fills=8)
def large_page(case: Case) -> None:
    """A page of 8 MiB (thorough: 64 MiB) is written."""
    case.decline_if_unknown()
    data_type = case.data_type(case.declared.types or case.declared.sink_types)
    namespace = case.namespace()
    piece, first = _piece(case, namespace, data_type)
    documents = _large(case, 8 * case.bulk * _MIB // piece, data_type, piece)
    _write(case, namespace, documents, data_type)
    _expect(case, namespace, Model(data_type, [first, *documents]), f"a page of {8 * case.bulk} MiB")


@rule(
    "limits/large-updates",
    _LIMIT,
    needs=(*_WRITES, Need.CHANGING),
    hint=_CUT,
    after=("limits/large-page",),
    examples=_ONCE,
    fills=6,
)
def large_updates(case: Case) -> None:
    """A WriteUpdates call of 6 MiB is applied."""
    data_type = case.data_type()
    namespace = case.namespace()
    piece, first = _piece(case, namespace, data_type)
    updates = many_updates(case, 6 * _MIB // piece, data_type, "large", **_long(case, data_type, piece))
    model = Model(data_type, [first])
    model.apply(updates)
    try:
        case.update(namespace, updates, data_type)
    except ConnectorError as error:
        raise _refused("a WriteUpdates call of 6 MiB", error) from error
    case.expect(namespace, model, "the listing after a WriteUpdates call of 6 MiB")


@rule(
    "limits/large-stream",
    _LIMIT,
    needs=(Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="a message of the stream grows beyond what the server sends, or a large update is dropped",
    after=("limits/large-updates", *_STREAMED),
    examples=_ONCE,
    fills=8,
)
def large_stream(case: Case) -> None:
    """A backlog of 6 MiB of updates arrives on the stream, and so does a document of 2 MiB."""
    scene = Scene(case)
    (name,) = scene.namespaces
    try:
        scene.change(name, [scene.insert(scene.absent[0], "x" * (2 * _MIB - 1000))])
    except InvalidArgument as error:
        case.notes.append(f"it refuses documents of 2 MiB ({error})")
    piece = _piece_of_updates(case, scene, name)
    for number in range(3):
        fields = _long(case, scene.data_type, piece)
        scene.change(name, many_updates(case, 2 * _MIB // piece, scene.data_type, f"l{number}", **fields))
    scene.mark()
    scene.follow().converge(scene.wanted(), what="a stream with 6 MiB of updates")


@rule(
    "limits/many-documents",
    _PAGE,
    needs=(Need.SINK,),
    hint="the page exceeds the store's limit of rows, parameters or operations per request: split the request",
    after=("write/overwrites", "list/complete"),
    examples=_ONCE,
    fills=0.06,
)
def many_documents(case: Case) -> None:
    """A page of 2,000 documents (thorough: 12,000) is written."""
    case.decline_if_unknown()
    data_type = case.data_type(case.declared.types or case.declared.sink_types)
    documents = case.numbered(2000 * case.bulk, data_type)
    namespace = case.namespace()
    _write(case, namespace, documents, data_type)
    _expect(case, namespace, Model(data_type, documents), f"a page of {len(documents)} documents")


@rule(
    "limits/many-updates",
    "the same id may occur several times in one call, and order decides",
    needs=(*_WRITES, Need.CHANGING),
    hint="the call exceeds the store's limit of operations per request: split the request, in order",
    after=("updates/order-in-call", "limits/many-documents"),
    examples=_ONCE,
    fills=0.1,
)
def many_updates_at_once(case: Case) -> None:
    """2,050 updates in one call are applied in order: inserts, and deletes of every third document."""
    data_type = case.data_type()
    updates = many_updates(case, 1537, data_type)
    if case.deletes:
        updates += [Update(id=update.id, type=UPDATE_TYPE_DELETE) for update in updates[::3]]
    namespace = case.namespace()
    model = Model(data_type)
    model.apply(updates)
    case.update(namespace, updates, data_type)
    case.expect(namespace, model, f"the listing after a call with {len(updates)} updates")


@rule(
    "limits/large-document",
    "may refuse …: with INVALID_ARGUMENT or NOT_FOUND, never by dropping data",
    needs=(Need.LOADING, Need.READING),
    hint="a large document is cut, dropped, or refused with a code that dsync retries",
    after=("limits/large-page",),
    examples=_ONCE,
    fills=16,
)
def large_document(case: Case) -> None:
    """Documents of 1 MiB and 15 MiB are stored whole, or refused with INVALID_ARGUMENT."""
    data_type = case.data_type()
    namespace = case.namespace()
    kept: list[bytes] = []
    for size in (1, 15):
        (document,) = case.numbered(1, data_type, prefix=f"large{size}", **_long(case, data_type, size * _MIB - 1000))
        try:
            case.write(namespace, [document], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a document of {size} MiB")
            case.notes.append(f"it refuses documents of {size} MiB")
            continue
        kept.append(document)
    if not kept:
        raise case.decline("it refuses documents of 1 MiB")
    case.expect(namespace, Model(data_type, kept), "the listing after a large document")


@rule(
    "limits/document-sizes",
    _LIMIT,
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


@rule(
    "limits/many-namespaces",
    "It calls GeneratePlan once, with the user's namespaces verbatim",
    needs=(Need.LOADING, Need.LISTING, Need.MULTI_NAMESPACE_PLAN),
    hint="a plan of many namespaces is cut short",
    after=("plan/multi-namespace",),
    examples=_ONCE,
)
def many_namespaces(case: Case) -> None:
    """A plan of 50 namespaces (thorough: 1,050) covers those that hold documents."""
    if not case.found.makes_namespaces:
        raise case.does_not_apply("it does not create namespaces")
    count = 50 if case.bulk == 1 else 200 * case.bulk - 150
    data_type = case.data_type()
    names = [case.namespace() for _ in range(count)]
    (document,) = case.numbered(1, data_type)
    drawn = case.draw(_places(count), "namespaces with a document, beside some of the first")
    full = [names[index] for index in sorted({*range(0, 2 * _FILLED, 2), *drawn})]
    for name in full:
        case.write(name, [document], data_type)
    try:
        plan = case.driver.plan(names, updates=case.found.streams)
    except NotFound as error:
        raise case.decline(f"a plan of missing namespaces is refused: {error.message}") from error
    left_out = set(full) - {partition.namespace for partition in plan.partitions}
    case.check(
        not left_out,
        f"a plan of {count} namespaces omits {len(left_out)} of the {len(full)} that have documents",
        expected=f"partitions of {len(full)} namespaces with documents",
        seen=f"none of {sorted(left_out)[:3]}",
    )
    if case.offers(Need.DEFAULT_PLAN):
        left_out = set(full) - {partition.namespace for partition in case.driver.plan().partitions}
        case.check(
            not left_out,
            f"a plan without namespaces omits {len(left_out)} of {len(full)} namespaces that have documents",
            expected="partitions of all namespaces with documents",
            seen=f"none of {sorted(left_out)[:3]}",
        )


def _places(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, count - 2), max_size=3, unique=True).map(lambda inner: [0, *inner, count - 1])


def _piece(case: Case, namespace: str, data_type: DataType) -> tuple[int, bytes]:
    """The size of the largest of some documents that the store accepts alone, and this document, which is written."""

    def write(size: int) -> bytes:
        documents = _large(case, 1, data_type, size, prefix="alone")
        case.write(namespace, documents, data_type)
        return documents[0]

    return _largest(case, write)


def _piece_of_updates(case: Case, scene: Scene, name: str) -> int:
    """The same by an update, which is then in the scene."""

    def write(size: int) -> None:
        scene.change(name, many_updates(case, 1, scene.data_type, "alone", **_long(case, scene.data_type, size)))

    size, _ = _largest(case, write)
    return size


def _largest(case: Case, write: Callable[[int], T]) -> tuple[int, T]:
    """The first size of `_PIECES` of which the store accepts a document, and what `write` returned for it."""

    def attempt(size: int) -> tuple[int, T]:
        with case.declined_if_refused(f"documents of {size >> 10} KiB"):
            return size, write(size)

    for size in _PIECES[:-1]:
        with suppress(Inapplicable):
            return attempt(size)
    return attempt(_PIECES[-1])


def _expect(case: Case, namespace: str, model: Model, after: str) -> None:
    """Raise Violation unless the namespace equals the model, as far as anybody can read it."""
    if case.offers(Need.READING):
        case.expect(namespace, model, f"the listing after {after}")
    else:
        case.checks += 1


def _refused(what: str, error: ConnectorError) -> Violation:
    """A call was refused. gRPC's limit is the likely cause only if the code is the one for it."""
    limited = error.code is StatusCode.RESOURCE_EXHAUSTED
    return Violation(f"{what} is refused", expected="OK", seen=str(error), hint=_HINT if limited else "")


def _large(case: Case, count: int, data_type: DataType, size: int, prefix: str = "large") -> list[bytes]:
    return case.numbered(count, data_type, prefix=prefix, **_long(case, data_type, size))


def _long(case: Case, data_type: DataType, size: int) -> dict[str, str]:
    """A field with a text that compresses badly, the same in every run."""
    block = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(512))
    return {case.long_field(size, data_type): (block * (size // len(block) + 1))[:size]}


def _write(case: Case, namespace: str, documents: list[bytes], data_type: DataType) -> None:
    size = sum(map(len, documents))
    try:
        case.write(namespace, documents, data_type)
    except ConnectorError as error:
        raise _refused(f"a page of {len(documents)} documents, {size / _MIB:.1f} MiB,", error) from error


@rule(
    "limits/slow-reader",
    "It tolerates a slow reader.",
    needs=(Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="updates go into a bounded queue: when it is full, some are dropped, or the writer waits",
    after=(*_STREAMED, "stream/overwrites", "stream/deletes", "stream/stays-open", "updates/model", "write/read-back"),
    examples=_ONCE,
    fills=16,
)
def slow_reader(case: Case) -> None:
    """A reader that pauses while 2,000 updates are written (thorough: for a minute) then receives all of them."""
    scene = Scene(case)
    follower = scene.follow(ahead=1)
    (name,) = scene.namespaces
    for number in range(20 * min(case.bulk, 2)):
        updates = many_updates(
            case,
            100,
            scene.data_type,
            f"part{number:03}",
            **{case.long_field(_UPDATE_BYTES, scene.data_type): "x" * _UPDATE_BYTES},
        )
        case.within(
            _WRITE_SECONDS,
            lambda updates=updates: scene.change(name, updates),  # type: ignore[misc]
            "a write gets no answer while nobody reads an open stream",
        )
        time.sleep(_TAKEN_SECONDS)
    time.sleep(_UNREAD_SECONDS if case.bulk >= _THOROUGH else 0.2 * case.bulk**2)
    scene.mark()
    follower.converge(scene.wanted(), what="a stream that was read late")


RULES = (
    large_page,
    large_updates,
    large_stream,
    slow_reader,
    many_documents,
    many_updates_at_once,
    large_document,
    document_sizes,
    many_namespaces,
)
