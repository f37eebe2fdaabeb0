"""What the tests of all archetypes share: rendering many connectors, running tools in them, verifying them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold

# source, sink, stream
SHAPES = {
    "both": (True, True, True),
    "copies": (True, True, False),
    "streams": (True, False, True),
    "reads": (True, False, False),
    "writes": (False, True, False),
}


def render_all(answers: Iterable[Answers], root: Path) -> Path:
    """Render a connector for each of the answers, each into the folder of its package's name."""
    for each in answers:
        scaffold(each, output=root / f"dsync_connector_{each.name}")
    return root


def run(*words: str | Path, cwd: Path) -> str:
    """What a Python module's command line prints, which must succeed."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def statuses(target: Path, rules: Iterable[str], folder: Path) -> dict[str, str]:
    """The status of each of the rules after a quick verification, which must succeed; its report goes to the folder."""
    report = folder / "report.json"
    globs = [word for rule in sorted(rules) for word in ("--rule", rule)]
    verify = ("dsync_kit.cli.kit", "verify", target, "--profile", "quick", "--seed", "1", "--report", f"json={report}")
    run(*verify, *globs, cwd=folder)
    return {rule["id"]: rule["status"] for rule in json.loads(report.read_text(encoding="utf-8"))["rules"]}


def assert_no_template_left(folder: Path) -> None:
    """No brackets of the template in any file or name, and one newline at the end of each file."""
    for path in folder.rglob("*"):
        assert not re.search(r"[{}%]|\.jinja$", path.name)
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\{%|%\}|\{\{ ", text), path
            assert not text or (text.endswith("\n") and not text.endswith("\n\n")), path


def assert_formatted_and_lints_clean(folder: Path) -> None:
    """By the connectors' own configuration: no import, name or argument is left over, whatever was left out."""
    run("ruff", "format", "--check", ".", cwd=folder)
    run("ruff", "check", ".", cwd=folder)


def assert_typed(folder: Path) -> None:
    """mypy --strict finds nothing in any connector of the folder, nor in its tests."""
    packages = [word for path in sorted(folder.glob("dsync_connector_*")) for word in ("-p", path.name)]
    run("mypy", "--strict", "--cache-dir", folder.parent / "mypy", *packages, cwd=folder)
