"""The operations that an explorer makes, and how they are drawn."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from hypothesis import strategies as st

__all__ = ["WRITES", "AtOnce", "Focus", "Kind", "Operation", "Step", "kept_in", "shown", "some_kinds", "steps"]


class Kind(StrEnum):
    """What an operation does; the value is its name in reports."""

    PAGE = "write a page"
    CALL = "write updates"
    PARTIAL = "write partial updates"
    REPEAT = "repeat earlier writes"
    MANY = "write many documents"
    THIN_OUT = "delete some"
    EMPTY = "delete everything"
    REFILL = "write again what was deleted"
    BAD_PAGE = "write a bad page"
    LIST = "list"
    LOOK_UP = "look up"
    COUNT = "count"
    PLAN = "plan"
    COPY = "copy a plan"
    BEGIN = "begin a listing"
    GO_ON = "continue a listing"
    STREAM = "open a stream"
    RESUME = "resume a stream"
    READ = "read a message"
    CATCH_UP = "catch up with a stream"
    CANCEL = "cancel a stream"
    LSN = "open a StreamLSN"
    RESTART = "restart"
    OUTAGE = "write during an outage"
    THROTTLE = "write while the backend throttles"


class Focus(StrEnum):
    """What an example is mostly about, beside writes: bugs need several operations of a few kinds to meet."""

    EVERYTHING = "everything"
    LISTINGS = "listings"
    STREAMS = "streams"
    LOOKS = "lookups and counts"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. The numbers choose among the things that exist when it is made, modulo their count.

    `place` is a namespace, `which` a plan, a listing, a stream or a cursor. `items` are the numbers of a kind of
    update, of an id and of a content. `turned` reverses the order of namespaces, `slowly` reads no message ahead,
    `elsewhere` calls another instance. `pause` is in milliseconds, before one of several simultaneous operations.
    """

    kind: Kind
    place: int = 0
    which: int = 0
    items: tuple[tuple[int, int, int], ...] = ()
    turned: bool = False
    slowly: bool = False
    elsewhere: bool = False
    pause: int = 0


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Several threads at once, each with its own sequence of operations."""

    threads: tuple[tuple[Operation, ...], ...]


Step = Operation | AtOnce

_ITEMS = {Kind.PAGE: 4, Kind.CALL: 5, Kind.PARTIAL: 3, Kind.BAD_PAGE: 3}
_BELONGS = {
    Focus.EVERYTHING: frozenset[Kind](),
    Focus.LISTINGS: frozenset({Kind.BEGIN, Kind.GO_ON, Kind.THIN_OUT, Kind.MANY}),
    Focus.STREAMS: frozenset({Kind.STREAM, Kind.RESUME, Kind.READ}),
    Focus.LOOKS: frozenset({Kind.LIST, Kind.LOOK_UP, Kind.COUNT}),
}
_OPENS = (Kind.PLAN, Kind.BEGIN, Kind.STREAM, Kind.RESUME)
_IN_A_THREAD = frozenset(
    {
        Kind.PAGE,
        Kind.CALL,
        Kind.PARTIAL,
        Kind.MANY,
        Kind.THIN_OUT,
        Kind.EMPTY,
        Kind.BAD_PAGE,
        Kind.LIST,
        Kind.LOOK_UP,
        Kind.COUNT,
        Kind.PLAN,
        Kind.COPY,
        Kind.GO_ON,
        Kind.STREAM,
    }
)
WRITES = frozenset({Kind.PAGE, Kind.CALL, Kind.PARTIAL, Kind.MANY, Kind.THIN_OUT, Kind.EMPTY})
_DISTURBS = frozenset({Kind.RESTART, Kind.OUTAGE, Kind.THROTTLE})
_MOST_AT_ONCE = 4

_WEIGHTS = {
    Kind.CALL: 3,
    Kind.PARTIAL: 2,
    Kind.PAGE: 3,
    Kind.THIN_OUT: 2,
    Kind.BEGIN: 3,
    Kind.GO_ON: 2,
    Kind.STREAM: 2,
    Kind.RESUME: 2,
    Kind.READ: 2,
}
"""How often an operation is drawn; others once. Data is mostly lost by a write between two parts of a read."""

# Made once: Hypothesis inspects each new strategy, which costs more than drawing from it.
_PLACES, _CHOICES, _UPDATES, _IDS, _CONTENTS = 3, 8, 8, 8, 4
_PLACE = st.integers(0, _PLACES * _CHOICES - 1)
_ITEM = st.integers(0, _UPDATES * _IDS * _CONTENTS - 1)
_BITS = st.integers(0, 3)
_ANY = st.integers(0, 2**16 - 1)
_BIT_OF = {kind: 1 << number for number, kind in enumerate(Kind)}
_BITS_AT_ONCE = 16
_BITS_OF_KINDS = st.integers(0, 2**_BITS_AT_ONCE - 1)
_PAUSE = st.sampled_from((0, 0, 1, 2))
_ELSEWHERE = st.booleans()
_PAGES = {most: st.lists(_ITEM, min_size=1, max_size=most) for most in _ITEMS.values()}


@st.composite
def steps(
    draw: st.DrawFn,
    kinds: tuple[Kind, ...],
    focus: Focus,
    *,
    lists: int,
    at_once: bool = False,
    elsewhere: bool = False,
) -> list[Step]:
    """At most so many `lists` of steps of some of the kinds: an example with few kinds gets further than one with a bit
    of everything."""
    kinds = draw(some_kinds(kinds, focus))
    # A long list is drawn as short ones: Hypothesis drops whole ones when it shrinks a failure.
    parts = draw(_lists(kinds, lists, at_once, elsewhere))
    return [step for part in parts for step in part]


@st.composite
def some_kinds(draw: st.DrawFn, kinds: tuple[Kind, ...], focus: Focus) -> tuple[Kind, ...]:
    """The kinds in focus, about half of the writes, and of the others a half or, if there is a focus, a quarter."""
    half = _drawn(draw)
    fewer = half if focus is Focus.EVERYTHING else half | _drawn(draw)
    kept = kept_in(focus)
    found = tuple(kind for kind in kinds if kind in kept or not (half if kind in WRITES else fewer) & _BIT_OF[kind])
    return found if WRITES.intersection(found) else tuple(kind for kind in kinds if kind in found or kind in WRITES)


def kept_in(focus: Focus) -> frozenset[Kind]:
    """The kinds that are never left out of an example with this focus."""
    return _BELONGS[focus] | _DISTURBS


def _drawn(draw: st.DrawFn) -> int:
    """A number with a bit for each kind. (Hypothesis prefers small numbers to most of so many.)"""
    return draw(_BITS_OF_KINDS) | draw(_BITS_OF_KINDS) << _BITS_AT_ONCE


@lru_cache(maxsize=1000)
def _lists(kinds: tuple[Kind, ...], most: int, at_once: bool, elsewhere: bool) -> st.SearchStrategy[list[list[Step]]]:
    single = _operation(tuple(kind for kind in kinds for _ in range(_WEIGHTS.get(kind, 1))), elsewhere, False)
    one: st.SearchStrategy[Step] = st.one_of(single, _together(kinds, elsewhere)) if at_once else single
    return st.lists(
        st.lists(one, min_size=1, max_size=10), min_size=1, max_size=min(most, _MOST_AT_ONCE) if at_once else most
    )


def _together(kinds: tuple[Kind, ...], elsewhere: bool) -> st.SearchStrategy[AtOnce]:
    kept = tuple(kind for kind in kinds if kind in _IN_A_THREAD) or (Kind.PAGE,)
    writes = tuple(kind for kind in kept if kind in WRITES) or (Kind.PAGE,)
    writing, any_ = (
        st.lists(_operation(some, elsewhere, True), min_size=1, max_size=4).map(tuple) for some in (writes, kept)
    )
    # Two writers disturb each other most.
    return st.tuples(writing, st.one_of(any_, writing), st.lists(any_, max_size=2)).map(
        lambda of: AtOnce((of[0], of[1], *of[2]))
    )


@st.composite
def _operation(draw: st.DrawFn, kinds: tuple[Kind, ...], elsewhere: bool, paused: bool) -> Operation:
    kind = kinds[draw(_ANY) % len(kinds)]
    which, place = divmod(draw(_PLACE), _PLACES)
    items = []
    for item in draw(_PAGES[_ITEMS[kind]]) if kind in _ITEMS else ():
        rest, content = divmod(item, _CONTENTS)
        items.append((*divmod(rest, _IDS), content))
    turned, slowly = divmod(draw(_BITS), 2) if kind in _OPENS else (0, 0)
    return Operation(
        kind,
        place,
        which,
        tuple(items),
        bool(turned),
        bool(slowly),
        draw(_ELSEWHERE) if elsewhere else False,
        draw(_PAUSE) if paused else 0,
    )


def shown(step: Step) -> str:
    """A step as reports name it; the transcript has its result."""
    if isinstance(step, AtOnce):
        return "at once {" + " | ".join(", ".join(shown(one) for one in thread) for thread in step.threads) + "}"
    return step.kind.value + (" on another instance" if step.elsewhere else "")
