"""`rules`, `explain` and `list`: print rules and connectors."""

from typing import Annotated

import typer

from dsync_kit.output.streams import write_document

__all__ = ["explain", "list_", "rules"]


def rules(
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text or json.")] = "text",
) -> None:
    """List the rules by area."""
    from dsync_kit.cli import catalogue
    from dsync_kit.errors import UsageError

    if output == "json":
        write_document(catalogue.rules_as_json() + "\n")
    elif output == "text":
        print(catalogue.rules_as_text())
    else:
        raise UsageError(f"there is no format {output!r}: expected text or json")


def explain(
    name: Annotated[str, typer.Argument(metavar="RULE", help="A rule's id, a glob, or an area.")],
) -> None:
    """Explain a rule.

    Prints the contract's sentence, what the rule checks, and the likely cause of a failure.
    """
    from dsync_kit.cli.catalogue import explain as explained

    print(explained(name))


def list_(
    name: Annotated[
        str | None, typer.Argument(metavar="CONNECTOR", help="A name, a URI or a folder: print its options.")
    ] = None,
) -> None:
    """List the connectors, or one connector's options."""
    from dsync_kit.cli.catalogue import list_connectors, options_of

    print(options_of(name) if name else list_connectors())
