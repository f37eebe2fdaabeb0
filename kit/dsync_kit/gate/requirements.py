"""Files that define what is installed, or how the gate runs: changing them affects the connectors below them."""

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

__all__ = ["gate_definitions", "included", "named_in", "scope"]

_REQUIREMENTS = (
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "*requirements*.txt",
    "*requirements*.in",
    "*constraints*.txt",
    "*constraints*.in",
    "environment*.yml",
    "environment*.yaml",
    "conda*.yml",
    "conda*.yaml",
    "pipfile",
    "pixi.toml",
    "pdm.toml",
    "poetry.toml",
    "uv.toml",
    "pylock*.toml",
    "*.lock",
    "*.lock.*",
    "*-lock.*",
    ".python-version",
    ".python-versions",
    ".tool-versions",
    "runtime.txt",
)
"""Names, ignoring case, of files that may give the connectors below them another kit, client library or Python."""

_FOLDERS = ("requirements", "constraints")
"""Any file in such a folder defines what is installed."""

_CI_DEFINITIONS = (
    ".github/workflows/*.y*ml",
    ".github/actions/*.y*ml",
    ".gitlab-ci.y*ml",
    ".gitlab/*.y*ml",
    "bitbucket-pipelines.yml",
    "azure-pipelines*.y*ml",
    ".azure*/*.y*ml",
    ".buildkite/*",
    "jenkinsfile*",
    ".circleci/*.y*ml",
)

_INCLUDE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)", re.MULTILINE)
_PATH = re.compile(r"[\w@+~-][\w./@+~-]*|\.[\w./@+~-]+")


def scope(path: PurePosixPath) -> PurePosixPath | None:
    """The folder whose connectors depend on the file; None if it is not such a file."""
    for folder in reversed(path.parents):
        if folder.name.lower() in _FOLDERS:
            return folder.parent
    name = path.name.lower()
    return path.parent if any(fnmatchcase(name, pattern) for pattern in _REQUIREMENTS) else None


def included(root: Path, present: Collection[PurePosixPath]) -> Iterator[tuple[PurePosixPath, Path]]:
    """The requirement files that include others (`-r FILE`), each with the included files."""
    for path in present:
        if path.suffix in (".txt", ".in") and scope(path) is not None:
            for name in _INCLUDE.findall(_read(root / path)):
                yield path, (root / path.parent / name).resolve()


def gate_definitions(root: Path, present: Collection[PurePosixPath]) -> Iterator[PurePosixPath]:
    """The files that make a CI system run the gate."""
    for path in present:
        shown = str(path).lower()
        if any(fnmatchcase(shown, pattern) for pattern in _CI_DEFINITIONS) and "dsync-kit" in _read(root / path):
            yield path


def named_in(root: Path, path: PurePosixPath) -> set[PurePosixPath]:
    """All words in a file that look like paths."""
    return {PurePosixPath(found) for found in _PATH.findall(_read(root / path))}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # a broken link
        return ""
