"""The command `dsync-new connector`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.output.plain import printable
from dsync_kit.usage import UsageError

__all__ = ["connector"]


def connector(
    scheme: Annotated[str | None, typer.Option(metavar="S", help="The scheme of its URIs, for example s3.")] = None,
    name: Annotated[str | None, typer.Option(metavar="N", help="Its name; by default the scheme.")] = None,
    archetype: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="object-store (for s3, gs, az, file, memory), document (for mongodb), sql (for postgresql) or blank "
            "(for all others).",
        ),
    ] = None,
    source: Annotated[bool | None, typer.Option("--source/--no-source", help="Whether dsync can read from it.")] = None,
    sink: Annotated[bool | None, typer.Option("--sink/--no-sink", help="Whether dsync can write to it.")] = None,
    stream: Annotated[
        bool | None, typer.Option("--stream/--no-stream", help="Whether it streams changes after the copy.")
    ] = None,
    data_type: Annotated[
        list[str] | None, typer.Option(metavar="T", help="bson or json; repeatable; by default both.")
    ] = None,
    ci: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="github adds a workflow that verifies it; or none.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to put it; by default connectors/NAME.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that the template wrote, even if you changed them.")
    ] = False,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask no questions.")] = False,
) -> None:
    """Make a connector that works at once.

    On a terminal, it asks for whatever you leave out.
    """
    from dsync_kit.scaffold.rendering import Answers, scaffold

    answers = Answers(
        scheme=scheme,
        name=name,
        archetype=archetype,
        source=source,
        sink=sink,
        stream=stream,
        data_types=tuple(data_type) if data_type else None,
        ci=ci,
    )
    interactive = not defaults and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        made = scaffold(answers, output=output, interactive=interactive, force=force, dry_run=dry_run)
    except EOFError as error:
        advice = "give the answers as options, or accept the defaults with --defaults"
        raise UsageError(f"the input ended before all questions were answered: {advice}") from error
    for file in made.files:
        print(printable(str(made.folder / file)))
    if not dry_run:
        print("\n" + _next_steps(made.folder))
        raise typer.Exit(ExitCode.OK)  # the folder was created, even if this cannot be printed


def _next_steps(folder: Path) -> str:
    import shlex

    # pip would take a bare relative path for a package's name.
    place = folder if folder.is_absolute() or folder.parts[:1] == ("..",) else f"./{folder}"
    return "\n".join(
        (
            "Next:",
            f"  pip install --editable {shlex.quote(f'{place}[test]')}",
            f"  dsync-kit verify {shlex.quote(str(place))}",
            f"  dsync-kit serve {shlex.quote(str(place))}",
            *_workflow_steps(folder),
        )
    )


def _workflow_steps(folder: Path) -> Iterator[str]:
    """Where to move the workflow in the rendered folder, if there is one: GitHub only runs those in the root."""
    import os
    import shlex

    workflow = folder / ".github" / "workflows" / "connectors.yml"
    root = next((parent for parent in folder.absolute().parents if (parent / ".git").exists()), None)
    if not workflow.is_file() or root is None or (folder / ".git").exists():
        return
    place = Path(os.path.relpath(root / ".github" / "workflows"))
    yield ""
    if (place / workflow.name).exists():
        yield "The workflow at the repository's root verifies this connector, too; remove the folder's own:"
        yield f"  rm -r {shlex.quote(str(folder / '.github'))}"
        return
    yield "GitHub runs workflows only at the repository's root; there it verifies all connectors of the repository:"
    yield f"  mkdir -p {shlex.quote(str(place))}"
    yield f"  mv {shlex.quote(str(workflow))} {shlex.quote(str(place))}"
    yield f"  rm -r {shlex.quote(str(folder / '.github'))}"
