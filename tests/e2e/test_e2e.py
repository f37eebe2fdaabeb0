"""`dsync-kit e2e`: always with `dsync-kit run`, and with the real dsync if `DSYNC_BIN` names its binary."""

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.cli.e2e import EndToEnd
from dsync_kit.cli.e2e import e2e as run_command
from dsync_kit.client import LocalClient
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile, parse
from dsync_kit.documents import decode, decode_id, encode
from dsync_kit.e2e.contents import Contents, listed
from dsync_kit.e2e.documents import documents_for
from dsync_kit.e2e.ends import served
from dsync_kit.e2e.judging import mismatch
from dsync_kit.e2e.kills import COPY, KILLED, REPLACED, STOPPED, UPDATES, draw_kills, draw_stops
from dsync_kit.e2e.results import Mismatch
from dsync_kit.e2e.workload import Amounts, Workload
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, UPDATE_TYPE_DELETE, DataType, WriteDataRequest
from dsync_kit.registry import load_folder, packaged_folder
from dsync_kit.server import ConnectorServer
from dsync_kit.targets.local import configure
from dsync_kit.targets.resolving import resolve
from dsync_kit.usage import UsageError

DSYNC = os.environ.get("DSYNC_BIN", "")
needs_dsync = pytest.mark.skipif(not DSYNC, reason="DSYNC_BIN does not name dsync's binary")
PATIENT = ("--quiet", "60")
"""For flows that come to an end: so long may the machine be busy with others."""
SMALL = ("--documents", "120", "--changes", "30")
VICTIMS = {"run": ("dsync-kit run", "source", "destination"), "dsync": ("dsync", "source", "destination")}

HASTY = """
import threading, time
from dsync_kit.registry import RegisteredConnector, import_folder, packaged_folder

folder = packaged_folder("examples") / "reference"
settings = import_folder(folder, "registration").CONNECTOR.settings


class Hasty(import_folder(folder, "connector").ReferenceConnector):
    def __init__(self, *args):
        super().__init__(*args)
        self.waiting, self.lock = [], threading.Lock()
        threading.Thread(target=self.write_later, daemon=True).start()

    def commit(self, *args):
        with self.lock:
            self.waiting.append(args)

    def write_later(self):
        while True:
            time.sleep(1.5)
            with self.lock:
                for args in self.waiting:
                    with self.store.writing():
                        super().commit(*args)
                self.waiting.clear()


CONNECTOR = RegisteredConnector(
    name="hasty", schemes=("reference",), settings=settings, create=Hasty, usage="reference:///folder"
)
"""
"""A connector that acknowledges writes up to 1.5 seconds before it writes them."""


LOCKED = """
from dsync_kit.errors import UsageError
from dsync_kit.registry import RegisteredConnector, import_folder, packaged_folder
import os

folder = packaged_folder("examples") / "reference"
settings = import_folder(folder, "registration").CONNECTOR.settings


class Locked(import_folder(folder, "connector").ReferenceConnector):
    def write_updates(self, request):
        self.settings.folder().joinpath("lock").touch()
        return super().write_updates(request)

    def __init__(self, settings, store=None):
        if settings.folder().joinpath("lock").exists():
            raise UsageError("another process holds the lock")
        super().__init__(settings, store)


CONNECTOR = RegisteredConnector(
    name="locked", schemes=("reference",), settings=settings, create=Locked, usage="reference:///folder"
)
"""
"""A connector that does not start where one was killed after an update."""


@pytest.fixture
def hasty(tmp_path: Path) -> Path:
    """The folder of the connector above."""
    folder = tmp_path / "hasty"
    folder.mkdir()
    (folder / "registration.py").write_text(HASTY, encoding="utf-8")
    return folder


