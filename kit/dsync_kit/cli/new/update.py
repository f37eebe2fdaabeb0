"""The commands `update` and `adopt` of `dsync-new`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsync_kit.cli.exit_codes import ExitCode, say_error
from dsync_kit.output.plain import printable
from dsync_kit.usage import UsageError

if TYPE_CHECKING:
    from dsync_kit.scaffold.updating import Updated

__all__ = ["adopt", "update"]


def update(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...", help="By default the current folder, or all in connectors/.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the changes, as a diff.")] = False,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask no questions: new ones take their defaults.")
    ] = False,
) -> None:
    """Update connectors to the newest template.

    Your edits stay. A folder must be committed to git. If you and the template changed the same lines, you find both
    between markers, and the exit code is 1.
    """
    from dsync_kit.scaffold.updating import update as update_one

    interactive = not defaults and sys.stdin.isatty() and sys.stdout.isatty()
    code = ExitCode.OK
    for folder in folders or _rendered_here():
        try:
            done = update_one(_checked(folder), interactive=interactive, dry_run=dry_run)
        except UsageError as error:
            say_error(str(error))
            code = ExitCode.USAGE
            continue
        print(_described(done, dry_run=dry_run))
        if done.conflicts:
            code = max(code, ExitCode.VIOLATED)
    raise typer.Exit(code)


def _rendered_here() -> list[Path]:
    from dsync_kit.registry import FOLDER
    from dsync_kit.scaffold.record import ANSWERS_FILE

    if Path(ANSWERS_FILE).is_file():
        return [Path()]
    found = sorted(path.parent for path in FOLDER.glob(f"*/{ANSWERS_FILE}"))
    if not found:
        raise UsageError(
            f"no connector made by dsync-new is here or in {FOLDER}/: name its folder, for example "
            "`dsync-new update path/to/connector`"
        )
    return found


def _checked(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: expected a connector's, such as connectors/s3")
    return folder


def _diff_line(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))


def _described(done: "Updated", *, dry_run: bool) -> str:
    """A report on an update, with a line for each file."""
    if done.before == done.after:
        return f"{printable(str(done.folder))} is up to date ({done.after.public})"
    verb = "would be updated" if dry_run else "updated"
    lines = [f"{printable(str(done.folder))} {verb} from {done.before.public} to {done.after.public}"]
    if done.compared != done.before:
        lines.append(
            f"  {done.before.public} was not released: your files were compared with {done.compared}, "
            "so some conflicts may be false"
        )
    lines += [f"  migration  {migration.number}: {migration.summary}" for migration in done.migrations]
    named = (("changed", done.changed), ("added", done.added), ("removed", done.removed))
    lines += [f"  {verb:<9}  {printable(str(path))}" for verb, paths in named for path in paths]
    lines += [f"  moved      {printable(str(old))} → {printable(str(new))}" for old, new in done.moved]
    lines += [
        f"  skipped    {printable(str(path))}: the template changed it, but you deleted it" for path in done.deleted
    ]
    lines += [f"  CONFLICT   {printable(str(conflict.path))}: {conflict.kind.value}" for conflict in done.conflicts]
    if dry_run:
        lines += ["", *map(_diff_line, done.difference.rstrip("\n").split("\n"))]
    elif done.conflicts:
        lines.append("Settle the conflicts, run the connector's tests and `dsync-kit verify`, and commit.")
    else:
        lines.append("Run the connector's tests and `dsync-kit verify`, and commit.")
    return "\n".join(lines)


def adopt(
    folder: Annotated[Path, typer.Argument(help="The connector's folder.", show_default=False)],
    scheme: Annotated[
        str | None, typer.Option(metavar="S", help="The scheme of its URIs; by default found out.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="N", help="Its name; by default found out.")] = None,
    archetype: Annotated[
        str | None, typer.Option(metavar="A", help="What it was made from; by default found out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be added.")] = False,
) -> None:
    """Prepare a connector for `update`.

    Use it for one that was written by hand, or has lost its answers file. This adds missing files, and changes none.
    """
    from dsync_kit.scaffold.adopting import adopt as adopt_one
    from dsync_kit.scaffold.rendering import Answers

    asked = Answers(scheme=scheme, name=name, archetype=archetype)
    done = adopt_one(_checked(folder), asked, dry_run=dry_run)
    where = printable(str(folder))
    if done.alike is None:
        print(f"{where} was written by hand: updates will leave its code alone")
    else:
        print(f"{where} was made from the archetype {done.archetype} of {done.version.public} ({done.alike:.0%} alike)")
    for path in done.added:
        print(f"  {'to add' if dry_run else 'added'}  {printable(str(path))}")
    for pattern in done.own:
        print(f"  yours  {printable(pattern)}: updates leave it alone")
    if not dry_run:
        print(f"Commit it; then `dsync-new update {printable(str(folder))}` brings it up to date.")
    raise typer.Exit(ExitCode.OK)
