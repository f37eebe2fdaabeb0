"""What the tests of all archetypes share: rendering many connectors, running tools in them, verifying them."""

import fcntl
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.scaffold.rendering import Answers, scaffold

# source, sink, stream
SHAPES = {
    "both": (True, True, True),
    "copies": (True, True, False),
    "streams": (True, False, True),
    "reads": (True, False, False),
    "writes": (False, True, False),
}


def first_of(name: str, *others: str) -> list[Any]:
    """The names as parameters of a test: each run has the first one, and campaigns have the others, too."""
    return [name, *(pytest.param(other, marks=pytest.mark.campaign) for other in others)]


def render_all(answers: Iterable[Answers], root: Path) -> Path:
    """Render a connector for each of the answers, each into the folder of its package's name."""
    with pytest.MonkeyPatch.context() as patch:
        # It starts git for each file to ask for a setting that matters only in a repository.
        patch.setattr("copier._main.is_git_available", lambda: False)
        for each in answers:
            scaffold(each, output=root / f"dsync_connector_{each.name}")
    return root


def run(*words: str | Path, cwd: Path) -> str:
    """The output of a Python module's command line, which must succeed."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_OWN_TESTS = ("pytest", "-W", "error", "-p", "no:cacheprovider", "--ignore-glob", "*/test_conformance.py")


def assert_own_tests_pass(folder: Path, *words: str) -> None:
    """The connector's own tests pass; a warning is an error. They don't repeat `verify`."""
    run(*_OWN_TESTS, *words, cwd=folder)


def assert_all_own_tests_pass(folders: Iterable[Path]) -> None:
    """The same for several connectors in one process, since most of its time is for starting."""
    paths = [*folders]
    root = paths[0].parent
    configured = ("-v", "--rootdir", root, "--config-file", paths[0] / "pyproject.toml")
    output = run(*_OWN_TESTS, *configured, *(path / "tests" for path in paths), cwd=root)
    assert [path.name for path in paths if f"{path.name}/tests/test_connector.py::" not in output] == []


def statuses(target: Path, rules: Iterable[str], folder: Path) -> dict[str, str]:
    """The status of each rule after a quick verification, which must succeed; its report goes to the folder."""
    report = folder / "report.json"
    globs = [word for rule in sorted(rules) for word in ("--rule", rule)]
    verify = ("dsync_kit.cli.kit", "verify", target, "--profile", "quick", "--seed", "1", "--report", f"json={report}")
    run(*verify, *globs, cwd=folder)
    return {rule["id"]: rule["status"] for rule in json.loads(report.read_text(encoding="utf-8"))["rules"]}


def assert_no_template_left(folder: Path) -> None:
    """There are no template brackets in any file or name, one newline at the end of each file, and no empty lines
    before the rows of a README's table."""
    for path in folder.rglob("*"):
        assert not re.search(r"[{}%]|\.jinja$", path.name)
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\{%|%\}|\{\{ ", text), path
            assert not text or (text.endswith("\n") and not text.endswith("\n\n")), path
            assert path.name != "README.md" or "\n\n\n|" not in text, path


def assert_formatted_and_lints_clean(folder: Path) -> None:
    """By the connectors' own configuration: whatever was left out, no unused import, name or argument remains."""
    run("ruff", "format", "--check", ".", cwd=folder)
    run("ruff", "check", ".", cwd=folder)


def assert_typed(folder: Path) -> None:
    """mypy --strict finds nothing in any connector of the folder, nor in its tests.

    One run waits for another: what they import, above all the kit, is analysed once, and kept for later runs.
    """
    packages = [word for path in sorted(folder.glob("dsync_connector_*")) for word in ("-p", path.name)]
    cache = Path(__file__).parents[2] / ".mypy_cache" / "rendered"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run("mypy", "--strict", "--cache-dir", cache, *packages, cwd=folder)


def assert_no_dead_code(folder: Path) -> None:
    """Each constant, function and class of the connector is used, or exported to other modules in `__all__`."""
    modules = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    everything = "\n".join(modules.values())
    for module, code in modules.items():
        public = (
            re.findall(r'"(\w+)"', re.findall(r"__all__ = \[(.*?)\]", code, re.DOTALL)[0]) if "__all__" in code else []
        )
        private = re.findall(r"^(?:class |    def |def |)(_[a-zA-Z]\w*)\b(?=[:( ].*[:=])", code, re.MULTILINE)
        for helper in {*private} - {"_check"}:  # pydantic calls it
            assert len(re.findall(rf"\b{helper}\b", code)) > 1, (module, helper)
        for exported in set(public) - {"CONNECTOR", "HARNESS"}:
            assert len(re.findall(rf"\b{exported}\b", everything)) > 2, (module, exported)


SKIPPED: dict[str, frozenset[str]] = {
    "both_bson_json": frozenset(),
    "streams_json": frozenset({"write"}),
    "writes_bson_json": frozenset({"plan", "list", "stream", "faults"}),
}
"""The areas of rules that do not apply to a connector of this shape."""


def assert_conforms(target: Path, *, skipped: frozenset[str], folder: Path) -> None:
    """Rules that need each part of the harness pass where they apply."""
    asked = {"plan/self-contained", "list/complete", "write/read-back", "stream/from-plan", "faults/stream-survives"}
    found = statuses(target, asked, folder)
    assert found == {rule: "skipped" if rule.partition("/")[0] in skipped else "passed" for rule in asked}
