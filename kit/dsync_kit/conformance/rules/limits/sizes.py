"""Large pages, large documents, many namespaces: dsync sets no limit on any call."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from grpc import StatusCode
from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.limits.large import LIMIT, MIB, ONCE, long_field
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import ConnectorError, InvalidArgument, NotFound
from dsync_kit.protocol import UPDATE_TYPE_DELETE, DataType, Update

__all__ = ["RULES"]

T = TypeVar("T")

_PAGE = "one page per call, possibly empty, never split"
_FILLED = 24
"""Namespaces with documents: more than the first page of a list of names, which often has 20."""

_PIECES = (64 << 10, 24 << 10, 6 << 10)
"""The sizes of documents in a large page, the first that the store accepts: other rules try large documents."""

_FIRST, _AFFORDABLE_SECONDS = (50, 350), 10.0
"""How many documents are written to see how long it takes, and how long thousands of them may take."""

_WRITE_SECONDS = 30.0
_UPDATE_BYTES = 8000
"""16 MB in all: the two ends of a connection buffer a few unread megabytes themselves."""

_TAKEN_SECONDS = 0.01
"""Between two writes, so that each becomes a message of its own: messages fill a bounded queue, not bytes."""

_UNREAD_SECONDS = 60.0
_THOROUGH = 8
"""The longest pause of a reader, and from which bulk on there is time for it."""

_STREAMED = ("stream/opens", "stream/inserts", "stream/many")
_WRITES = (Need.SINK, Need.LOADING, Need.READING)
_CUT = "part of a large call is dropped, or the call exceeds what the store takes at once: split the request"
_HINT = "the server has gRPC's inbound limit of 4 MiB: set grpc.max_receive_message_length to -1"


@rule("limits/large-page", LIMIT, needs=(Need.SINK,), hint=_CUT, after=("write/overwrites",), examples=ONCE, fills=8)
def large_page(case: Case) -> None:
    """A page of 8 MiB (thorough: 64 MiB) is written."""
    data_type = case.written_type()
    namespace = case.namespace()
    piece, first = _piece(case, namespace, data_type)
    documents = _large(case, 8 * case.bulk * MIB // piece, data_type, piece)
    _write(case, namespace, documents, data_type)
    case.expect_if_read(namespace, Model(data_type, [first, *documents]), f"a page of {8 * case.bulk} MiB")


@rule(
    "limits/large-updates",
    LIMIT,
    needs=(*_WRITES, Need.CHANGING),
    hint=_CUT,
    after=("limits/large-page",),
    examples=ONCE,
    fills=6,
)
def large_updates(case: Case) -> None:
    """A WriteUpdates call of 6 MiB is applied."""
    data_type = case.data_type()
    namespace = case.namespace()
    piece, first = _piece(case, namespace, data_type)
    updates = many_updates(case, 6 * MIB // piece, data_type, "large", **long_field(case, data_type, piece))
    model = Model(data_type, [first])
    model.apply(updates)
    try:
        case.update(namespace, updates, data_type)
    except ConnectorError as error:
        raise _refused("a WriteUpdates call of 6 MiB", error) from error
    case.expect(namespace, model, "the listing after a WriteUpdates call of 6 MiB")


@rule(
    "limits/large-stream",
    LIMIT,
    needs=(Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="a message of the stream grows beyond what the server sends, or a large update is dropped",
    after=("limits/large-updates", *_STREAMED),
    examples=ONCE,
    fills=8,
)
def large_stream(case: Case) -> None:
    """A backlog of 6 MiB of updates arrives on the stream, and so does a document of 2 MiB."""
    scene = Scene(case)
    (name,) = scene.namespaces
    try:
        scene.change(name, [scene.insert(scene.absent[0], "x" * (2 * MIB - 1000))])
    except InvalidArgument as error:
        case.notes.append(f"it refuses documents of 2 MiB ({error})")
    piece = _piece_of_updates(case, scene, name)
    for number in range(3):
        fields = long_field(case, scene.data_type, piece)
        scene.change(name, many_updates(case, 2 * MIB // piece, scene.data_type, f"l{number}", **fields))
    scene.mark()
    scene.follow().converge(scene.wanted(), what="a stream with 6 MiB of updates")


@rule(
    "limits/many-documents",
    _PAGE,
    needs=(Need.SINK,),
    hint="the page exceeds the store's limit of rows, parameters or operations per request: split the request",
    after=("write/overwrites", "list/complete"),
    examples=ONCE,
    fills=0.06,
)
def many_documents(case: Case) -> None:
    """A page of 2,000 documents (thorough: 12,000) is written."""
    data_type = case.written_type()
    documents = case.numbered(2000 * case.bulk, data_type)
    namespace = case.namespace()
    first = _first(case, namespace, data_type, len(documents))
    _write(case, namespace, documents, data_type)
    case.expect_if_read(namespace, Model(data_type, [*first, *documents]), f"a page of {len(documents)} documents")


@rule(
    "limits/many-updates",
    "the same id may occur several times in one call, and order decides",
    needs=(*_WRITES, Need.CHANGING),
    hint="the call exceeds the store's limit of operations per request: split the request, in order",
    after=("updates/order-in-call", "limits/many-documents"),
    examples=ONCE,
    fills=0.1,
)
def many_updates_at_once(case: Case) -> None:
    """2,050 updates in one call are applied in order: inserts, and deletes of every third document."""
    data_type = case.data_type()
    updates = many_updates(case, 1537, data_type)
    if case.deletes:
        updates += [Update(id=update.id, type=UPDATE_TYPE_DELETE) for update in updates[::3]]
    namespace = case.namespace()
    model = Model(data_type, _first(case, namespace, data_type, len(updates)))
    model.apply(updates)
    case.update(namespace, updates, data_type)
    case.expect(namespace, model, f"the listing after a call with {len(updates)} updates")


@rule(
    "limits/many-namespaces",
    "It calls GeneratePlan once, with the user's namespaces verbatim",
    needs=(Need.LOADING, Need.LISTING, Need.MULTI_NAMESPACE_PLAN),
    hint="a plan of many namespaces is cut short",
    after=("plan/multi-namespace",),
    examples=ONCE,
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
        scene.change(name, many_updates(case, 1, scene.data_type, "alone", **long_field(case, scene.data_type, size)))

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


def _refused(what: str, error: ConnectorError) -> Violation:
    """A call was refused. gRPC's limit is the likely cause only if the code is the one for it."""
    limited = error.code is StatusCode.RESOURCE_EXHAUSTED
    return Violation(f"{what} is refused", expected="OK", seen=str(error), hint=_HINT if limited else "")


