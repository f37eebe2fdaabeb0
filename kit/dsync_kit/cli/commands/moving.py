"""`serve`, `run` and `e2e`: serve connectors, and move data between them."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dsync_kit.cli.command_lines import (
    Seed,
)
from dsync_kit.cli.exit_codes import ExitCode

__all__ = ["e2e", "run", "serve"]


def serve(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="TARGET [CONNECTOR-OPTIONS]", help="What to serve, and its options.")
    ] = None,
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free port.")
    ] = "127.0.0.1:8088",
    cert_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain for TLS, PEM.")] = None,
    key_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Private key, PEM.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow clear text on a public address.")] = False,
    reuse_port: Annotated[
        bool, typer.Option("--reuse-port", help="Share the address with servers that also set this, for a handover.")
    ] = False,
    grace: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long running calls may take after a signal to stop.")
    ] = 5.0,
    wants_help: Annotated[bool, typer.Option("--help", help="Show this page; after TARGET, its options.")] = False,
) -> None:
    """Serve a connector over gRPC.

    dsync reaches it as grpc://HOST:PORT. A folder without a URI serves the scratch area of its conformance.py. Prints
    the address when it is ready. SIGTERM and Ctrl-C stop it in order: it ends with 0, or with 3 if it had to cut off
    calls.
    """
    if wants_help and words:
        from dsync_kit.cli.catalogue import options_of

        print(options_of(words[0]))
        return
    if wants_help or not words:
        print(context.get_help())
        raise typer.Exit(0 if wants_help else 2)
    from dsync_kit.cli.serve import Service
    from dsync_kit.cli.serve import serve as run

    raise typer.Exit(ExitCode(run(Service(words, address, cert_file, key_file, insecure, reuse_port, grace))))


def run(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE [options] DESTINATION [options]",
            help="Each: a registered URI or name, a folder and a URI, grpc://HOST:PORT [--insecure] [--gzip], or "
            "exec:COMMAND. --help after one prints its options.",
        ),
    ],
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="full (copy, then updates), initial-sync (copy) or cdc (updates).")
    ] = "full",
    namespace: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B:C", help="Only these; B:C renames B to C at the destination; repeatable."),
    ] = None,
    parallel_copiers: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Partitions read in parallel.")] = 4,
    parallel_writers: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Pages written in parallel.")] = 4,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save progress here, and resume from it next time.")
    ] = None,
    verify_: Annotated[bool, typer.Option("--verify", help="Compare the contents of both ends afterwards.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Copy N documents at most.")] = None,
    transform: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A TransformService between the ends, grpc://HOST:PORT.")
    ] = None,
    transform_insecure: Annotated[
        bool, typer.Option("--transform-insecure", help="Reach the transform in clear text.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print problems only.")] = False,
    log_format: Annotated[str, typer.Option(metavar="FORMAT", help="text or json; on stderr.")] = "text",
) -> None:
    """Copy a source to a destination, and follow its updates.

    Ends with 0 if everything was copied, 1 if not, 2 for wrong usage, 3 if an end cannot be reached, 130 after Ctrl-C.
    """
    from dsync_kit.cli.run import Run
    from dsync_kit.cli.run import run as run_
    from dsync_kit.output.workflow_commands import WorkflowCommands

    asked = Run(
        words=words,
        mode=mode,
        namespaces=namespace or (),
        copiers=parallel_copiers,
        writers=parallel_writers,
        state=state,
        verify=verify_,
        limit=limit,
        transform=transform,
        transform_insecure=transform_insecure,
        quiet=quiet,
        log_format=log_format,
    )
    if log_format == "json":  # a reader of JSON expects nothing else
        raise typer.Exit(ExitCode(run_(asked)))
    with WorkflowCommands(sys.stderr):
        raise typer.Exit(ExitCode(run_(asked)))


def e2e(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE [options] DESTINATION [options]",
            help="Each: a folder (its scratch area), a folder and a URI, a registered URI, or exec:COMMAND.",
        ),
    ],
    dsync: Annotated[
        Path | None, typer.Option(metavar="PATH", help="dsync's binary; without it, `dsync-kit run` moves the data.")
    ] = None,
    metadata: Annotated[
        str, typer.Option(metavar="URI", help="Where dsync keeps its metadata, mongodb://…; else a server is started.")
    ] = "",
    seed: Seed = None,
    kills: Annotated[int, typer.Option(metavar="N", min=0, max=100, help="How often something is killed.")] = 3,
    stops: Annotated[
        int, typer.Option(metavar="N", min=0, max=100, help="How often an end is stopped and restarted, or replaced.")
    ] = 0,
    documents: Annotated[int, typer.Option(metavar="N", min=0, help="Documents in the source at the start.")] = 1000,
    changes: Annotated[int, typer.Option(metavar="N", min=0, help="Calls that change the source while it runs.")] = 200,
    call_size: Annotated[int, typer.Option(metavar="N", min=1, help="Updates in a call, at most.")] = 12,
    rate: Annotated[
        float | None, typer.Option(metavar="N", min=0.1, help="Updates a second; by default, as many as possible.")
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.1, help="Change the source for so long, in place of --changes."),
    ] = None,
    namespace: Annotated[
        list[str] | None, typer.Option(metavar="NS", help="A namespace to use, empty at both ends; repeatable.")
    ] = None,
    schema: Annotated[
        list[str] | None,
        typer.Option(metavar="[NS=]FILE", help="What a namespace holds, as a document schema; repeatable."),
    ] = None,
    quiet: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long to wait for a destination that does not change.")
    ] = 15.0,
    report: Annotated[list[str] | None, typer.Option(metavar="json=PATH", help="Write the result; repeatable.")] = None,
) -> None:
    """Test a flow between two connectors.

    It copies and follows changes, kills parts of the flow, and compares both ends. Ends with 0 if they are equal, 1 if
    not, 2 for wrong usage, 3 if it could not be judged.
    """
    # It starts a backend while the other end is being called. gRPC's handlers of a fork are for processes that go on
    # without exec: here they only print, and a child has crashed beside them.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from dsync_kit.cli.e2e import EndToEnd
    from dsync_kit.cli.e2e import e2e as run
    from dsync_kit.e2e.workload import Amounts
    from dsync_kit.output.workflow_commands import WorkflowCommands

    asked = EndToEnd(
        words=words,
        dsync=dsync,
        metadata=metadata,
        seed=seed,
        kills=kills,
        stops=stops,
        amounts=Amounts(documents, changes, call_size, rate, duration),
        namespaces=namespace or (),
        schemas=schema or (),
        quiet=quiet,
        reports=report or (),
    )
    with WorkflowCommands(sys.stdout):
        raise typer.Exit(ExitCode(run(asked)))
