"""Finds the connectors in a repository, also those that cannot be verified."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dsync_kit.gate.files import Files, links
from dsync_kit.gate.projects import Project

__all__ = ["MARKS", "Connectors", "find_connectors"]

MARKS = ("registration.py", "conformance.py")
"""A folder with both files is a connector."""


@dataclass(frozen=True, slots=True)
class Connectors:
    """`whole` can be verified; `broken` cannot, each with the reason."""

    whole: set[PurePosixPath]
    broken: dict[PurePosixPath, str]


def find_connectors(root: Path, files: Files, projects: Iterable[Project]) -> Connectors:
    """All connectors among the files: found by their files, by entry points, and by missing files."""
    whole = {path.parent for path in files.present if path.name == MARKS[0] and _is_connector(root / path.parent)}
    whole |= set(_linked(root, files, whole))
    broken = dict(files.closed)
    for folder in {path.parent for path in files.absent if path.name in MARKS} - whole:
        if all(folder / mark in files.present | files.absent for mark in MARKS):
            broken[folder] = f"it is not checked out: run git sparse-checkout add {folder}"
    gone = files.changed - files.present - files.absent
    for folder in {path.parent for path in gone if path.name in MARKS} - whole:
        if any(folder / mark in files.present for mark in MARKS):
            broken[folder] = f"it has lost {_missing(folder, files)}: restore it, or delete the folder"
    for folder, reason in _shipped(files, projects):
        if folder not in whole:
            broken.setdefault(folder, reason)
    for folder in [folder for folder in whole if not str(folder).isprintable()]:
        whole.remove(folder)
        broken[folder] = "its folder's name cannot be printed: rename it"
    return Connectors(whole, broken)


def _is_connector(folder: Path) -> bool:
    return all((folder / mark).is_file() for mark in MARKS)


def _missing(folder: PurePosixPath, files: Files) -> str:
    return " and no ".join(mark for mark in MARKS if folder / mark not in files.present)


def _linked(root: Path, files: Files, whole: Collection[PurePosixPath]) -> Iterator[PurePosixPath]:
    """The connectors behind symbolic links to folders, with the links' paths."""
    for link, target in links(root, files.present):
        if not target.is_dir():
            continue
        inside = PurePosixPath(target.relative_to(root)) if target.is_relative_to(root) else None
        behind = [folder for folder in whole if inside is not None and folder.is_relative_to(inside)]
        yield from (link / folder.relative_to(inside) for folder in behind if inside is not None)
        if not behind and _is_connector(target):
            yield link


def _shipped(files: Files, projects: Iterable[Project]) -> Iterator[tuple[PurePosixPath, str]]:
    """The folders that entry points refer to, each with the message for the case that it is not a connector.

    A module that was never in the repository belongs to somebody else.
    """
    known = files.known
    there = {folder for path in files.present for folder in path.parents}
    for project in projects:
        for name, module in project.entry_points.items():
            marks = (*MARKS, f"{module.rpartition('.')[2]}.py")
            holding = (folder for folder in project.folders(module) if any(folder / mark in known for mark in marks))
            homes = (folder for home, folder in project.homes(module) if home in there)
            folder = next(holding, None) or next(homes, None)
            if folder is not None:
                yield (
                    folder,
                    f"{project.file} still ships it as {name!r}, but there is no {_missing(folder, files)}: "
                    "restore it, or remove the entry point",
                )