def e2e(tmp_path: Path, *words: str | Path) -> tuple[int, dict[str, Any], str]:
    """The exit code, the report and the output of a run of the command."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "e2e", "--report", f"json={report}", *map(str, words)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return done.returncode, found, done.stdout + done.stderr


def test_an_option_after_a_folder_that_its_connector_lacks(tmp_path: Path) -> None:
    """It is wrong usage, and the message lists the options."""
    reference = packaged_folder("examples") / "reference"
    code, _, output = e2e(tmp_path, reference, "--page-sice", "7", reference)
    assert code == 2, output
    assert "has no option --page-sice" in " ".join(output.split())


def seed_that_kills(victim: str) -> int:
    """A seed whose only kill is this one, during the updates."""
    kills = ((seed, draw_kills(seed, VICTIMS["run"], 1)[0]) for seed in range(1000))
    return next(seed for seed, kill in kills if (kill.victim, kill.phase) == (victim, UPDATES) and 0.3 < kill.at < 0.9)


def ends(tmp_path: Path) -> list[str]:
    return [f"reference://{tmp_path}/source", "--page-size", "10", f"reference://{tmp_path}/sink"]


def test_equal_after_a_kill_of_the_source(tmp_path: Path) -> None:
    """The run ends with 0, made the kills of its seed, and removed what it wrote; its options may come last."""
    seed = seed_that_kills("source")
    code, report, output = e2e(tmp_path, "--seed", str(seed), *ends(tmp_path), "--kills", "1", *SMALL, *PATIENT)
    assert code == 0, output
    assert report["verdict"] in output
    assert (report["schema"], report["equal"], report["seed"]) == ("dsync-kit/e2e/1", True, seed)
    assert [(kill["victim"], kill["phase"]) for kill in report["kills"]] == [("source", "updates")]
    assert report["starts"] == 2  # `run` ends with its source, and is started again
    copy = [sys.executable, "-m", "dsync_kit.cli.kit", "run", "--mode", "initial-sync", f"reference://{tmp_path}/sink"]
    left = subprocess.run([*copy, "/dev/null"], capture_output=True, text=True, timeout=60, check=False)
    assert "complete: 0 documents" in left.stdout + left.stderr


def test_a_source_that_is_only_read_is_copied_as_it_is(tmp_path: Path) -> None:
    """Without documents and changes, the run copies what the source holds, and says that it leaves the copy there."""
    words = ["/dev/fakesource", "--num-docs-per-partition", "50", f"reference://{tmp_path}/sink"]
    code, report, output = e2e(tmp_path, "--documents", "0", "--changes", "0", "--kills", "0", *words)
    assert code == 0, output
    assert (report["documents"], report["updates"], report["starts"]) == (300, 0, 1)
    assert "ns0, ns1 is left there" in report["notes"][0]


def test_a_flow_between_scratch_areas_with_a_handover(tmp_path: Path) -> None:
    """Options after a folder are added to those of its scratch area. An end that is replaced meanwhile loses nothing,
    and `run` goes on."""
    reference = packaged_folder("examples") / "reference"
    seed = next(seed for seed in range(100) if draw_stops(seed, ["source", "destination"], 1)[0].manner == REPLACED)
    words = [reference, "--page-size", "7", reference]
    code, report, output = e2e(tmp_path, "--seed", str(seed), "--kills", "0", "--stops", "1", *SMALL, *PATIENT, *words)
    assert code == 0, output
    assert [kill["manner"] for kill in report["kills"]] == ["replaced"]


@pytest.mark.campaign
@pytest.mark.parametrize("role", ["source", "destination"])
def test_a_connector_that_acknowledges_before_it_writes(tmp_path: Path, hasty: Path, role: str) -> None:
    """Killed in between, it loses writes: the run ends with 1, and the report names that end."""
    bad, good = [str(hasty), f"reference://{tmp_path}/bad"], [f"reference://{tmp_path}/good"]
    words = [*bad, *good] if role == "source" else [*good, *bad]
    code, report, output = e2e(
        tmp_path, "--seed", str(seed_that_kills(role)), "--kills", "1", *SMALL, "--quiet", "12", *words
    )
    assert code == 1, output
    assert report["verdict"].startswith("not equal")
    wrong = report["lost"] if role == "source" else report["differences"]
    assert wrong["count"] > 0, output
    assert "replay       dsync-kit e2e --seed" in output


@pytest.mark.campaign
def test_a_connector_that_does_not_start_again(tmp_path: Path) -> None:
    """A lock left by a kill is a failure of the connector: the run ends with 1, and shows its message."""
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "registration.py").write_text(LOCKED, encoding="utf-8")
    words = [str(folder), f"reference://{tmp_path}/bad", f"reference://{tmp_path}/good"]
    code, report, output = e2e(tmp_path, "--seed", str(seed_that_kills("source")), "--kills", "1", *SMALL, *words)
    assert code == 1, output
    assert "the source does not start again after it was killed" in report["failure"]
    assert "another process holds the lock" in report["failure"]


def test_what_a_source_has_lost() -> None:
    """Missing, unexpected and changed documents are found, and named by their ids; an equal source has lost nothing."""
    connector = load_folder(packaged_folder("examples") / "reference")
    source = LocalClient(connector.create(configure(connector, ["reference://"])[0]))
    expected = Contents(DATA_TYPE_MONGO_BSON)
    written = [encode({"_id": key, "v": 1}, DATA_TYPE_MONGO_BSON) for key in ("a", "b")]
    expected.write("n", written)
    source.write_data(WriteDataRequest(namespace="n", data=written, type=DATA_TYPE_MONGO_BSON))
    assert mismatch(expected, listed(source, ["n"], DATA_TYPE_MONGO_BSON)) == Mismatch()
    changed = [encode({"_id": key, "v": 2}, DATA_TYPE_MONGO_BSON) for key in ("b", "c")]
    source.write_data(WriteDataRequest(namespace="n", data=changed, type=DATA_TYPE_MONGO_BSON))
    expected.write("n", [encode({"_id": "d"}, DATA_TYPE_MONGO_BSON)])
    found = mismatch(expected, listed(source, ["n"], DATA_TYPE_MONGO_BSON))
    assert found.count == 3
    assert {(one.id, one.kind) for one in found.shown} == {
        ('"b"', "different"),
        ('"c"', "unexpected"),
        ('"d"', "missing"),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/dev/fakesource", "reference://"], "/dev/fakesource cannot be written to"),
        (["reference://", "/dev/null"], "/dev/null cannot be read"),
    ],
)
def test_ends_that_cannot_be_judged(tmp_path: Path, words: list[str], message: str) -> None:
    """Ends that can't run end to end give exit code 2, and the reason."""
    code, _, output = e2e(tmp_path, *words)
    assert code == 2, output
    assert message in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dsync": Path("/no/such/dsync")}, "there is no such program"),
        ({"metadata": "mongodb://h"}, "--metadata is for dsync"),
        ({"reports": ["html=x.html"]}, "e2e writes json only"),
        ({"amounts": Amounts(duration=10)}, "--duration needs --rate"),
    ],
)
def test_wrong_options(asked: dict[str, Any], message: str) -> None:
    """Impossible options are refused before anything starts."""
    with pytest.raises(UsageError, match=message):
        run_command(EndToEnd(["reference://", "reference://"], **asked))


