"""Finds the connectors in a git repository that a change can affect."""

import fnmatch
import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dsync_kit.gate.bases import find_base
from dsync_kit.gate.connectors import MARKS, Connectors, find_connectors
from dsync_kit.gate.files import Files, find_files, links
from dsync_kit.gate.imports import Code
from dsync_kit.gate.projects import Project, find_projects
from dsync_kit.gate.requirements import gate_definitions, included, named_in, scope
from dsync_kit.git.worktree import Git
from dsync_kit.usage import UsageError

__all__ = ["Change", "find_change"]

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Change:
    """The connectors that a change touches. Folders are relative to `root`, the repository's root.

    `base` is the base in words. `connectors` are all that were considered, `touched` those to verify. `unjudged` are
    also touched, but cannot be verified: each with the reason.
    """

    root: Path
    base: str
    connectors: tuple[PurePosixPath, ...]
    touched: tuple[PurePosixPath, ...]
    unjudged: Mapping[PurePosixPath, str] = field(default_factory=dict)

    def name(self, folder: PurePosixPath) -> str:
        """A name for a connector that is unique in the repository, even ignoring case, and valid as a file name."""
        name = self._plain_name(folder)
        taken = Counter(self._plain_name(other).casefold() for other in (*self.connectors, *self.unjudged))
        if taken[name.casefold()] == 1 and len(name) <= _LONGEST_NAME:
            return name
        digest = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()
        return f"{name[:_LONGEST_NAME]}-{digest[:10]}"

    def _plain_name(self, folder: PurePosixPath) -> str:
        return re.sub(r"[^\w.+@ -]", "_", "-".join(folder.parts) or self.root.name or "root")


def find_change(
    working_folder: Path,
    environ: Mapping[str, str],
    *,
    base: str | None = None,
    connectors: str | None = None,
    shared: Sequence[str] = (),
) -> Change:
    """Find out what the change in `working_folder`'s repository touches, committed or not.

    `base` is a branch or commit; by default what the CI system says in `environ`, else the remote's main branch, else
    main. If there is nothing to compare with, every connector is touched. `connectors` is a folder or a glob, relative
    to `working_folder`. `shared` are folders or globs, relative to the repository, of files that affect all connectors.
    Raises UsageError if git does not know, or if a glob matches nothing.
    """
    git = Git.at(working_folder, environ)
    compared = find_base(git, base, environ)
    files = find_files(git, compared.commits)
    projects = find_projects(git.root, files.present)
    wanted = _pattern(git.root, working_folder, connectors)
    every = find_connectors(git.root, files, projects)
    found = _limited(git.root, every, files, wanted)
    gone = (path.parent for path in files.changed - files.present if path.name in MARKS)
    if (
        connectors is not None
        and not found.whole
        and not found.broken
        and not any(_is_below(at, wanted) for at in gone)
    ):
        raise UsageError(
            f"--connectors {connectors}: no connector is there: expected a folder with {' and '.join(MARKS)} that git "
            "does not ignore, a folder above such, or a glob"
        )
    direct = frozenset(files.changed)
    _note_references(git.root, files)
    if _is_shared(shared, files) or any(path in files.changed for path in gate_definitions(git.root, files.present)):
        touched = found.whole | set(found.broken)
    else:
        touched = set(_Touch(git.root, files, direct, projects, every).touched(found))
    return Change(
        git.root,
        compared.name,
        tuple(sorted(found.whole)),
        tuple(sorted(found.whole & touched)),
        {folder: reason for folder, reason in sorted(found.broken.items()) if folder in touched},
    )


def _pattern(root: Path, working_folder: Path, connectors: str | None) -> str:
    """A glob as a path from the repository's root; the root itself is `.`."""
    if connectors is None:
        return "."
    asked = Path(connectors)
    place = (
        Path(os.path.realpath(asked.parent), asked.name) if asked.is_absolute() else working_folder.resolve() / asked
    )
    pattern = os.path.relpath(place, root)
    if pattern.startswith(".."):
        raise UsageError(f"--connectors {connectors}: that is outside the repository {root}")
    return PurePosixPath(pattern).as_posix()


def _is_below(folder: PurePosixPath, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(str(above), pattern) for above in (folder, *folder.parents))


