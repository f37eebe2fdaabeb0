"""The options that several commands of `dsync-kit` share."""

from typing import Annotated

import typer

__all__ = ["TARGET_HELP", "Insecure", "Jobs", "Profile", "Rules", "Seed", "Settle", "Strict", "Timeout"]

TARGET_HELP = "a connector's folder, a registered URI or name, grpc://HOST:PORT, or exec:COMMAND"

Insecure = Annotated[bool, typer.Option("--insecure", help="Clear text, without TLS.")]

# What verify and ci have in common.
Profile = Annotated[str, typer.Option(metavar="PROFILE", help="quick, standard or thorough.")]
Seed = Annotated[int | None, typer.Option(metavar="N", min=0, help="The same seed gives the same run.")]
Rules = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only these rules; repeatable.")]
Strict = Annotated[bool, typer.Option("--strict", help="Count violated SHOULD rules as failures, too.")]
Jobs = Annotated[int, typer.Option(metavar="N", min=1, max=64, help="How many rules run in parallel.")]
Settle = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0.0, help="By how much reads may lag behind writes; else it is found out."),
]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long a call of the connector may take.")]