def test_a_running_server_cannot_be_killed() -> None:
    """An end at an address is refused, because the run could not restart it."""
    connector = load_folder(packaged_folder("examples") / "reference")
    settings, _ = configure(connector, ["reference://"])
    with ConnectorServer(connector.create(settings)) as server:
        target = resolve(f"grpc://{server.address}", insecure=True)
        with pytest.raises(UsageError, match="cannot be killed"), served(target):
            pass


@pytest.mark.parametrize("data_type", [DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID])
def test_a_workload_is_that_of_its_seed(data_type: DataType) -> None:
    """The same seed draws the same calls, with inserts, updates, deletes and inserts after deletes; their contents are
    right."""
    documents = documents_for(["a", "b"], [], data_type, 10_000)
    drawn = [Workload(seed, documents, data_type, Amounts(50, 200)) for seed in (1, 1, 2)]
    calls = [list(workload.calls()) for workload in drawn]
    assert calls[0] == calls[1] != calls[2]
    assert drawn[0].initial == drawn[1].initial != drawn[2].initial
    expected, by_hand, again = Contents(data_type), Counter[str](), 0
    for namespace, page in drawn[0].initial.items():
        expected.write(namespace, page)
    held = {decode(data, data_type)[expected_id(data_type)] for data in chain(*drawn[0].initial.values())}
    deleted: set[Any] = set()
    for call in calls[0]:
        expected.apply(call.namespace, call.updates)
        for update in call.updates:
            value = decode_id(update.id[0])
            by_hand[str(update.type)] += 1
            if update.type == UPDATE_TYPE_DELETE:
                held.remove(value)
                deleted.add(value)
            else:
                again += value in deleted
                held.add(value)
                deleted.discard(value)
    assert len(expected.digests) == len(held)
    assert len(by_hand) == 3
    assert again > 0


