"""Updates a rendered connector to this kit's template, and keeps its author's edits.

The template of the release that rendered the connector is rendered again, and so is this kit's. Git merges the
difference between the two into the files that the author committed. This happens in a scratch repository, so the
author's folder does not change before the result is known, and the user's git settings have no effect. Copier's own
update works in the author's folder, and does not follow moved files.
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
    """Why a file is in conflict: a sentence for its author."""

    MARKED = "you and the template changed the same lines; both are between <<<<<<< and >>>>>>>"
    REMOVED = "you changed it, but the template no longer has it; delete it, or keep it"
    UNMARKED = "you and the template changed it; yours is kept"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file that the author must look at."""

    path: Path
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The changes of an update; paths are relative to the folder, and sorted."""

    folder: Path
    before: Version
    after: Version
    compared: Version
    """The release that the author's files were compared with: `before`, unless that is a development version."""
    changed: tuple[Path, ...] = ()
    added: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    moved: tuple[tuple[Path, Path], ...] = ()
    """The old and new paths of files that migrations moved."""
    conflicts: tuple[Conflict, ...] = ()
    deleted: tuple[Path, ...] = ()
    """Files that the template changed, but the author had deleted. They stay deleted."""
    migrations: tuple[Migration, ...] = ()
    difference: str = ""
    """All changes as a unified diff."""


def update(folder: Path, *, interactive: bool = False, dry_run: bool = False) -> Updated:
    """Merge the changes of the template into a connector's folder.

    `interactive` asks the template's new questions on the terminal. `dry_run` changes nothing. Raises UsageError if the
    folder cannot be updated; then, as after any failure, all files are unchanged.
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
        shutil.copy2(folder / ANSWERS_FILE, base / ANSWERS_FILE)  # then the merge takes the new one
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
    """The release to compare the author's files with."""
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
    """Render the connector with the template that it was made from, and with this kit's."""
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
    """Remove files that only the author may change from a rendered tree, so that the merge does not touch them."""
    for path in files_in(tree):
        if record.owns(path) or any(path.is_relative_to(place) for place in closed):
            (tree / path).unlink()


def _move(migrations: Sequence[Migration], base: Path, ours: Path) -> list[tuple[Path, Path]]:
    """Move files according to migrations; returns the paths of the author's files that moved."""
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
    """Refuse to overwrite ignored files: git could not restore them."""
    taken = [path for path in added if (folder / path).exists() or (folder / path).is_symlink()]
    if taken:
        raise UsageError(
            f"{folder / taken[0]} is in the way: the template now has such a file, and git ignores yours; "
            "move it elsewhere, or commit it"
        )


def _restore_line_ends(folder: Path, paths: Collection[Path]) -> None:
    """End the lines of these files with \\r\\n again."""
    for path in paths:
        if (folder / path).is_file():
            (folder / path).write_bytes((folder / path).read_bytes().replace(b"\n", b"\r\n"))