def _first(case: Case, namespace: str, data_type: DataType, count: int) -> list[bytes]:
    """Write some documents. Raises Inapplicable if so many would take too long: some stores write row by row.

    In some of these, the time grows with the square of the page.
    """
    documents = case.numbered(sum(_FIRST), data_type, prefix="first")
    seconds, written = 0.0, 0
    for size in _FIRST:
        began = time.monotonic()
        case.write(namespace, documents[written : written + size], data_type)
        written += size
        before, seconds = seconds, time.monotonic() - began
        growth = 2 if before and seconds > 2 * before * size / _FIRST[0] else 1
        estimate = seconds * (count / size) ** growth
        if estimate > _AFFORDABLE_SECONDS:
            raise case.decline(f"{count:,} documents would take it about {estimate:.0f} seconds")
    return documents


def _large(case: Case, count: int, data_type: DataType, size: int, prefix: str = "large") -> list[bytes]:
    return case.numbered(count, data_type, prefix=prefix, **long_field(case, data_type, size))


def _write(case: Case, namespace: str, documents: list[bytes], data_type: DataType) -> None:
    size = sum(map(len, documents))
    try:
        case.write(namespace, documents, data_type)
    except ConnectorError as error:
        raise _refused(f"a page of {len(documents)} documents, {size / MIB:.1f} MiB,", error) from error


@rule(
    "limits/slow-reader",
    "It tolerates a slow reader.",
    needs=(Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="updates go into a bounded queue: when it is full, some are dropped, or the writer waits",
    after=(*_STREAMED, "stream/overwrites", "stream/deletes", "stream/stays-open", "updates/model", "write/read-back"),
    examples=ONCE,
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
    many_namespaces,
)
