"""The command `dsync-kit`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsync_kit.cli.exit_codes import exit_code_of

__all__ = ["app", "main"]

app = typer.Typer(
    name="dsync-kit",
    help="Prove that a dsync connector can be relied on, and run it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

TARGET_HELP = "a connector's folder, a registered URI or name, grpc://HOST:PORT, or exec:COMMAND"

Insecure = Annotated[bool, typer.Option("--insecure", help="Clear text, without TLS.")]


def _version(wanted: bool) -> None:
    if wanted:
        from dsync_kit import __version__

        print(f"dsync-kit {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def verify(
    target: Annotated[str, typer.Argument(metavar="TARGET", help=TARGET_HELP)],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTIONS", help="the connector's own options (dsync-kit list NAME)"),
    ] = None,
    profile: Annotated[str, typer.Option(metavar="PROFILE", help="quick, standard or thorough.")] = "standard",
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="The same seed gives the same run.")] = None,
    rule: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only these rules; repeats.")] = None,
    namespace: Annotated[
        list[str] | None, typer.Option(metavar="NS", help="A namespace that may be read and written; repeats.")
    ] = None,
    known_failures: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Lines RULE: REASON; an unexpected pass fails.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="SHOULD rules count as failures, too.")] = False,
    report: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT=PATH", help="json, junit, markdown or html; repeats.")
    ] = None,
    insecure: Insecure = False,
) -> None:
    """Prove a connector with generated data.

    Ends with 0 if it is conformant, 1 if a rule is violated, 2 for wrong usage, 3 if it could not be judged.
    """
    from dsync_kit.cli.verify import Verification
    from dsync_kit.cli.verify import verify as run

    asked = Verification(
        target=target,
        options=options or (),
        profile=profile,
        seed=seed,
        rules=rule or (),
        namespaces=namespace or (),
        known_failures=known_failures,
        strict=strict,
        reports=report or (),
        insecure=insecure,
    )
    raise typer.Exit(run(asked))


def main() -> None:
    """Run the command; ends the process with its exit code."""
    sys.exit(exit_code_of(app))


if __name__ == "__main__":
    main()
