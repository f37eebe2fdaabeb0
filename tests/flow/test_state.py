"""What a run saves, and how it resumes."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from dsync_kit.connector import CallContext
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.flow.engine import FlowOptions, Mode
from dsync_kit.flow.events import Event, PartitionFinished, Planned, Started, UpdatesWritten
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.state import State

from .ends import Ends, made, numbered, run

COPY = FlowOptions(mode=Mode.INITIAL_SYNC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def filled(**options: int) -> Ends:
    source = Ends(**options)
    source.fill("a", numbered(80))
    return source


def test_only_what_is_unfinished_is_done_again(path: Path) -> None:
    """After a failure, the plan is not requested again, and only the failed partition is listed."""
    source, sink = filled(partitions=4, page_size=1000), Ends()
    source.faults["list_data"] = [InvalidArgument("bad")]
    with State(path) as state:
        assert len(run(source, sink, COPY, state=state).failures) == 1
    source.listings.clear()
    events: list[Event] = []
    with State(path) as state:
        result = run(source, sink, COPY, state=state, listener=events.append)
    assert result.complete
    assert len(source.listings) == len(source.plans) == 1
    assert sink.contents("a") == source.contents("a")
    assert next(event.resumed for event in events if isinstance(event, Started))
    [planned] = [event for event in events if isinstance(event, Planned)]
    assert planned.finished == 3
    assert planned.done["a"] + result.documents == 80


def test_a_finished_run_does_nothing_more(path: Path) -> None:
    """The same command again copies nothing, and is complete."""
    source, sink = filled(), Ends()
    for documents in (80, 0):
        with State(path) as state:
            result = run(source, sink, COPY, state=state)
        assert (result.complete, result.documents) == (True, documents)


def test_an_interrupted_copy_goes_on(path: Path) -> None:
    """Stopped after each finished partition, a run eventually finishes, and lists each partition to the end once."""
    source, sink = filled(partitions=5, page_size=4), Ends()
    finished: list[int] = []
    for _ in range(10):
        stop = CallContext()

        def listen(event: Event, stop: CallContext = stop) -> None:
            if isinstance(event, PartitionFinished):
                finished.append(event.partition)
                stop.cancel()

        with State(path) as state:
            run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, copiers=1), state=state, stop=stop, listener=listen)
    assert sorted(finished) == list(range(5))
    assert sink.contents("a") == source.contents("a")


def test_updates_go_on_from_the_cursor(path: Path) -> None:
    """The stream reopens where everything before was written: no operation is missing."""
    options = ("--num-docs-per-partition=3", "--stream-tick=1ms", "--num-namespaces=1")
    sink = Ends()
    cursors = []
    for _ in range(3):
        stop = CallContext()
        with State(path) as state:
            run(
                made("/dev/fakesource", *options),
                sink,
                state=state,
                stop=stop,
                listener=lambda event, stop=stop: isinstance(event, UpdatesWritten) and stop.cancel(),
            )
            cursors.append(state.cursor(0))
    assert len(set(cursors)) == 3
    revisions = sorted(
        {json.loads(update.data)["revision"] for request in sink.update_writes for update in request.updates}
    )
    assert revisions == list(range(1, len(revisions) + 1))


@pytest.mark.parametrize("change", ["source", "destination", "namespaces", "mode"])
def test_the_state_of_another_run_is_refused(path: Path, change: str) -> None:
    """For another source, destination, namespaces or mode, the error says which, and nothing is copied."""
    source, sink = filled(), Ends()
    with State(path) as state:
        run(source, sink, COPY, state=state)
    options = COPY
    if change == "source":
        source = filled()
    elif change == "destination":
        sink = Ends()
    elif change == "namespaces":
        options = FlowOptions(mode=Mode.INITIAL_SYNC, namespaces=NamespaceMap.parse(["a"]))
    else:
        options = FlowOptions()
    named = {
        "source": "its source's id was",
        "destination": "its destination's id",
        "namespaces": "its --namespace was",
    }
    with State(path) as state, pytest.raises(UsageError, match=named.get(change, "its mode was 'initial-sync'")):
        run(source, sink, options, state=state)


def test_ends_without_an_id(path: Path) -> None:
    """Without an id, nothing can be resumed: --state is refused, and an interrupted run says so."""
    with State(path) as state, pytest.raises(UsageError, match="the sink gives no id"):
        run(filled(), made("/dev/null"), COPY, state=state)
    source = filled()
    source.faults["list_data"] = [InvalidArgument("bad")]
    assert run(source, made("/dev/null"), COPY).resume == "the run cannot be resumed: the sink has no id"
    source.faults["list_data"] = [InvalidArgument("bad")]
    assert "use --state FILE" in run(source, made("/dev/null", "--id=n"), COPY).resume


def test_one_run_at_a_time(path: Path) -> None:
    """A state in use cannot be used by another run; once closed, it can."""
    with State(path), pytest.raises(UsageError, match="does another run use it"):
        State(path)
    State(path).close()


def test_files_without_a_state(tmp_path: Path) -> None:
    """Any other file is neither read nor written."""
    (tmp_path / "text").write_text("this is no database, but a longer text\n" * 50)
    with pytest.raises(UsageError, match="is not the state of a run"):
        State(tmp_path / "text")
    with closing(sqlite3.connect(tmp_path / "other")) as database:
        database.execute("CREATE TABLE t (a)")
    with pytest.raises(UsageError, match="is a different database"):
        State(tmp_path / "other")
    with pytest.raises(UsageError, match="No such file or directory"):
        State(tmp_path / "no" / "folder")


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    """Only its owner may read it, because cursors may reveal data."""
    with State(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_is_where_it_was_when_it_died(path: Path) -> None:
    """What was finished when the process died is known to the next one."""
    source, sink = filled(partitions=2, page_size=1000), Ends()

    class Dying(Exception):
        pass

    def die(event: Event) -> None:
        if isinstance(event, PartitionFinished):
            raise Dying

    abandoned = State(path)
    with pytest.raises(Dying):
        run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, copiers=1), state=abandoned, listener=die)
    abandoned.close()
    with State(path) as state:
        assert list(state.finished()) == [0]
