"""Connectors that are killed at random moments, while they write, compact and list: everything acknowledged is there,
deleted documents stay deleted, and another connector continues their listings."""

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import pytest

from dsync_kit.documents import decode
from dsync_kit.errors import Aborted
from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.logs.names import log_file
from dsync_kit.protocol import DATA_TYPE_JSON_ID
from dsync_kit.testing.seaweedfs import SeaweedFS

from .forever import NAMESPACE, open_files, open_store
from .using import listed

_PROGRAM = Path(__file__).with_name("forever.py")
_LINES = {"write": 150, "list": 30}
"""The most lines that a connector of each role may print before it is killed."""


class Connector:
    """A connector in a process, and what it has printed."""

    def __init__(self, role: str, *words: str) -> None:
        self.role = role
        self._process = subprocess.Popen(
            [sys.executable, _PROGRAM, role, *words], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._lines: list[str] = []
        self._ended = False
        self._printed = threading.Condition()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._reading.join()
        self._process.wait()

    def kill_after(self, count: int) -> str:
        """Kill it as soon as it has printed so many lines; returns all that it has printed."""
        with self._printed:
            self._printed.wait_for(lambda: len(self._lines) >= count or self._ended)
            assert not self._ended, f"it ended by itself: {self._lines[-1:]}"
        self.__exit__()
        return "".join(self._lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with self._printed:
                    self._lines.append(line)
                    self._printed.notify_all()
        with self._printed:
            self._ended = True
            self._printed.notify_all()


class Known:
    """What the writers said: the newest acknowledged version of each id, and those that may or may not be there."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int | None] = {}
        self.possible: dict[str, set[int | None]] = {}
        self.highest: dict[str, int] = {}
        """The greatest version of each id that anybody has begun to write."""

    def read(self, output: str) -> None:
        """Take in what one run of a writer has printed; its last line may be cut off."""
        for done, changes in _lines(output):
            for key, value in changes.items():
                self.highest[key] = max(self.highest.get(key, 0), value or 0)
                if done:
                    self.acknowledged[key] = value
                    self.possible[key] = set()
                else:
                    self.possible.setdefault(key, set()).add(value)

    def settle(self, found: dict[str, int]) -> None:
        """What is there now is what must stay."""
        for key, possible in self.possible.items():
            if possible:
                self.acknowledged[key], self.possible[key] = found.get(key), set()


def _lines(output: str) -> Iterator[Any]:
    for line in output.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # cut off
            return


def _finished(output: str, files: DocumentFiles) -> list[tuple[str, int]]:
    """The documents of the last listing that a killed connector has begun. Another one reads what was left."""
    plan: list[str] = []
    pages: dict[int, list[tuple[str, int]]] = {}
    cursors: dict[int, str] = {}
    for kind, *what in _lines(output):
        if kind == "plan":
            (plan,) = what
            pages, cursors = {number: [] for number in range(len(plan))}, {}
        elif kind == "aborted":
            pages[what[0]] = []
        else:
            number, documents, cursors[number] = what
            pages[number] += documents
    for number, partition in enumerate(plan):
        cursor = cursors.get(number)
        while cursor is None or cursor:
            try:
                page, following = files.page(NAMESPACE, partition.encode(), (cursor or "").encode(), DATA_TYPE_JSON_ID)
            except Aborted:
                pages[number], cursor = [], None
                continue
            pages[number] += [(each["id"], each["v"]) for each in (decode(one, DATA_TYPE_JSON_ID) for one in page)]
            cursor = following.decode()
    return [(key, version) for number in range(len(plan)) for key, version in pages[number]]


def _check_listing(found: list[tuple[str, int]], before: Known, changed: dict[str, list[int | None]]) -> None:
    """A listing has what was acknowledged before it, or newer, and nothing that was overwritten or deleted before.

    `changed` has all values that the writers have begun to write meanwhile.
    """
    listings: dict[str, list[int]] = {}
    for key, version in found:
        listings.setdefault(key, []).append(version)
    for key, value in before.acknowledged.items():
        versions = listings.get(key, [])
        if key not in changed:
            assert versions == ([] if value is None else [value]), f"{key}: {versions} was listed, {value} is there"
        elif value is None:
            assert all(each > before.highest[key] for each in versions), f"{key}: {versions} was listed, and is deleted"
        else:
            assert all(each >= value for each in versions), f"{key}: {versions} was listed, and {value} is newer"
            assert versions or None in changed[key], f"{key} was not listed, and has never been deleted"


def kill_connectors(store: str, seed: int, runs: int) -> None:
    """Two writers and a reader at once, killed and started again; what is there is compared after each time."""
    chosen = random.Random(seed)
    known = Known()
    compacted = False
    for run in range(3 * runs):
        if run >= runs and compacted:  # on a busy machine, a merge takes more runs to come
            break
        before = Known()
        before.acknowledged, before.highest = dict(known.acknowledged), dict(known.highest)
        changed, plan_and_pages = _killed(chosen, known, store, str(seed * 1000 + run))
        with closing(open_files(open_store(store))) as files:
            _check_listing(_finished(plan_and_pages, files), before, changed)
            found = {document["id"]: document["v"] for document in listed(files)}
            wrong = {
                key: (found.get(key), value, known.possible[key])
                for key, value in known.acknowledged.items()
                if found.get(key) not in {value, *known.possible[key]}
            }
            assert wrong == {}
            assert files.count(NAMESPACE) == len(found)
        known.settle(found)
        names = (entry.key.rpartition("/")[2] for entry in open_store(store).entries(NAMESPACE))
        compacted |= any(file is not None and file.merged for file in (log_file(name, 0) for name in names))
    assert compacted


def _killed(chosen: random.Random, known: Known, store: str, number: str) -> tuple[dict[str, list[int | None]], str]:
    """Run two writers and a reader until they are killed; returns what was changed, and what the reader printed."""
    changed: dict[str, list[int | None]] = {}
    plan_and_pages = ""
    with ExitStack() as stack:
        running = [
            stack.enter_context(Connector(role, store, name, number))
            for role, name in (("write", "a"), ("write", "b"), ("list", ""))
        ]
        chosen.shuffle(running)
        for connector in running:
            output = connector.kill_after(1 + int(_LINES[connector.role] * chosen.random() ** 2))
            if connector.role == "list":
                plan_and_pages = output
                continue
            known.read(output)
            for _, changes in _lines(output):
                for key, value in changes.items():
                    changed.setdefault(key, []).append(value)
    return changed, plan_and_pages


def test_killed_connectors_lose_nothing(tmp_path: Path) -> None:
    """Over a folder, with compactions and listings under way."""
    kill_connectors(str(tmp_path), seed=1, runs=3)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10, 14))
def test_killed_connectors_lose_nothing_at_length(tmp_path: Path, seed: int) -> None:
    """The same, with many more kills."""
    kill_connectors(str(tmp_path), seed=seed, runs=25)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", [20, 21])
def test_killed_connectors_lose_nothing_in_a_bucket(seed: int) -> None:
    """The same over a real S3 server."""
    with SeaweedFS() as server:
        store = {
            "bucket": server.make_bucket(),
            "prefix": "shop",
            "config": {
                "endpoint": server.endpoint,
                "region": server.region,
                "access_key_id": server.access_key_id,
                "secret_access_key": server.secret_access_key,
            },
            "client_options": {"allow_http": True},
        }
        kill_connectors(json.dumps(store), seed=seed, runs=20)