def _limited(root: Path, every: Connectors, files: Files, wanted: str) -> Connectors:
    """The requested connectors, each once, whatever links lead to it."""
    whole = {folder for folder in every.whole if _is_below(folder, wanted)}
    aliases = {folder for folder in whole if _real(root, folder) not in (None, folder)}
    whole -= {folder for folder in aliases if _real(root, folder) in whole}
    # What a submodule contains is unknown while it is not checked out.
    broken = {
        folder: reason
        for folder, reason in every.broken.items()
        if _is_below(folder, wanted) or (folder in files.closed and _may_hold(folder, wanted))
    }
    return Connectors(whole, broken)


def _may_hold(folder: PurePosixPath, pattern: str) -> bool:
    """Whether something in the folder may match: of it and the literal part of the pattern, one is inside the other."""
    literal, wildcard, _ = re.split(r"([*?\[]|$)", pattern, maxsplit=1)
    return f"{literal}/".startswith(f"{folder}/") or (bool(wildcard) and f"{folder}/".startswith(literal))


def _real(root: Path, folder: PurePosixPath) -> PurePosixPath | None:
    """The folder's path with links resolved; None outside of the repository."""
    real = Path(os.path.realpath(root / folder))
    return PurePosixPath(real.relative_to(root)) if real.is_relative_to(root) else None


def _is_shared(shared: Sequence[str], files: Files) -> bool:
    """Whether a file that affects every connector has changed. Raises UsageError for a glob that matches no file."""
    known = files.known
    globs = {glob: PurePosixPath(glob).as_posix() for glob in shared}
    for glob, pattern in globs.items():
        if not any(_is_below(path, pattern) for path in known):
            raise UsageError(
                f"--shared {glob}: it matches no file, neither in the repository nor in the change: expected a folder "
                "or a glob, relative to the repository's root"
            )
    return any(_is_below(path, pattern) for path in files.changed for pattern in globs.values())


def _note_references(root: Path, files: Files) -> None:
    """Also count as changed what refers to changed files: links, including files, and the definitions of the gate."""
    edges = [(link, _inside(root, target)) for link, target in links(root, files.present)]
    edges += [(file, _inside(root, target)) for file, target in included(root, files.present)]
    edges += [
        (file, named)
        for file in gate_definitions(root, files.present)
        for named in named_in(root, file) & (files.known - set(files.closed))
    ]
    changed = {above for path in files.changed for above in (path, *path.parents)}
    while new := {path for path, target in edges if target in changed} - changed:
        files.changed.update(new)
        changed.update(above for path in new for above in (path, *path.parents))


def _inside(root: Path, path: Path) -> PurePosixPath | None:
    return PurePosixPath(path.relative_to(root)) if path.is_relative_to(root) else None


@dataclass(frozen=True, slots=True)
class _Touch:
    """Finds the connectors that changed files touch."""

    root: Path
    files: Files
    direct: Collection[PurePosixPath]
    """The changed files, without those that only refer to one."""
    projects: Sequence[Project]
    every: Connectors

    def touched(self, wanted: Connectors) -> Iterator[PurePosixPath]:
        """The connectors that have a changed file, lie below changed requirements, or import a changed file."""
        changed = self.files.changed
        folders = {_real(self.root, folder) or folder for folder in self.every.whole} | set(self.every.broken)
        # A file belongs to the innermost connector around it.
        owners = {path: _owner(path, folders) for path in self.files.known}
        requirements = {folder for path in changed if (folder := scope(path)) is not None}
        code = Code(self.root, self.files.known, self.files.absent, self._packages())
        for folder in (*wanted.whole, *wanted.broken):
            real = _real(self.root, folder) or folder
            above = {folder, real, *folder.parents, *real.parents}
            if any(owners[path] == real for path in changed) or above & requirements or above.intersection(self.direct):
                yield folder
                continue
            own = {path for path, owner in owners.items() if owner == real}
            if code.reaches(real, own, changed):
                yield folder

    def _packages(self) -> dict[tuple[str, ...], PurePosixPath]:
        return {
            tuple(name.split(".")): project.file.parent / place
            for project in self.projects
            for name, place in project.packages.items()
            if name
        }


def _owner(path: PurePosixPath, folders: Collection[PurePosixPath]) -> PurePosixPath | None:
    return next((folder for folder in (path, *path.parents) if folder in folders), None)
