"""Following a log: woken if possible, otherwise polled less and less often, and through temporary faults."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from dsync_kit.connector import CallContext
from dsync_kit.errors import FailedPrecondition, Unavailable
from dsync_kit.store import Change, Place, follow
from dsync_kit.store import following as module
from dsync_kit.store.following import Bell

Step = list[Change] | Exception | Callable[[], object]


class Script:
    """A log that plays a script: each step gives changes, fails, or calls something and gives nothing."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.opened: list[Place] = []
        self.closed = 0

    def open(self, after: Place) -> "Script":
        self.opened.append(after)
        return self

    def read(self, limit: int, wait: float) -> Iterable[Change]:
        match self.steps.pop(0):
            case Exception() as error:
                raise error
            case list() as changes:
                return changes
            case call:
                call()
                return []

    def close(self) -> None:
        self.closed += 1


def changes(*places: int) -> list[Change]:
    return [Change(place, "ns") for place in places]


class NotingEvent(threading.Event):
    """An event that does not really wait: it records the seconds."""

    def __init__(self, seconds: list[float]) -> None:
        super().__init__()
        self._seconds = seconds

    def wait(self, timeout: float | None = None) -> bool:
        self._seconds.append(timeout or 0.0)
        return self.is_set()


class NotingBell(Bell):
    """A bell whose listeners record how long they would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    @contextmanager
    def heard(self) -> Iterator[threading.Event]:
        yield NotingEvent(self.seconds)


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> NotingBell:
    monkeypatch.setattr(module, "monotonic", lambda: 0.0)  # no time passes
    return NotingBell()


def nothing() -> None:
    """The log has nothing new."""


def test_a_quiet_log_is_asked_less_and_less_often(bell: NotingBell) -> None:
    """The waits double up to half a second; a change makes them short again."""
    context = CallContext()
    script = Script(*[nothing] * 8, changes(1), nothing, nothing, context.cancel)
    assert list(follow(script.open, 0, context, bell=bell)) == [changes(1)]
    assert bell.seconds == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.01, 0.02, 0.04]
    assert (script.opened, script.closed) == ([0], 1)


def test_a_fault_that_passes_does_not_end_the_stream(bell: NotingBell, caplog: pytest.LogCaptureFixture) -> None:
    """The log is reopened where it stopped, after growing waits; the log line shows no secrets."""
    context = CallContext()
    faults = [Unavailable("down at secret"), ConnectionError("reset"), KeyError("busy")]
    script = Script(changes(1, 2), *faults, changes(3), Unavailable("down"), context.cancel)

    def translate(error: Exception) -> Unavailable | None:
        return Unavailable("busy") if isinstance(error, KeyError) else None

    with caplog.at_level(logging.WARNING):
        found = follow(
            script.open, 0, context, bell=bell, translate=translate, redact=lambda text: text.replace("secret", "***")
        )
        assert list(found) == [changes(1, 2), changes(3)]
    assert script.opened == [0, 2, 2, 2, 3]
    assert script.closed == 5
    assert bell.seconds[:4] == [0.5, 1.0, 2.0, 0.5]
    assert "down at ***" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("error", [FailedPrecondition("the log is gone"), ValueError("a bug")])
def test_any_other_error_ends_the_stream(error: Exception) -> None:
    """It is raised unchanged, and the log is closed."""
    script = Script(error)
    with pytest.raises(type(error)):
        next(follow(script.open, 0, CallContext()))
    assert script.closed == 1


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_an_error_of_a_store_that_was_closed_is_the_end(end: str) -> None:
    """If the caller is gone or the connector is torn down, the stream ends without an exception."""
    context, bell = CallContext(), Bell()

    def closed() -> None:
        context.cancel() if end == "cancel" else bell.close()
        raise ValueError("closed under the stream's feet")

    assert list(follow(Script(closed).open, 0, context, bell=bell)) == []


@pytest.mark.parametrize("wake", ["ring", "close", "cancel"])
def test_a_waiting_stream_is_woken(wake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a write of the same connector, by its end, and by the caller's: it does not wait until the next poll."""
    monkeypatch.setattr(module, "_FIRST_POLL", 3600.0)
    context, bell = CallContext(), Bell()
    waiting = threading.Event()
    found: list[list[Change]] = []
    script = Script(waiting.set, changes(1), context.cancel)
    reader = threading.Thread(target=lambda: found.extend(follow(script.open, 0, context, bell=bell)), daemon=True)
    reader.start()
    assert waiting.wait(30)
    {"ring": bell.ring, "close": bell.close, "cancel": context.cancel}[wake]()
    if wake == "ring":
        assert poll_until(lambda: found == [changes(1)])
        context.cancel()
    reader.join(30)
    assert not reader.is_alive()
    assert found == ([changes(1)] if wake == "ring" else [])


def poll_until(reached: Callable[[], bool]) -> bool:
    """Whether something becomes true; the time limit only ends a failing test."""
    gone = threading.Event()
    return any(reached() or gone.wait(0.01) for _ in range(3_000))


def test_large_documents_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator is closed when the batch is full, and read no further."""
    monkeypatch.setattr(module, "_BATCH_CHANGES", 2)
    closed = []

    class Large(Script):
        def read(self, limit: int, wait: float) -> Iterable[Change]:
            try:
                yield from changes(1, 2, 3)
            finally:
                closed.append(True)

    script = Large()
    assert next(follow(script.open, 0, CallContext())) == changes(1, 2)
    assert closed == [True]
