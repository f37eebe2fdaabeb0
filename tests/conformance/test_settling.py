"""Reads that lag: the kit waits for the expected state, which must then stay, and waits only if reads do lag."""

import time
from collections.abc import Callable

import pytest

from dsync_kit.conformance.calls.counting import Counting
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.calls.unseen import Unseen
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.documents import encode
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import WriteDataRequest

NOTHING = WriteDataRequest()
"""A page without documents."""


def shows(*answers: bool) -> Callable[[], bool | None]:
    """A look at a document that is there if its answer says so."""
    left = iter(answers)
    return lambda: next(left) or None


def looks(*answers: bool) -> Callable[[], int]:
    """A look that succeeds if its answer says so; the last answer is repeated."""
    left = list(answers)
    count = 0

    def look() -> int:
        nonlocal count
        count += 1
        if not (left.pop(0) if len(left) > 1 else left[0]):
            raise Violation("not there")
        return count

    return look


def test_without_lag_what_is_not_there_at_once_is_a_violation() -> None:
    """If reads see writes at once, the kit looks only once."""
    with pytest.raises(Violation):
        Settling(0.0).settled(looks(False, True))


def test_what_comes_late_is_waited_for() -> None:
    """If reads lag, it looks until the expected state is there."""
    assert Settling(5.0).settled(looks(False, False, True)) > 3


def test_a_look_that_began_too_early_is_repeated_however_long_it_took() -> None:
    """A long listing may end after the lag, and lack what was not visible when it began."""
    answers = looks(False, True)

    def look() -> int:
        time.sleep(0.2)
        return answers()

    assert Settling(0.1).settled(look) > 1


def test_what_never_comes_is_a_violation() -> None:
    """The wait ends with the violation of the last look."""
    with pytest.raises(Violation, match=r"^not there$"):
        Settling(0.1).settled(looks(False))


def test_what_was_seen_must_stay() -> None:
    """A read that goes back in time is a violation, even after the expected state was seen."""
    with pytest.raises(Violation, match="did not last"):
        Settling(0.1).settled(looks(False, True, True, False))


def test_what_is_seen_from_before_the_last_write_need_not_stay() -> None:
    """An earlier example may have left the same state: until the last write must be visible, it proves nothing."""
    settling = Settling(0.5)
    settling.wrote(NOTHING, done=True)
    assert settling.settled(looks(True, False, True)) > 3


def test_what_is_seen_at_once_may_be_the_state_before_the_last_writes() -> None:
    """A refused page of which a part is kept shows late: it is looked for until everything must be visible."""
    settling = Settling(2.0)
    settling.wrote(NOTHING, done=False)
    with pytest.raises(Violation):
        settling.settled(looks(True, True, True, True, True, False))


def test_what_a_listing_shows_is_not_waited_for() -> None:
    """As soon as everything is visible, reads go on; the lag is an hour."""
    document = encode({"_id": "a"}, BSON)
    listings = iter([[], [], *[[document]] * 9])
    settling = Settling(3600.0, Unseen(lambda *_: next(listings)))
    settling.writes()
    settling.wrote(WriteDataRequest(namespace="ns", type=BSON, data=[document]), done=True)
    settling.wait()
    assert next(listings) == [document]


@pytest.mark.parametrize("how", ["elsewhere", "moved"])
def test_what_one_instance_shows_another_may_not_show_yet(how: str) -> None:
    """Reads of another instance wait for the whole lag, also if it has replaced the first one."""
    document = encode({"_id": "a"}, BSON)
    settling = Settling(0.3, Unseen(lambda *_: [document]))
    settling.writes()
    settling.wrote(WriteDataRequest(namespace="ns", type=BSON, data=[document]), done=True)
    written = time.monotonic()
    settling.wait()
    if how == "moved":
        settling.moved()
    settling.wait(elsewhere=how == "elsewhere")
    assert time.monotonic() - written >= 0.25


