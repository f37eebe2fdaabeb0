"""`dsync-kit replay`: a failure that verify has kept, run again."""

import json
import re
from pathlib import Path

import pytest

from dsync_kit.conformance.running.kept import KeptFailure
from dsync_kit.errors import UsageError

from .conftest import Alterable, Command


def test_a_failure_is_replayed_until_it_is_gone(dsync_kit: Command, tmp_path: Path, altering: Alterable) -> None:
    """Just the example that failed is run: 1 while it fails, 0 when the connector is mended."""
    address = f"grpc://{altering.address}"
    found = dsync_kit("verify", address, "--insecure", "--rule", "write/read-back", "--profile", "quick")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "replay        dsync-kit replay write-read-back\n" in found.stdout
    example = re.findall(r"\n  documents = .*", found.stdout)

    again = dsync_kit("replay", "write-read-back")
    assert again.returncode == 1, again.stdout + again.stderr
    assert re.findall(r"\n  documents = .*", again.stdout) == example
    assert "did not fail again" not in again.stdout
    by_file = dsync_kit("replay", tmp_path / ".dsync-kit" / "failures" / "write-read-back.json")
    assert by_file.returncode == 1

    altering.broken = False
    gone = dsync_kit("replay", "write/read-back")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert gone.stdout.startswith("✓ write/read-back is kept")


def test_a_failure_of_what_is_gone(dsync_kit: Command, altering: Alterable) -> None:
    """Where the connector does not answer, nothing can be told."""
    dsync_kit("verify", f"grpc://{altering.address}", "--insecure", "--rule", "write/read-back", "--profile", "quick")
    assert dsync_kit("replay", "write/read-back", "--target", "grpc://127.0.0.1:1").returncode == 3


def test_no_such_failure(dsync_kit: Command) -> None:
    """A failure that is not there: those that are."""
    done = dsync_kit("replay", "list/ends")
    assert done.returncode == 2
    assert "no failure 'list/ends' is kept in .dsync-kit/failures" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hypothesis": "1.0"}, "was made with Hypothesis 1.0"),
        ({"schema": "x"}, "is no failure that this version"),
        ({"surprise": 1}, "is no failure that this version"),
        ({"rule": "list/absent"}, "is there no more"),
        ({"target": "reference://u:***@h"}, "the password of reference://u:***@h was not kept"),
    ],
)
def test_a_file_that_is_of_no_use(
    dsync_kit: Command, tmp_path: Path, broken_address: str, change: dict[str, object], message: str
) -> None:
    """A file of another version, or with something missing, is told as such."""
    dsync_kit("verify", f"grpc://{broken_address}", "--insecure", "--rule", "info/db-type")
    path = tmp_path / ".dsync-kit" / "failures" / "info-db-type.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    done = dsync_kit("replay", path)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": "lazy"}, "there is no profile 'lazy'"),
        ({"seed": "x"}, "its seed is no number"),
        ({"choices": 7}, "its choices is no text"),
        ({"choices": "\u00e4!"}, "its choices are not what Hypothesis has made"),
        ({"options": [1]}, "its options and namespaces are not all text"),
        ({"options": None}, "is no failure that this version of dsync-kit has kept"),
    ],
)
def test_a_damaged_file(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """Whatever stands in it, it is refused before anything is run."""
    path = KeptFailure("info/db-type", "reference://", (), (), False, "quick", 1, "AAA=").save(tmp_path)
    assert KeptFailure.load(str(path)).seed == 1
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        KeptFailure.load(str(path))
