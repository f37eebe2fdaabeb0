"""`dsync-kit verify`, end to end."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Alterable, Command


def test_a_correct_connector(dsync_kit: Command, reference: Path) -> None:
    """Exit code 0, and a verdict; the seed is printed, so that the run can be repeated."""
    done = dsync_kit("verify", reference, "--rule", "info/*", "--profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"profile +quick, seed \d+, \d+ rules", done.stdout)
    assert done.stdout.splitlines()[-1].startswith("✓ conformant: 7 rules passed, 3 skipped")
    assert done.stderr == ""


def test_a_broken_connector(dsync_kit: Command, broken_address: str, tmp_path: Path) -> None:
    """Exit code 1; the rule, the calls, and a command that shows the failure again; every report is written."""
    reports = {name: tmp_path / name for name in ("json", "junit", "markdown", "html")}
    options = [word for name, path in reports.items() for word in ("--report", f"{name}={path}")]
    address = f"grpc://{broken_address}"
    done = dsync_kit("verify", address, "--insecure", "--seed", "5", "--rule", "info/*", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "── info/db-type · MUST violated ─" in done.stdout
    assert "  1  GetInfo() → " in done.stdout or "  1  GetInfo()\n" in done.stdout
    replay = f"verify {address} --rule info/db-type --profile standard --seed 5 --insecure"
    assert replay in done.stdout
    assert all("info/db-type" in path.read_text(encoding="utf-8") for path in reports.values())
    contents = json.loads(reports["json"].read_text(encoding="utf-8"))
    assert (contents["exit_code"], contents["seed"]) == (1, 5)
    again = dsync_kit(*replay.split())
    assert again.returncode == 1


def test_known_failures(dsync_kit: Command, broken_address: str, tmp_path: Path) -> None:
    """A known failure does not fail the run, nor does a listed one that is not seen, as long as no example is kept."""
    listed = tmp_path / "known"
    command = ("verify", f"grpc://{broken_address}", "--insecure", "--profile", "quick", "--rule", "info/*")
    command += ("--known-failures", listed)
    listed.write_text("# of this release\n\ninfo/db-type: it has no name yet\n", encoding="utf-8")
    known = dsync_kit(*command)
    assert known.returncode == 0, known.stdout + known.stderr
    assert "it has no name yet" in known.stdout
    listed.write_text("info/db-type: it has no name yet\ninfo/stable: it moves\n", encoding="utf-8")
    unseen = dsync_kit(*command, columns=200)
    assert unseen.returncode == 0, unseen.stdout
    assert "it moves (not seen in this run, and no example of it is kept)" in unseen.stdout


def test_the_example_of_a_known_failure(dsync_kit: Command, altering: Alterable, tmp_path: Path) -> None:
    """verify keeps an example beside the list; if that example passes, the run fails, whatever the seed and the other
    examples."""
    listed = tmp_path / "known"
    listed.write_text("write/read-back: letters are capitals yet\n", encoding="utf-8")
    address = ("verify", f"grpc://{altering.address}", "--insecure", "--profile", "quick")
    command = (*address, "--rule", "write/read-back", "--known-failures", listed)
    first = dsync_kit(*command, "--seed", "1")
    assert first.returncode == 0, first.stdout + first.stderr
    kept = tmp_path / "known_examples" / "write-read-back.json"
    assert f"{kept.relative_to(tmp_path)} keeps an example of write/read-back" in first.stderr
    assert json.loads(kept.read_text(encoding="utf-8"))["example"]
    before = kept.read_bytes()
    shutil.rmtree(tmp_path / ".dsync-kit")  # as in a fresh checkout
    second = dsync_kit(*command, "--seed", "2", "--report", "json=-")
    [rule] = json.loads(second.stdout)["rules"]
    assert (rule["status"], rule["examples"]) == ("known-failing", 1)
    assert kept.read_bytes() == before
    altering.broken = False
    mended = dsync_kit(*command, "--seed", "3", columns=200)
    assert mended.returncode == 1, mended.stdout
    assert "write/read-back · passes, but is listed as known to fail" in mended.stdout
    kept.write_text("{}", encoding="utf-8")
    damaged = dsync_kit(*command)
    assert damaged.returncode == 2
    assert f"{kept} is not an example that dsync-kit keeps" in damaged.stderr


def test_unreachable(dsync_kit: Command) -> None:
    """Nothing can be said about a connector that does not answer: exit code 3, one sentence."""
    done = dsync_kit("verify", "grpc://127.0.0.1:1", "--insecure", columns=200)
    assert done.returncode == 3
    [line] = [line for line in done.stdout.splitlines() if line]
    assert line.startswith("! not judged: nothing answers at grpc://127.0.0.1:1: is the connector running there?")


def test_json_on_standard_output(dsync_kit: Command, reference: Path) -> None:
    """`--report json=-` leaves standard output to the report."""
    done = dsync_kit("verify", reference, "--rule", "info/db-type", "--report", "json=-")
    assert json.loads(done.stdout)["counts"]["passed"] == 1
    assert "conformant" in done.stderr


def test_the_same_seed_finds_the_same(dsync_kit: Command, altering: Alterable, tmp_path: Path) -> None:
    """Two runs with one seed find the same smallest example, even if nothing is remembered from the first."""
    words = ("--insecure", "--rule", "write/read-back", "--profile", "quick", "--seed", "11", "--report", "json=-")
    found = []
    for _ in range(2):
        [rule] = json.loads(dsync_kit("verify", f"grpc://{altering.address}", *words).stdout)["rules"]
        found.append((rule["status"], rule["failure"]["example"]))
        shutil.rmtree(tmp_path / ".dsync-kit")
    assert found[0] == found[1]
    assert found[0][0] == "failed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense://x"], "no connector matches 'nonsense://x': expected one of"),
        (
            ["connectors/nowhere"],
            "no connector matches 'connectors/nowhere' (there is no such folder): expected one of",
        ),
        (["./nowhere"], "no connector matches './nowhere' (there is no such folder): expected one of"),
        (
            ["reference://", "--profile", "slow"],
            "there is no profile 'slow': expected one of quick, standard, thorough",
        ),
        (["reference://", "--rule", "list/*x"], "no rule matches 'list/*x'"),
        (["reference://", "--report", "pdf=x"], "expected FORMAT=PATH, where FORMAT is one of json"),
        (["reference://", "--report", "json=no/such/folder"], "there is no folder no/such"),
        (["reference://", "--known-failures", "absent"], "cannot be read from absent"),
        (["reference://", "--", "--page-sise", "3"], "reference:// has no option --page-sise"),
        (["reference://", "--", "--page-size", "x"], "--page-size: "),
        (["grpc://nowhere"], "expected grpc://HOST:PORT"),
        (["exec:./connector"], "has neither {address} nor {port}"),
        (["."], "is not a connector's folder"),
        (["reference://", "--seed", "x"], "--seed"),
        ([], "TARGET"),
    ],
)
def test_wrong_usage(dsync_kit: Command, words: list[str], message: str) -> None:
    """Exit code 2, and a message that says what is wrong; no traceback, and nothing has run."""
    done = dsync_kit("verify", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("info/db-type", "'info/db-type' has no reason"),
        ("info/db-tipe: odd", "no rule matches 'info/db-tipe'"),
        ("info/stable: a\ninfo/stable: b", "line 2: 'info/stable' is listed twice"),
    ],
)
def test_wrong_known_failures(dsync_kit: Command, tmp_path: Path, text: str, message: str) -> None:
    """An entry without a reason, or without a matching rule, is wrong usage."""
    (tmp_path / "known").write_text(text, encoding="utf-8")
    done = dsync_kit("verify", "reference://", "--known-failures", "known")
    assert done.returncode == 2
    assert message in done.stderr


def test_a_connector_that_is_called_like_what_it_imports(tmp_path: Path, reference: Path) -> None:
    """The process of the rules on crashes, started in the folder above it, imports the library."""
    folder = tmp_path / "orjson"
    shutil.copytree(reference, folder, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    command = [sys.executable, "-P", "-m", "dsync_kit.cli.kit", "verify", "./orjson", "--profile", "quick"]
    command += ["--rule", "durability/starts-again", "--rule", "info/*"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "not exercised" not in done.stdout


def test_failures_are_not_for_the_repository(dsync_kit: Command, tmp_path: Path, broken_address: str) -> None:
    """Kept failures have their own .gitignore, wherever the command ran."""
    done = dsync_kit("verify", f"grpc://{broken_address}", "--insecure", "--rule", "info/*", "--profile", "quick")
    assert done.returncode == 1
    assert (tmp_path / ".dsync-kit" / ".gitignore").read_text() == "*\n"
