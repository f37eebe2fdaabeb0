"""`dsync-kit fuzz`: explores for a given time, and keeps what it reached."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.cli.fuzz import seconds_of
from dsync_kit.errors import UsageError
from dsync_kit.registry import import_folder
from dsync_kit.server import ConnectorServer

from .conftest import Command


@pytest.fixture
def forgetful(reference: Path) -> Iterator[str]:
    """The address of a connector that loses a document if a page writes it again after a delete."""
    connector: Any = import_folder(reference, "connector")
    settings: Any = import_folder(reference, "settings").Settings.parse(["reference://"], {})[0]

    class Forgetful(connector.ReferenceConnector):  # type: ignore[name-defined, misc]
        deleted: frozenset[bytes] = frozenset()

        def write_updates(self, request: Any) -> Any:
            self.deleted |= {bytes(update.id[0].data) for update in request.updates if not update.data}
            return super().write_updates(request)

        def write_data(self, request: Any) -> Any:
            kept = [item for item in request.data if self.document_id(item, request.type).data not in self.deleted]
            return super().write_data(type(request)(namespace=request.namespace, type=request.type, data=kept))

    with ConnectorServer(Forgetful(settings)) as server:
        yield server.address


def test_a_failure_is_shown_and_kept(dsync_kit: Command, forgetful: str) -> None:
    """It ends with 1, prints how to replay the failure, and what was reached."""
    done = dsync_kit("fuzz", f"grpc://{forgetful}", "--insecure", "--max-time", "8s", "--seed", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    replay = re.search(r"replay        dsync-kit replay (explore-\S+)", done.stdout)
    assert replay is not None
    assert "one after the other:" in done.stdout
    assert "rule violated: explore/" in done.stdout or "rules violated: explore/" in done.stdout
    assert dsync_kit("replay", replay[1]).returncode == 1


@pytest.mark.campaign
def test_what_was_reached_is_kept(dsync_kit: Command, reference: Path, tmp_path: Path) -> None:
    """A second run begins with the first one's situations and examples."""
    first = dsync_kit("fuzz", reference, "--max-time", "4s", "--seed", "1")
    assert first.returncode == 0, first.stdout + first.stderr
    [kept] = (tmp_path / ".dsync-kit" / "corpus").rglob("reached.json")
    known = json.loads(kept.read_text())
    assert known
    assert any(path.is_file() for path in (kept.parent / "examples").rglob("*"))
    second = dsync_kit("fuzz", reference, "--max-time", "1s", "--seed", "2")
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(json.loads(kept.read_text())) >= len(known)
    assert "0 new situations, " not in first.stdout.splitlines()[0]


@pytest.mark.parametrize(("text", "seconds"), [("8h", 28800.0), ("1h30m", 5400.0), ("90s", 90.0), ("2.5", 2.5)])
def test_times(text: str, seconds: float) -> None:
    """Hours, minutes and seconds work; a bare number is seconds."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "8 h", "-3s", "1d"])
def test_what_is_not_a_time(text: str) -> None:
    """It is refused, with what was expected."""
    with pytest.raises(UsageError, match="expected a number with h, m or s"):
        seconds_of(text)
