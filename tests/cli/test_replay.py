"""`dsync-kit replay`: runs a failure that verify kept."""

import json
import re
from pathlib import Path

import pytest
from hypothesis.core import encode_failure

from dsync_kit.conformance.running.keeping.kept import KeptFailure, folder_of
from dsync_kit.errors import UsageError

from .conftest import Alterable, Command


def test_a_failure_is_replayed_until_it_is_gone(dsync_kit: Command, tmp_path: Path, altering: Alterable) -> None:
    """Only the failed example runs: 1 while it fails, 0 once the connector is repaired. Of a connector that does not
    answer, nothing is judged."""
    address = f"grpc://{altering.address}"
    found = dsync_kit("verify", address, "--insecure", "--rule", "write/read-back", "--profile", "quick")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "replay        dsync-kit replay write-read-back\n" in found.stdout
    example = re.findall(r"\n  documents = .*", found.stdout)

    again = dsync_kit("replay", "write-read-back")
    assert again.returncode == 1, again.stdout + again.stderr
    assert re.findall(r"\n  documents = .*", again.stdout) == example
    assert "did not fail again" not in again.stdout
    assert address in again.stdout.splitlines()[-1]
    [kept] = (tmp_path / ".dsync-kit" / "failures").rglob("write-read-back.json")
    by_file = dsync_kit("replay", kept)
    assert by_file.returncode == 1
    assert dsync_kit("replay", "write/read-back", "--target", "grpc://127.0.0.1:1").returncode == 3

    altering.broken = False
    gone = dsync_kit("replay", "write/read-back")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert gone.stdout.startswith("✓ write/read-back is kept")


def test_no_such_failure(dsync_kit: Command) -> None:
    """For an unknown failure, the existing ones are listed."""
    done = dsync_kit("replay", "list/ends")
    assert done.returncode == 2
    assert "no failure 'list/ends' is saved in .dsync-kit/failures" in done.stderr


FIELDS = {
    "options": (),
    "namespaces": (),
    "insecure": False,
    "profile": "quick",
    "seed": 1,
    "choices": encode_failure([1]).decode(),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hypothesis": "1.0"}, "was made with Hypothesis 1.0"),
        ({"schema": "x"}, "is not a failure saved by this version"),
        ({"surprise": 1}, "is not a failure saved by this version of dsync-kit: surprise: "),
        ({"seed": "x", "options": "--region"}, "dsync-kit: options: Input should be a valid array; seed: "),
        ({"profile": "slow"}, "there is no profile 'slow'"),
        ({"choices": "x"}, "its choices hold no example"),
    ],
)
def test_a_file_that_is_of_no_use(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """A file of another version, or with an error in it, is reported as such."""
    KeptFailure("info/db-type", "reference://", **FIELDS).save(tmp_path)
    [path] = tmp_path.rglob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(message)):
        KeptFailure.load(str(path))


@pytest.mark.parametrize("text", ["{}", "[]", "", "\x00", '{"schema": "dsync-kit/failure/1"}'])
def test_a_file_that_is_broken(tmp_path: Path, text: str) -> None:
    """Whatever it contains, the error names the file."""
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"x\.json is not a failure saved by this version of dsync-kit: "):
        KeptFailure.load(str(tmp_path / "x.json"))


@pytest.mark.parametrize(
    ("rule", "target", "message"),
    [
        ("list/absent", "reference://", "no rule matches 'list/absent'"),
        ("list/ends", "reference://u:***@h", "the password of reference://u:***@h was not saved"),
    ],
)
def test_a_failure_that_cannot_be_run(dsync_kit: Command, tmp_path: Path, rule: str, target: str, message: str) -> None:
    """If its rule is gone, or a secret was not kept, it is wrong usage."""
    KeptFailure(rule, target, **FIELDS).save(tmp_path)
    [path] = tmp_path.rglob("*.json")
    done = dsync_kit("replay", path)
    assert done.returncode == 2
    assert message in done.stderr


def test_failures_of_two_connectors(tmp_path: Path) -> None:
    """Neither overwrites the other; the rule alone is enough while only one connector failed it."""
    folder = tmp_path / "failures"
    assert KeptFailure("list/ends", "connectors/a", **FIELDS).save(folder) == "list-ends"
    assert KeptFailure.load("list/ends", folder).target == "connectors/a"
    assert KeptFailure("list/ends", "connectors/b", **FIELDS).save(folder) == "connectors/b/list-ends"
    with pytest.raises(UsageError, match="expected one of connectors/a/list-ends, connectors/b/list-ends"):
        KeptFailure.load("list/ends", folder)
    for word in ("connectors/b/list-ends", "connectors/b/list/ends", "b/list-ends"):
        assert KeptFailure.load(word, folder).target == "connectors/b"


@pytest.mark.parametrize(
    "targets",
    [
        ("connectors/a-b", "connectors/a/b"),
        ("a://" + "x" * 300, "a://" + "x" * 301),
        ("/".join(["a"] * 200), "/".join(["a"] * 201)),
        ("../a", "a"),
    ],
)
def test_every_target_has_a_place(tmp_path: Path, targets: tuple[str, str]) -> None:
    """However long or odd its name is, the file is in the folder, and separate from others."""
    one, other = (tmp_path / folder_of(target) for target in targets)
    assert one != other
    for place in (one, other):
        place.mkdir(parents=True)
        assert place.resolve().is_relative_to(tmp_path)
