"""`dsync-kit docs FOLDER`: the generated section of a README, and the gate that fails when it is out of date."""

import pytest

from .conftest import Command, Repository

BEGIN = "<!-- Written by `dsync-kit docs`: changes below are overwritten. -->"
END = "<!-- The end of what `dsync-kit docs` writes. -->"


@pytest.fixture
def connector(repository: Repository) -> Repository:
    """A repository with a copy of `/dev/null`, committed."""
    repository.working_connector("null")
    repository.commit()
    return repository


def readme(connector: Repository) -> str:
    return (connector.folder / "null/README.md").read_text(encoding="utf-8")


def test_the_section_is_written_once(dsync_kit: Command, connector: Repository) -> None:
    """It has the options with their help, the capabilities, the edition and the listed exceptions; the author's text
    around it stays, and a second run changes nothing."""
    path = connector.folder / "null/conformance.py"
    listed = 'Harness):\n    known_failures = {"info/stable": "it | counts"}\n'
    path.write_text(path.read_text(encoding="utf-8").replace("Harness):\n", listed, 1), encoding="utf-8")
    before = readme(connector)
    done = dsync_kit("docs", "null")
    assert done.returncode == 0, done.stderr
    written = readme(connector)
    assert written.startswith(before.rstrip("\n") + f"\n\n{BEGIN}\n")
    assert written.endswith(f"{END}\n")
    for line in (
        "| `--sleep VALUE` | a delay in each write | `0s` |  |",
        "- sink (MONGO\\_BSON, JSON\\_ID)",
        "It is held to edition 2026.1 of dsync-kit's rules.",
        "| `info/stable` | known to fail | it \\| counts |",
    ):
        assert line in written, written
    connector.write("null/README.md", written + "\nThe end.\n")
    assert dsync_kit("docs", "null").returncode == 0
    assert readme(connector) == written + "\nThe end.\n"


@pytest.mark.campaign
def test_the_gate_fails_if_it_is_old(dsync_kit: Command, connector: Repository) -> None:
    """A new option makes the README stale: `ci` names the command to run, and is green after it. Without the marks, it
    checks nothing."""
    command = ("ci", "--base", "HEAD", "--profile", "quick")
    path = connector.folder / "null/connector.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("a delay in each write", "a delay in every write"), encoding="utf-8")
    assert dsync_kit(*command).returncode == 0
    connector.write("null/README.md", f"# Null\n\n{BEGIN}\nold\n{END}\n")
    stale = dsync_kit(*command)
    assert stale.returncode == 1
    assert "null/README.md is out of date: run `dsync-kit docs null`, and commit it" in stale.stderr
    assert dsync_kit("docs", "null").returncode == 0
    fresh = dsync_kit(*command)
    assert fresh.returncode == 0, fresh.stdout + fresh.stderr


def test_one_mark_alone(dsync_kit: Command, connector: Repository) -> None:
    """If only one mark is there, nothing is overwritten."""
    connector.write("null/README.md", f"# Null\n\n{BEGIN}\nmine\n")
    done = dsync_kit("docs", "null")
    assert done.returncode == 2
    assert "null/README.md must have each of these lines once" in done.stderr
    assert readme(connector).endswith("mine\n")
