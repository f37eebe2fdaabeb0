"""`dsync-kit rules`, `explain`, `list`, `--help` and `--version`."""

import json
import re
import subprocess
import sys

from dsync_kit.cli.run import OPTIONS
from dsync_kit.conformance.rules import RULES

from .conftest import Command


def test_rules(dsync_kit: Command) -> None:
    """Every rule has its line, under its area."""
    lines = dsync_kit("rules").stdout.splitlines()
    assert f"info ({sum(rule.area == 'info' for rule in RULES)})" in lines
    assert {line.split()[0] for line in lines if line.startswith("  ") and "/" in line.split()[0]} >= {
        rule.id for rule in RULES
    }


def test_rules_are_listed_without_being_imported() -> None:
    """`rules` and `explain` don't import Hypothesis, which alone would take too long."""
    for words in ("'rules'", "'explain', 'list/complete'"):
        code = (
            f"import sys; sys.argv = ['dsync-kit', {words}]\n"
            "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
            "from dsync_kit.cli.kit import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "list/complete" in done.stdout
        assert {"hypothesis", "rich", "bson", "copier"} & set(done.stderr.split()) == set()


def test_rules_as_json(dsync_kit: Command) -> None:
    """The JSON output has the same rules."""
    rules = json.loads(dsync_kit("rules", "--format", "json").stdout)
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert all(rule["level"] in ("MUST", "SHOULD") and rule["sentence"] and rule["checks"] for rule in rules)


def test_explain(dsync_kit: Command) -> None:
    """It prints the level, the contract's sentence, what is checked and the likely cause."""
    text = dsync_kit("explain", "info/db-type").stdout
    assert text.startswith("info/db-type  (MUST)\n")
    for label in ("dsync relies on  “", "checks  ", "likely cause  "):
        assert label in text


def test_explain_several(dsync_kit: Command) -> None:
    """A glob or an area explains all its rules."""
    areas = [dsync_kit("explain", word).stdout for word in ("info/*", "info")]
    assert areas[0] == areas[1]
    assert areas[0].count("dsync relies on") == sum(rule.area == "info" for rule in RULES)


def test_explain_a_typo(dsync_kit: Command) -> None:
    """For an unknown rule, it suggests similar ones."""
    done = dsync_kit("explain", "info/dbtype")
    assert done.returncode == 2
    assert "did you mean info/db-type" in done.stderr


def test_list(dsync_kit: Command) -> None:
    """It prints the connectors, each with its usage."""
    text = dsync_kit("list").stdout
    assert "reference:// or reference:///path/to/folder" in text
    assert "/dev/null" in text


def test_options(dsync_kit: Command) -> None:
    """A name, a URI and `serve … --help` all print the connector's options."""
    pages = [
        dsync_kit(*words).stdout
        for words in (["list", "null"], ["list", "/dev/null"], ["serve", "/dev/null", "--help"], ["list", "NULL"])
    ]
    assert len(set(pages)) == 1
    assert "--sleep-jitter" in pages[0]


def test_options_of_nothing(dsync_kit: Command) -> None:
    """For an unknown connector, it lists the known ones."""
    done = dsync_kit("list", "absent")
    assert done.returncode == 2
    assert "no connector matches 'absent': expected one of" in done.stderr


def test_help(dsync_kit: Command) -> None:
    """Every command is on the help page, within 80 columns."""
    done = dsync_kit("--help", columns=80)
    assert all(name in done.stdout for name in ("verify", "serve", "rules", "explain", "list"))
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_version(dsync_kit: Command) -> None:
    """It is the version in reports."""
    from dsync_kit import __version__

    assert dsync_kit("--version").stdout == f"dsync-kit {__version__}\n"


def test_the_summary_of_each_command_is_whole(dsync_kit: Command) -> None:
    """`--help` cuts nothing off."""
    new = subprocess.run(
        [sys.executable, "-m", "dsync_kit.cli.new", "--help"], capture_output=True, text=True, check=True
    )
    for text in (dsync_kit("--help", columns=80).stdout, new.stdout):
        commands = text.partition("Commands:")[2]
        assert commands
        assert "..." not in commands


def test_every_option_of_a_run_is_known_to_be_one(dsync_kit: Command) -> None:
    """So that the error for one behind SOURCE says where it belongs."""
    options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", dsync_kit("run", "--help").stdout, re.MULTILINE))
    assert options - {"--help"} == OPTIONS