def test_a_workload_of_a_rate_and_a_duration() -> None:
    """It has as many updates as the rate gives in that time, in calls of up to the size asked for, evenly spread."""
    amounts = Amounts(10, calls=0, largest=1000, rate=500, duration=60)
    documents = documents_for(["a"], [], DATA_TYPE_JSON_ID, amounts.most_ids)
    calls = list(Workload(3, documents, DATA_TYPE_JSON_ID, amounts).calls())
    sizes = [len(call.updates) for call in calls]
    assert 30_000 <= sum(sizes) < 31_000
    assert min(sizes) < 10
    assert 500 < max(sizes) <= 1000
    assert sum(call.pause for call in calls) == pytest.approx(sum(sizes) / 500)


TABLE: SchemaFile = parse(
    {
        "bsonType": "object",
        "properties": {
            "_id": {"bsonType": "long"},
            "name": {"bsonType": "string", "maxLength": 5},
            "price": {"bsonType": ["decimal", "null"], "minimum": 0, "maximum": 99, "multipleOf": 0.01},
            "length": {"bsonType": "int", "readOnly": True},
        },
        "required": ["_id", "name", "price"],
        "additionalProperties": False,
    }
)


def test_documents_of_a_table() -> None:
    """A namespace with a document schema gets documents that fit it, nulls among them, and whose computed columns do
    not count; another namespace gets any."""
    documents = documents_for(["t", "free"], [{"t": TABLE}, {}], DATA_TYPE_MONGO_BSON, 1000)
    workload = Workload(1, documents, DATA_TYPE_MONGO_BSON, Amounts(200, 0))
    rows = [decode(data, DATA_TYPE_MONGO_BSON) for data in workload.initial["t"]]
    schema = TABLE.of(DATA_TYPE_MONGO_BSON)
    assert all(schema.fits(row) and "length" not in row for row in rows)
    assert len({row["_id"] for row in rows}) == 100
    assert len({row["name"] for row in rows}) > 50
    assert any(row["price"] is None for row in rows)
    listed_row = encode({**rows[0], "length": 3}, DATA_TYPE_MONGO_BSON)
    assert documents["t"].as_written(listed_row) == encode(rows[0], DATA_TYPE_MONGO_BSON)
    assert "nested" in decode(workload.initial["free"][0], DATA_TYPE_MONGO_BSON)


def expected_id(data_type: DataType) -> str:
    return "_id" if data_type == DATA_TYPE_MONGO_BSON else "id"


def test_kills_are_those_of_their_seed() -> None:
    """The same seed draws the same kills, in order; each victim comes before any one comes twice."""
    kills = draw_kills(7, VICTIMS["dsync"], 5)
    assert kills == draw_kills(7, VICTIMS["dsync"], 5) != draw_kills(8, VICTIMS["dsync"], 5)
    assert [kill.phase for kill in kills] == sorted(kill.phase for kill in kills)
    assert set(Counter(kill.victim for kill in kills).values()) <= {1, 2}
    twice = draw_kills(7, VICTIMS["dsync"], 6)
    assert set(Counter((kill.victim, kill.phase) for kill in twice).values()) == {1}
    assert {kill.manner for kill in twice} == {KILLED}
    stops = draw_stops(7, ["source"], 20, [COPY])
    assert {(kill.victim, kill.phase) for kill in stops} == {("source", COPY)}
    assert {kill.manner for kill in stops} == {STOPPED, REPLACED}


@needs_dsync
def test_dsync_resumes_after_kills(tmp_path: Path) -> None:
    """dsync, the source and the sink are killed once each, and the ends are equal."""
    code, report, output = e2e(tmp_path, "--seed", "2", "--dsync", DSYNC, *SMALL, *PATIENT, *ends(tmp_path))
    assert code == 0, output
    assert {kill["victim"] for kill in report["kills"]} == set(VICTIMS["dsync"])
