"""Brings a rendered connector up to this kit's template, with its author's edits.

The template of the release that rendered the connector is rendered again, and so is this kit's; git merges the
difference into what the author has committed. Copier's own update works in place and knows no moved files; a merge in a
scratch repository leaves the folder alone until all is known, and no setting of the user's git takes part.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import Version

from dsync_kit.git.scratch import ScratchRepository
from dsync_kit.scaffold.committed import copy_committed
from dsync_kit.scaffold.copying import files_in, render_template
from dsync_kit.scaffold.migrations import Migration, migrations_since
from dsync_kit.scaffold.record import ANSWERS_FILE, Record, read_record
from dsync_kit.scaffold.releases import Template, current_version, released, template_of
from dsync_kit.scaffold.writing import write_files
from dsync_kit.usage import UsageError

__all__ = ["Conflict", "Kind", "Updated", "update"]


class Kind(Enum):
    """What a conflict is about."""

    MARKED = "the author and the template changed the same lines: both stand between markers"
    REMOVED = "the author changed the file, and the template no longer has it: the author's is kept"
    UNMARKED = "the author and the template changed a file that takes no markers: the author's is kept"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file that its author has to settle."""

    path: Path
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What an update did, or would do; paths are relative to the folder and sorted."""

    folder: Path
    before: Version
    after: Version
    compared: Version
    """The release with which the author's edits were found: `before`, unless that is a development version."""
    changed: tuple[Path, ...] = ()
    added: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    moved: tuple[tuple[Path, Path], ...] = ()
    """By migrations, from the old path to the new one."""
    conflicts: tuple[Conflict, ...] = ()
    deleted: tuple[Path, ...] = ()
    """Files that the author deleted and the template changed: they stay deleted."""
    migrations: tuple[Migration, ...] = ()
    difference: str = ""
    """All changes as a unified diff."""


def update(folder: Path, *, interactive: bool = False, dry_run: bool = False) -> Updated:
    """Merge what changed in the template into a connector's folder.

    `interactive` asks the template's new questions on the terminal; `dry_run` changes nothing. Raises UsageError where
    the folder cannot be updated; then, as after every failure, all of its files are as they were.
    """
    record = read_record(folder)
    compared = _compared(folder, record.version)
    result = Updated(folder=folder, before=record.version, after=current_version(), compared=compared)
    if record.version == result.after:
        return result
    with TemporaryDirectory(prefix="dsync-new-") as name:
        scratch = Path(name)
        base, ours, theirs = (scratch / tree for tree in ("base", "ours", "theirs"))
        committed = copy_committed(folder, ours)
        migrations = migrations_since(record.version)
        _render_both(folder, record, compared, migrations, base, theirs, interactive=interactive)
        shutil.copy2(folder / ANSWERS_FILE, base / ANSWERS_FILE)  # so that the new one takes its place
        shutil.copy2(folder / ANSWERS_FILE, ours / ANSWERS_FILE)
        for tree in (base, theirs):
            _leave_out(tree, record, committed.closed)

        repository = ScratchRepository(scratch / "merged")
        original = repository.commit(ours)
        moved = _move(migrations, base, ours)
        root = repository.commit(base)
        merged = repository.merge(
            repository.commit(ours, root), repository.commit(theirs, root), name=f"dsync-kit-{result.after.public}"
        )
        changes = repository.changes_since(original)
        conflicts = tuple(Conflict(path, _kind(path, repository.folder, theirs)) for path in merged.conflicts)
        apart = {*merged.conflicts, *(path for pair in moved for path in pair)}
        result = replace(
            result,
            changed=_where(changes, "M", apart),
            added=_where(changes, "A", apart),
            removed=_where(changes, "D", apart),
            moved=tuple(moved),
            conflicts=conflicts,
            deleted=merged.deleted,
            migrations=tuple(migrations),
            difference=repository.difference(original),
        )
        _check_way(folder, _where(changes, "A"))
        if not dry_run:
            ends = dict(moved)
            _restore_line_ends(repository.folder, [ends.get(path, path) for path in committed.crlf])
            write_files(
                folder, {path: None if how == "D" else repository.folder / path for path, how in changes.items()}
            )
        return result


def _compared(folder: Path, recorded: Version) -> Version:
    """The release whose template an author's edits can be found with."""
    known, here = released(), current_version()
    if Version(recorded.public) > Version(here.public):
        raise UsageError(
            f"{folder} was made by dsync-kit {recorded.public}, and this is {here.public}: "
            f"install a newer one (pip install 'dsync-kit>={recorded.public}')"
        )
    if recorded in known or recorded == here:
        return recorded
    if recorded.is_devrelease:
        return max((version for version in known if version < recorded), default=known[0])
    raise UsageError(
        f"{folder / ANSWERS_FILE} says release {recorded}, which this kit does not know: expected one of "
        f"{', '.join(map(str, known))}; correct `_commit`, or delete the file and run `dsync-new adopt`"
    )


def _render_both(
    folder: Path,
    record: Record,
    compared: Version,
    migrations: Sequence[Migration],
    base: Path,
    theirs: Path,
    *,
    interactive: bool,
) -> None:
    """Render what the connector was made from, and what it would be made from today."""
    name = record.folder or folder.resolve().name
    answers = record.answers
    try:
        with template_of(compared) as template:
            render_template(Template(template.folder, record.version), base, answers, folder=name)
        for migration in migrations:
            answers = migration.answers(answers)
        with template_of(current_version()) as template:
            render_template(template, theirs, answers, folder=name, interactive=interactive)
    except UsageError as error:
        raise UsageError(f"{folder / ANSWERS_FILE}: {error}") from error
    if record.own:
        (theirs / ANSWERS_FILE).write_bytes(replace(read_record(theirs), own=record.own).encode())


def _leave_out(tree: Path, record: Record, closed: Collection[Path]) -> None:
    """Remove from a rendered tree what is the author's alone: then a merge does not touch it."""
    for path in files_in(tree):
        if record.owns(path) or any(path.is_relative_to(place) for place in closed):
            (tree / path).unlink()


def _move(migrations: Sequence[Migration], base: Path, ours: Path) -> list[tuple[Path, Path]]:
    """Move files as migrations say; returns those of the author's."""
    moved = []
    for migration in migrations:
        migration.move_files(base)
        moved += migration.move_files(ours)
    return moved


def _kind(path: Path, merged: Path, theirs: Path) -> Kind:
    if not (theirs / path).is_file():
        return Kind.REMOVED
    marked = (merged / path).is_file() and b"<<<<<<< " in (merged / path).read_bytes()
    return Kind.MARKED if marked else Kind.UNMARKED


def _where(changes: Mapping[Path, str], how: str, apart: Collection[Path] = ()) -> tuple[Path, ...]:
    return tuple(sorted(path for path, change in changes.items() if change == how and path not in apart))


def _check_way(folder: Path, added: Collection[Path]) -> None:
    """Refuse to overwrite what git ignores: no commit holds it."""
    taken = [path for path in added if (folder / path).exists() or (folder / path).is_symlink()]
    if taken:
        raise UsageError(
            f"{folder / taken[0]} is in the way: the template now has such a file, and git ignores yours; "
            "move it elsewhere, or commit it"
        )


def _restore_line_ends(folder: Path, paths: Collection[Path]) -> None:
    """Give the files that had them their \\r\\n again."""
    for path in paths:
        if (folder / path).is_file():
            (folder / path).write_bytes((folder / path).read_bytes().replace(b"\n", b"\r\n"))
