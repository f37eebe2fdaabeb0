"""What the command lines have in common: --help and --version, and the options that several commands share."""

import secrets
from typing import Annotated

import typer

__all__ = [
    "TARGET_HELP",
    "Against",
    "ConnectorOptions",
    "Documents",
    "Edition",
    "Insecure",
    "Jobs",
    "Namespaces",
    "Profile",
    "Rules",
    "Seed",
    "Settle",
    "Strict",
    "Target",
    "Timeout",
    "command_line",
]

TARGET_HELP = "a connector's folder, a registered URI or name, grpc://HOST:PORT, or exec:COMMAND"

Target = Annotated[str, typer.Argument(metavar="TARGET", help=TARGET_HELP)]
ConnectorOptions = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- OPTIONS", help="the connector's own options (dsync-kit list NAME)"),
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Clear text, without TLS.")]

# Options of both verify and fuzz.
Namespaces = Annotated[list[str] | None, typer.Option(metavar="NS", help="A namespace to read and write; repeatable.")]
Documents = Annotated[
    list[str] | None,
    typer.Option(metavar="[NS=]FILE", help="The document schema of a namespace, or of all; repeatable."),
]

# Options of both verify and ci.
Profile = Annotated[str, typer.Option(metavar="PROFILE", help="quick, standard or thorough.")]
Against = Annotated[
    str | None,
    typer.Option(metavar="REF", help="Also check that this version reads the data and cursors of the folder at REF."),
]
Edition = Annotated[
    str | None,
    typer.Option(metavar="EDITION", help="The edition of the rules to hold it to, or latest; else its pyproject's."),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N|random", parser=lambda text: seed_of(str(text)), help="The same number gives the same run."
    ),
]
Rules = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only these rules; repeatable.")]
Strict = Annotated[bool, typer.Option("--strict", help="Count violated SHOULD rules as failures, too.")]
Jobs = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=64, help="How many rules run in parallel: 1, or 6 where reads lag."),
]
Settle = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0.0, help="By how much reads may lag behind writes; else the kit finds out."),
]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long a call of the connector may take.")]


def seed_of(text: str) -> int:
    """The seed that a user's word means. Raises BadParameter for anything but a number or `random`."""
    if text == "random":
        return secrets.randbelow(2**32)
    if text.isascii() and text.isdigit():
        return int(text)
    raise typer.BadParameter(f"given {text!r}: expected a number, 0 or more, or `random`")


def command_line(name: str, purpose: str) -> typer.Typer:
    """A command line without subcommands yet; it has --help and --version."""
    app = typer.Typer(
        name=name,
        help=purpose,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )

    def print_version(wanted: bool) -> None:
        if wanted:
            from dsync_kit import __version__

            print(f"{name} {__version__}")
            raise typer.Exit

    @app.callback()
    def common(
        version: Annotated[
            bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
        ] = False,
    ) -> None:
        """Options before the command."""

    return app
