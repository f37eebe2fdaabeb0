"""What the projects in a repository declare: which connectors they ship, and where their packages are."""

import ast
import configparser
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dsync_kit.registry import ENTRY_POINT_GROUP

__all__ = ["Project", "find_projects"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project, with the file that describes it."""

    file: PurePosixPath
    entry_points: Mapping[str, str] = field(default_factory=dict)
    """The connectors' names, each with its module."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """The folders of packages that are not where their names suggest, relative to the project."""

    def folders(self, module: str) -> Iterator[PurePosixPath]:
        """The folders that may contain a module, the most likely first."""
        package = module.split(".")[:-1]
        yield from (folder for _, folder in self.homes(module))
        for start in range(1, len(package) + 1):
            yield self.file.parent.joinpath(*package[start:])

    def homes(self, module: str) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
        """Where the package of a module may begin, each with the folder of the module in it."""
        root = self.file.parent
        package = module.split(".")[:-1]
        for length in range(len(package), 0, -1):
            if (place := self.packages.get(".".join(package[:length]))) is not None:
                yield root / place, root.joinpath(place, *package[length:])
        for place in (self.packages.get("", "src"), ""):
            if package:
                yield root / place / package[0], root.joinpath(place, *package)


def find_projects(root: Path, present: Collection[PurePosixPath]) -> list[Project]:
    """The projects among the present files. Files that pip could not read either are ignored."""
    found = []
    for path in sorted(path for path in present if path.name in _READERS):
        try:
            found.append(_READERS[path.name](path, (root / path).read_text(encoding="utf-8")))
        except (OSError, ValueError, SyntaxError, configparser.Error):
            continue
    return found


def _of_pyproject(path: PurePosixPath, text: str) -> Project:
    parsed = tomllib.loads(text)
    points = _texts(parsed, "project", "entry-points", ENTRY_POINT_GROUP)
    points |= _texts(parsed, "tool", "poetry", "plugins", ENTRY_POINT_GROUP)
    packages = _texts(parsed, "tool", "setuptools", "package-dir")
    # Hatch declares it the other way round.
    for keys in (("sources",), ("targets", "wheel", "sources"), ("targets", "wheel", "force-include")):
        moved = _texts(parsed, "tool", "hatch", "build", *keys)
        packages |= {place.strip("/").replace("/", "."): folder for folder, place in moved.items() if place}
    return Project(path, _modules(points), packages)


def _of_setup_cfg(path: PurePosixPath, text: str) -> Project:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string(text)
    points = _pairs(parsed.get("options.entry_points", ENTRY_POINT_GROUP, fallback=""))
    return Project(path, _modules(points), _pairs(parsed.get("options", "package_dir", fallback="")))


def _of_setup_py(path: PurePosixPath, text: str) -> Project:
    points: dict[str, str] = {}
    for node in ast.walk(ast.parse(text)):
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and key.value == ENTRY_POINT_GROUP:
                texts = [found.value for found in ast.walk(value) if isinstance(found, ast.Constant)]
                points |= _pairs("\n".join(str(found) for found in texts))
    return Project(path, _modules(points))


_READERS: dict[str, Callable[[PurePosixPath, str], Project]] = {
    "pyproject.toml": _of_pyproject,
    "setup.cfg": _of_setup_cfg,
    "setup.py": _of_setup_py,
}


def _modules(points: Mapping[str, str]) -> dict[str, str]:
    return {name: target.partition(":")[0].strip() for name, target in points.items()}


def _texts(parsed: Any, *keys: str) -> dict[str, str]:
    """The table of texts at a path of keys; empty if there is none."""
    for key in keys:
        parsed = parsed.get(key) if isinstance(parsed, dict) else None
    return {name: str(value) for name, value in parsed.items()} if isinstance(parsed, dict) else {}


def _pairs(text: str) -> dict[str, str]:
    """`name = value` on each line."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
