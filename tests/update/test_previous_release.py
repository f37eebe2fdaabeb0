"""Connectors of the last release work with this kit, and update to it with their authors' edits."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.scaffold.copying import render_template
from dsync_kit.scaffold.releases import released, template_of

from .conftest import commit, git, replaced

SCHEMES = {"blank": "shelf", "object-store": "file", "document": "mongodb"}


def render(folder: Path, scheme: str) -> None:
    """Render a connector as the last release does."""
    with template_of(released()[-1]) as template:
        render_template(template, folder, {"scheme": scheme})


def run(*words: str | Path, cwd: Path) -> str:
    """The output of a Python module's command line, which must succeed."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(folder: Path, *verify: str) -> None:
    """The connector's own tests, in which a warning is an error, and `verify`."""
    own = ("-q", "-W", "error", "-p", "no:cacheprovider", "--ignore", "tests/test_conformance.py", "tests")
    run("pytest", *own, cwd=folder)
    run("dsync_kit.cli.kit", "verify", folder, "--profile", "quick", "--seed", "1", *verify, cwd=folder)


def test_a_connector_of_the_last_release_works_with_this_kit(tmp_path: Path) -> None:
    """Unchanged, its own tests pass without deprecation warnings, and the rules find nothing."""
    render(tmp_path / "shelf", "shelf")
    rules = [word for rule in ("info/*", "packaging/*", "list/*", "updates/delete*") for word in ("--rule", rule)]
    check(tmp_path / "shelf", *rules)


@pytest.mark.campaign
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_connectors_of_the_last_release_work_with_this_kit(tmp_path: Path, scheme: str) -> None:
    """The same with all rules, for each archetype."""
    render(tmp_path / scheme, scheme)
    check(tmp_path / scheme)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_a_connector_that_nobody_edited_becomes_a_new_one(
    tmp_path: Path, scheme: str, dsync_new: Callable[..., int]
) -> None:
    """It has the same files and contents as from this kit's template, for each archetype."""
    folder = tmp_path / "repository" / scheme
    render(folder, scheme)
    git(folder.parent, "init", "--quiet")
    commit(folder.parent)
    assert dsync_new("update", str(folder)) == 0
    assert dsync_new("connector", "--scheme", scheme, "--defaults", "--output", str(tmp_path / "new" / scheme)) == 0
    git(folder.parent, "diff", "--no-index", "--stat", str(folder), str(tmp_path / "new" / scheme))


def settled(path: Path) -> None:
    """Settle the conflicts in a file as its author might: with their own lines."""
    text = path.read_text(encoding="utf-8")
    ours = re.sub(r"^<<<<<<< .*?\n(.*?)^=======\n.*?^>>>>>>> .*?\n", r"\1", text, flags=re.DOTALL | re.MULTILINE)
    path.write_text(ours, encoding="utf-8")


EDITS = {
    "connector.py": (
        (
            '        ((found,),) = self._rows("SELECT count(*) FROM documents WHERE namespace = ?", namespace)\n',
            '        query = "SELECT count(serial) FROM documents WHERE namespace = ?"\n'
            "        ((found,),) = self._rows(query, namespace)\n",
        ),
        (
            '[name for (name,) in self._rows("SELECT DISTINCT namespace FROM documents ORDER BY namespace")]',
            "names(self._rows)",
        ),
        ("from uuid import uuid4\n", "from uuid import uuid4\n\nfrom .names import names\n"),
        (
            "    sqlite3.SQLITE_LOCKED: Unavailable,\n",
            "    sqlite3.SQLITE_LOCKED: Unavailable,\n    sqlite3.SQLITE_PROTOCOL: Unavailable,\n",
        ),
    ),
    "registration.py": (('summary="a source and a sink of your own"', 'summary="shelves"'),),
    "conformance.py": (('"--page-size", "20"', '"--page-size", "10"'),),
    "pyproject.toml": (('version = "0.1.0"', 'version = "3.2.1"'),),
    ".gitignore": (("/build/\n", "/build/\n/shelves/\n"),),
}


@pytest.mark.campaign
def test_a_connector_that_was_edited_in_ten_places(tmp_path: Path, dsync_new: Callable[..., int]) -> None:
    """Replaced methods, an added file, a deleted one, a rewritten README: everything is there, tests and rules pass."""
    root, folder = tmp_path, tmp_path / "connectors" / "shelf"
    render(folder, "shelf")
    git(root, "init", "--quiet")
    commit(root)
    for name, edits in EDITS.items():
        for old, new in edits:
            replaced(folder / name, old, new)
    (folder / "names.py").write_text(
        '"""The names of shelves."""\n\nfrom typing import Any\n\n\ndef names(rows: Any) -> list[str]:\n'
        '    """All names, sorted."""\n'
        '    return sorted(name for (name,) in rows("SELECT DISTINCT namespace FROM documents"))\n'
    )
    (folder / "test_data" / "edge" / "nested-namespaces.txt").unlink()
    readme = "# Shelves\n\n`shelf:///path/to/shelf.db [--page-size N] [--partitions N]`: pages, and partitions.\n"
    (folder / "README.md").write_text(readme)
    commit(root)

    assert dsync_new("update", str(folder)) in (0, 1)
    for path in folder.rglob("*.*"):
        if path.is_file() and b"<<<<<<< " in path.read_bytes():
            settled(path)
    for name, edits in EDITS.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert [new for _, new in edits if new not in text] == []
    assert not (folder / "test_data" / "edge" / "nested-namespaces.txt").exists()
    assert (folder / "README.md").read_text() == readme
    check(folder)
