"""`sweep`, `schema`, `docs` and `badge`: clean up, and write down facts about a connector."""

from pathlib import Path
from typing import Annotated

import typer

from dsync_kit.cli.command_lines import (
    TARGET_HELP,
    ConnectorOptions,
    Insecure,
    Target,
)
from dsync_kit.cli.exit_codes import ExitCode

__all__ = ["badge", "docs", "schema", "sweep"]


def sweep(
    target: Annotated[str | None, typer.Argument(metavar="[TARGET]", help=TARGET_HELP)] = None,
    options: ConnectorOptions = None,
    insecure: Insecure = False,
    all_: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Empty every namespace of TARGET whose name looks like the kit's own, even those of other machines' "
            "runs; no run may be in progress.",
        ),
    ] = False,
) -> None:
    """Remove what killed runs left behind.

    These are scratch folders and, in the store of TARGET, documents.
    """
    from dsync_kit.cli.sweep import sweep as run

    run(target, options or (), insecure=insecure, everything=all_)


def schema(
    target: Target,
    options: ConnectorOptions = None,
    namespace: Annotated[
        list[str] | None, typer.Option(metavar="NS", help="A namespace to write to; repeatable.")
    ] = None,
    documents: Annotated[
        list[str] | None,
        typer.Option(metavar="[NS=]FILE", help="A schema that you already know; printed as the kit understands it."),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Save one file per namespace there.")] = None,
    insecure: Insecure = False,
) -> None:
    """Print which documents a namespace accepts.

    You can edit the output and pass it to `verify --documents`. To find out, the kit writes some documents, and removes
    them again. Ends with 3 if it found no schema.
    """
    from dsync_kit.cli.schema import Asked
    from dsync_kit.cli.schema import schema as run

    asked = Asked(target, options or (), namespace or (), documents or (), output, insecure)
    raise typer.Exit(ExitCode(run(asked)))


def docs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A connector's folder.")],
) -> None:
    """Describe a connector in its README.

    Writes its options, capabilities, exceptions and types between two marks. From then on, `ci` fails if they are out
    of date. Ends with 2 if the connector cannot be judged.
    """
    from dsync_kit.conformance.running.processes.crew import Crew

    with Crew(1) as crew:
        from rich.console import Console

        from dsync_kit.cli.verify import Verification, judge
        from dsync_kit.project.editions import edition_for, seed_for
        from dsync_kit.readme.section import FIDELITY, write

        seed = seed_for(folder, edition_for(folder))
        asked = Verification(str(folder), profile="quick", seed=seed, rules=(FIDELITY,))
        print(write(folder, judge(asked, Console(quiet=True), crew)))


def badge(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="The file that `verify --report json=REPORT` wrote.")
    ],
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="Where to write the SVG.")],
) -> None:
    """Turn a JSON report into a badge."""
    from dsync_kit.cli.badge import badge as write

    write(report, picture)
