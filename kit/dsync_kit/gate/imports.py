"""Finds out if a change outside of a connector can affect it: through its imports, or through files it mentions."""

import ast
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["Code"]

_SUFFIXES = {".py", ".pyi", ".pyx", ".pxd", ".so", ".pyd"}
_IMPORTING = {"import_module", "__import__", "spec_from_file_location", "run_path", "run_module", "SourceFileLoader"}
_SEARCHING = {"exec", "walk_packages", "iter_modules"}
_NAME = re.compile(r"[\w.+@-]+")


@dataclass(slots=True)
class _References:
    """What a module imports: absolute names, and relative ones with the folder in which they are looked up."""

    names: set[tuple[str, ...]] = field(default_factory=set)
    relative: set[tuple[PurePosixPath, tuple[str, ...]]] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)
    anything: bool = False
    """Whether it computes names at run time and imports them, or cannot be read."""


@dataclass(slots=True)
class Code:
    """The Python code of a repository.

    `known` are all its files, including deleted ones; `unreadable` are those that are not checked out. `packages` are
    packages whose folders have other names.
    """

    root: Path
    known: Collection[PurePosixPath]
    unreadable: Collection[PurePosixPath] = ()
    packages: Mapping[tuple[str, ...], PurePosixPath] = field(default_factory=dict)
    _by_name: dict[str, list[PurePosixPath]] = field(default_factory=dict)
    _read: dict[PurePosixPath, _References] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.known:
            if _is_code(path):
                self._by_name.setdefault(_module(path)[-1], []).append(path)

    def reaches(self, connector: PurePosixPath, own: Collection[PurePosixPath], changed: set[PurePosixPath]) -> bool:
        """Whether a connector with the files `own` may run or read one of the changed files, which are others."""
        seen = self._imported(connector, own)
        if seen & changed or any(path.name == "__init__.py" and path.parent in connector.parents for path in changed):
            return True
        outside = seen - set(own)
        # A shared package may read any file in it.
        packages = {path.parent for path in outside} - {connector, *connector.parents}
        read = {name for path in seen for name in self._references(path).mentioned} - {path.name for path in own}
        anything = any(self._references(path).anything for path in seen)
        return any(
            (anything if _is_code(path) else path.name in read) or not packages.isdisjoint(path.parents)
            for path in changed
        )

    def _imported(self, connector: PurePosixPath, own: Collection[PurePosixPath]) -> set[PurePosixPath]:
        """The code that a connector runs: its own code without tests, and what that imports."""
        waiting = [path for path in own if _is_code(path) and not _is_test(path.relative_to(connector))]
        seen = set(waiting)
        while waiting:
            references = self._references(waiting.pop())
            found = {path for name in references.names for path in self._named(name, own)}
            found |= {path for folder, name in references.relative for path in self._below(folder, name)}
            waiting += found - seen
            seen |= found
        return seen

    def _named(self, name: tuple[str, ...], own: Collection[PurePosixPath]) -> Iterator[PurePosixPath]:
        """The modules that an absolute name can mean, with their packages: the connector's own, or else all others."""
        for length in range(1, len(name) + 1):
            found = [path for path in self._by_name.get(name[length - 1], ()) if _ends(_module(path), name[:length])]
            yield from [path for path in found if path in own] or found
            if (folder := self.packages.get(name[:length])) is not None:
                yield from self._below(folder, name[length:])

    def _below(self, folder: PurePosixPath, name: tuple[str, ...]) -> Iterator[PurePosixPath]:
        """The modules that a relative name means."""
        for length in range(len(name) + 1):
            module = (*folder.parts, *name[:length])
            yield from (path for path in self._by_name.get(module[-1] if module else "", ()) if _module(path) == module)

    def _references(self, path: PurePosixPath) -> _References:
        if path not in self._read:
            self._read[path] = _References(anything=True) if path in self.unreadable else _read(self.root, path)
        return self._read[path]


def _read(root: Path, path: PurePosixPath) -> _References:
    found = _References()
    if path.suffix not in (".py", ".pyi"):
        return found
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse((root / path).read_bytes())
    except FileNotFoundError:
        return found  # deleted: its imports do not matter
    except (OSError, SyntaxError, ValueError, RecursionError):
        found.anything = True
        return found
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found.names.update(tuple(alias.name.split(".")) for alias in node.names)
            case ast.ImportFrom():
                _note_from(found, node, path.parent)
            case ast.Call():
                _note_call(found, node)
            case ast.Constant(value=str() as text) if id(node) not in remarks:
                found.mentioned.update(_NAME.findall(text))
    return found


def _note_from(found: _References, node: ast.ImportFrom, folder: PurePosixPath) -> None:
    source = tuple(node.module.split(".")) if node.module else ()
    names = {(*source, alias.name) for alias in node.names}
    if node.level == 0:
        found.names |= names
        return
    above = [folder, *folder.parents]
    if node.level <= len(above):
        found.relative |= {(above[node.level - 1], name) for name in names}


def _note_call(found: _References, node: ast.Call) -> None:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called in _SEARCHING:
        found.anything = True
    elif called in _IMPORTING:
        texts = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        names = [text for text in texts if re.fullmatch(r"\.*\w+(\.\w+)*", text)]
        found.names.update(tuple(name.strip(".").split(".")) for name in names)
        found.anything |= not names


def _module(path: PurePosixPath) -> tuple[str, ...]:
    """The parts of the name by which a file can be imported, from the repository's root."""
    name = path.name.partition(".")[0]
    return path.parent.parts if name == "__init__" else (*path.parent.parts, name)


def _ends(module: Sequence[str], name: Sequence[str]) -> bool:
    return tuple(module[-len(name) :]) == tuple(name)


def _is_code(path: PurePosixPath) -> bool:
    return path.suffix in _SUFFIXES and bool(_module(path))


def _is_test(path: PurePosixPath) -> bool:
    return "tests" in path.parts[:-1] or path.name == "conftest.py" or path.name.startswith("test_")
