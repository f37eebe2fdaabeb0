"""The states that a read may see while writes are in flight."""

import pytest

from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.verdicts.history import Clock, History
from dsync_kit.protocol import DATA_TYPE_JSON_ID

KEY = b"a"
ONE, TWO, THREE = (f'{{"id": "a", "v": {number}}}'.encode() for number in (1, 2, 3))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> History:
    return History(DATA_TYPE_JSON_ID, clock, {})


def test_what_was_acknowledged_before_a_read_is_seen(history: History, clock: Clock) -> None:
    """Only the last state is possible; before the first write, no document is."""
    before = clock.now()
    for document in (ONE, TWO):
        history.end(history.begin([(KEY, document)]))
    now = clock.now()
    assert history.possible(KEY, now, now) == [TWO]
    assert history.possible(KEY, before, before) == [None]


def test_what_is_in_flight_may_be_seen_or_not(history: History, clock: Clock) -> None:
    """Between a call and its answer, and for a read that began before the answer, both states are possible."""
    history.end(history.begin([(KEY, ONE)]))
    since = clock.now()
    writes = history.begin([(KEY, TWO)])
    assert history.possible(KEY, since, clock.now()) == [ONE, TWO]
    history.end(writes)
    assert history.possible(KEY, since, clock.now()) == [ONE, TWO]
    assert history.possible(KEY, clock.now(), clock.now()) == [TWO]


def test_what_begins_after_a_read_is_not_seen(history: History, clock: Clock) -> None:
    """A read that ended before the call cannot see it."""
    since, until = clock.now(), clock.now()
    history.end(history.begin([(KEY, ONE)]))
    assert history.possible(KEY, since, until) == [None]


def test_documents_of_others_need_not_be_listed_until_they_are_written_to(clock: Clock) -> None:
    """Such documents are left out of listings. One that is overwritten after the read was still left out of it."""
    history = History(DATA_TYPE_JSON_ID, clock, {KEY: ONE})
    since, until = clock.now(), clock.now()
    history.end(history.begin([(KEY, TWO)]))
    history.check_listing({}, since, until, "the listing", among=[KEY])
    with pytest.raises(Violation, match="the listing lacks a document"):
        history.check_listing({}, clock.now(), clock.now(), "the listing", among=[KEY])


def test_each_state_of_one_call_may_be_seen_until_its_answer(history: History, clock: Clock) -> None:
    """A call that updates one id twice is not a transaction; afterwards its last update holds."""
    since = clock.now()
    history.end(history.begin([(KEY, ONE), (KEY, None), (KEY, TWO)]))
    assert history.possible(KEY, since, clock.now()) == [None, ONE, None, TWO]
    assert history.possible(KEY, clock.now(), clock.now()) == [TWO]


def test_a_refused_call_leaves_one_of_two_states(history: History, clock: Clock) -> None:
    """What it applied is unknown until a read shows it; from then on it must not change."""
    history.end(history.begin([(KEY, ONE)]))
    history.end(history.begin([(KEY, TWO)]), sure=False)
    assert history.unsure
    assert history.possible(KEY, clock.now(), clock.now()) == [ONE, TWO]
    history.settle({KEY: TWO})
    assert not history.unsure
    assert history.possible(KEY, clock.now(), clock.now()) == [TWO]


def test_a_listing_lacks_no_document_that_nobody_touched(history: History, clock: Clock) -> None:
    """One that is deleted meanwhile may be missing; one that is not must be there."""
    history.end(history.begin([(KEY, ONE), (b"b", b'{"id": "b"}')]))
    since = clock.now()
    history.end(history.begin([(KEY, None)]))
    history.check_listing({b"b": b'{"id": "b"}'}, since, clock.now(), "a listing")
    with pytest.raises(Violation, match="was not touched"):
        history.check_listing({KEY: ONE}, since, clock.now(), "a listing")


@pytest.mark.parametrize(("seen", "told"), [(ONE, "no longer has"), (THREE, "never had")])
def test_an_old_state_and_one_that_never_was(history: History, clock: Clock, seen: bytes, told: str) -> None:
    """Both are violations, with different messages."""
    for document in (ONE, TWO):
        history.end(history.begin([(KEY, document)]))
    with pytest.raises(Violation, match=told):
        history.check(KEY, seen, clock.now(), clock.now(), "a lookup")


def test_what_somebody_else_has_there(clock: Clock) -> None:
    """An existing document is the first state of its id."""
    history = History(DATA_TYPE_JSON_ID, clock, {KEY: THREE})
    since = clock.now()
    history.end(history.begin([(KEY, ONE)]))
    assert history.possible(KEY, since, clock.now()) == [THREE, ONE]


def test_a_refused_call_leaves_what_belongs_to_somebody_else(clock: Clock) -> None:
    """While it is unchanged, listings are without it: a refused overwrite is as if nobody had written to it."""
    history = History(DATA_TYPE_JSON_ID, clock, {KEY: ONE})
    for _ in range(2):
        history.end(history.begin([(KEY, TWO)]), sure=False)
        history.settle({})
        now = clock.now()
        assert history.possible(KEY, now, now) == [ONE]
        assert history.model().documents == {}
        history.check_listing({}, now, now, "a listing")
    history.end(history.begin([(KEY, TWO)]))
    history.end(history.begin([(KEY, THREE)]), sure=False)
    history.settle({})
    now = clock.now()
    assert history.possible(KEY, now, now) == [None]