def test_a_lag_is_found_out_at_the_first_document() -> None:
    """The kit waits for a document that appears late, and gives later ones more time than it took."""
    settling = Settling()
    assert settling.appears(shows(False, False, True, True))
    assert settling.seconds > 0.0


def test_a_listing_that_comes_from_a_cache_shows_a_lag() -> None:
    """The first listing of a namespace is fresh; the second one lacks what was written since."""
    settling = Settling()
    assert settling.appears(shows(True))
    assert settling.appears(shows(False, True, True))
    assert settling.seconds > 0.0
    assert settling.watches


def test_a_lag_that_varies_is_watched_with_several_documents() -> None:
    """The longest of them counts: a document that came soon by chance does not make later ones violations."""
    settling = Settling()
    assert settling.appears(shows(False, True, True))
    first = settling.seconds
    assert settling.watches
    assert settling.appears(shows(*[False] * 6, True, True))
    assert settling.seconds > first


def test_the_lag_grows_with_what_takes_longer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes even later than anything before is no violation, and the next reads wait as long."""
    monkeypatch.setattr("dsync_kit.conformance.calls.lag._SHORTEST", 0.01)
    settling = Settling()
    assert settling.appears(shows(False, True, True))
    found = settling.seconds
    settling.settled(looks(*[False] * 8, True))
    assert settling.seconds > found


def test_a_slow_look_is_no_lag() -> None:
    """On a busy machine a look takes long: what it has seen may have been visible long before it ended."""
    settling = Settling()
    assert settling.appears(shows(False, True, True))
    found, answers = settling.seconds, iter([False, True])

    def look() -> None:
        time.sleep(found)
        if not next(answers, True):
            raise Violation("not there")

    settling.wrote(NOTHING, done=True)
    settling.settled(look)
    assert settling.seconds == found


def test_a_given_lag_does_not_grow() -> None:
    """What comes later than the user allows is a violation."""
    with pytest.raises(Violation, match=r"^not there$"):
        Settling(0.1).settled(looks(*[False] * 30, True))


def test_what_appears_is_not_waited_for_any_longer() -> None:
    """A document of a trial is there as soon as it is listed; one that never comes is waited for as long as the lag."""
    settling = Settling(60.0)
    settling.wrote(NOTHING, done=True)
    assert settling.appears(iter([None, None, "there"]).__next__) == "there"
    settling = Settling(0.1)
    settling.wrote(NOTHING, done=True)
    assert settling.appears(lambda: None) is None


def test_two_documents_that_are_seen_at_once_show_no_lag() -> None:
    """From then on, a missing document is a violation at once."""
    settling = Settling()
    assert settling.appears(shows(True))
    assert settling.watches
    assert settling.appears(shows(True))
    assert not settling.watches
    assert settling.seconds == 0.0
    assert not settling.appears(shows(False))


def test_a_document_that_never_comes_shows_no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was dropped, and rules say so without waiting."""
    monkeypatch.setattr("dsync_kit.conformance.calls.settling.LONGEST_LAG", 0.1)
    settling = Settling()
    assert not settling.appears(lambda: None)
    assert settling.seconds == 0.0


def test_a_given_lag_is_not_found_out() -> None:
    """The user's value counts: the kit does not wait to learn it."""
    settling = Settling(0.0)
    assert not settling.appears(shows(False))
    assert settling.seconds == 0.0


def test_what_reads_once_waits_for_the_last_write() -> None:
    """A read that is not repeated waits until all writes must be visible."""
    settling = Settling(0.2)
    settling.wrote(NOTHING, done=True)
    began = time.monotonic()
    settling.wait()
    assert time.monotonic() - began >= 0.15


def test_a_count_that_is_never_right_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second wrong count is a violation at once, so that a broken count costs little time."""
    monkeypatch.setattr("dsync_kit.conformance.calls.counting.LONGEST_LAG", 0.1)
    counting = Counting()
    counting.settled(looks(False, True))
    with pytest.raises(Violation):
        counting.settled(looks(False))
    with pytest.raises(Violation):
        counting.settled(looks(False, True))
