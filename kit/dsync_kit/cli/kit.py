"""The command `dsync-kit`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsync_kit.cli.command_lines import (
    TARGET_HELP,
    Against,
    ConnectorOptions,
    Documents,
    Edition,
    Insecure,
    Jobs,
    Namespaces,
    Profile,
    Rules,
    Seed,
    Settle,
    Strict,
    Target,
    Timeout,
    command_line,
)
from dsync_kit.cli.exit_codes import ExitCode, exit_code_of
from dsync_kit.output.streams import write_document

__all__ = ["app", "main"]

app = command_line("dsync-kit", "Prove a dsync connector correct, and run it.")


@app.command()
def verify(
    target: Target,
    options: ConnectorOptions = None,
    profile: Profile = "standard",
    seed: Seed = None,
    rule: Rules = None,
    edition: Edition = None,
    against: Against = None,
    namespace: Namespaces = None,
    documents: Documents = None,
    known_failures: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Lines of RULE: REASON; these failures are expected.")
    ] = None,
    known_flaky: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Lines of RULE: until YYYY-MM-DD: REASON.")
    ] = None,
    strict: Strict = False,
    report: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT=PATH", help="json, junit, markdown, html or badge; repeatable.")
    ] = None,
    insecure: Insecure = False,
    timeout: Timeout = 30.0,
    settle: Settle = None,
    jobs: Jobs = 1,
) -> None:
    """Test a connector against the rules, with generated data.

    Ends with 0 if it is conformant, 1 if it violates a rule, 2 for wrong usage, 3 if it could not be judged.
    """
    from dsync_kit.conformance.running.crew import Crew

    # Started before anything else is loaded, so that its processes load it at the same time.
    with Crew(jobs) as crew:
        from dsync_kit.cli.verify import Verification
        from dsync_kit.cli.verify import verify as run

        asked = Verification(
            target=target,
            options=options or (),
            profile=profile,
            seed=seed,
            rules=rule or (),
            edition=edition,
            against=against,
            namespaces=namespace or (),
            documents=documents or (),
            known_failures=known_failures,
            known_flaky=known_flaky,
            strict=strict,
            reports=report or (),
            insecure=insecure,
            timeout=timeout,
            settle=settle,
        )
        raise typer.Exit(ExitCode(run(asked, crew)))


@app.command()
def ci(
    base: Annotated[
        str | None,
        typer.Option(metavar="REF", help="What to compare with; by default what the CI system says, or main."),
    ] = None,
    connectors: Annotated[
        str | None, typer.Option(metavar="DIR|GLOB", help="Only connectors there; by default all in the repository.")
    ] = None,
    shared: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Folders or files that affect every connector; repeatable.")
    ] = None,
    profile: Profile = "standard",
    seed: Seed = None,
    rule: Rules = None,
    edition: Edition = None,
    against: Against = None,
    strict: Strict = False,
    report: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=PATH", help="As for verify; {name} in PATH is the connector's name; repeatable."),
    ] = None,
    timeout: Timeout = 30.0,
    settle: Settle = None,
    jobs: Jobs = 1,
    list_only: Annotated[
        bool, typer.Option("--list", help="Only print the folders of the touched connectors.")
    ] = False,
) -> None:
    """Verify the connectors that a change touches.

    Ends with 0 if all of them are conformant, or the change touches none; 1 if one violates a rule, 3 if one could not
    be judged; 2 for wrong usage, or if the change cannot be determined.
    """
    from dsync_kit.cli.ci import Gate
    from dsync_kit.cli.ci import ci as run

    asked = Gate(
        base=base,
        connectors=connectors,
        shared=shared or (),
        profile=profile,
        seed=seed,
        rules=rule or (),
        edition=edition,
        against=against,
        strict=strict,
        reports=report or (),
        timeout=timeout,
        settle=settle,
        jobs=jobs,
        list_only=list_only,
    )
    code = ExitCode(run(asked))
    if code or not list_only:  # a list is a verdict only if it is incomplete
        raise typer.Exit(code)


@app.command()
def fuzz(
    target: Target,
    options: ConnectorOptions = None,
    max_time: Annotated[str, typer.Option(metavar="TIME", help="How long: 8h, 1h30m, 90s.")] = "10m",
    seed: Seed = None,
    namespace: Namespaces = None,
    documents: Documents = None,
    insecure: Insecure = False,
    timeout: Timeout = 30.0,
    settle: Settle = None,
) -> None:
    """Explore a connector for long: any operations in any order, one at a time, at once and on several instances.

    Keeps in .dsync-kit/corpus what reached something new, and begins with that the next time. Ends with 1 if a rule
    is violated, 0 if none is, 2 for wrong usage, 3 if it could not be judged.
    """
    from dsync_kit.cli.fuzz import fuzz as run
    from dsync_kit.cli.fuzz import seconds_of
    from dsync_kit.cli.verify import Verification

    asked = Verification(
        target=target,
        options=options or (),
        seed=seed,
        namespaces=namespace or (),
        documents=documents or (),
        insecure=insecure,
        timeout=timeout,
        settle=settle,
    )
    raise typer.Exit(ExitCode(run(asked, seconds_of(max_time))))


@app.command()
def replay(
    failure: Annotated[str, typer.Argument(metavar="FAILURE", help="A rule's id, or a file of .dsync-kit/failures.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTIONS", help="connector options to use instead of the saved ones"),
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="Use this instead of the saved target.")] = None,
) -> None:
    """Run only the example of a failure that verify has saved.

    Ends with 1 if it still fails, 0 if it passes. Secrets are not saved: give them again, unless they are environment
    variables.
    """
    from dsync_kit.conformance.running.crew import Crew

    with Crew() as crew:
        from dsync_kit.cli.replay import replay as run
        from dsync_kit.output.workflow_commands import WorkflowCommands

        with WorkflowCommands(sys.stdout):
            raise typer.Exit(ExitCode(run(failure, crew, target=target, options=options)))


@app.command()
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
    """Remove what killed runs left behind: scratch folders and, in the store of TARGET, documents."""
    from dsync_kit.cli.sweep import sweep as run

    run(target, options or (), insecure=insecure, everything=all_)


@app.command()
def schema(
    target: Target,
    options: ConnectorOptions = None,
    namespace: Annotated[
        list[str] | None, typer.Option(metavar="NS", help="A namespace to write to; repeatable.")
    ] = None,
    documents: Annotated[
        list[str] | None,
        typer.Option(metavar="[NS=]FILE", help="A schema that you know already; printed as the kit understands it."),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Save one file per namespace there.")] = None,
    insecure: Insecure = False,
) -> None:
    """Print which documents a connector's namespaces accept: save and edit this, and pass it to verify --documents.

    To find out, the kit writes some documents, and removes them again. Ends with 3 if it found no schema.
    """
    from dsync_kit.cli.schema import Asked
    from dsync_kit.cli.schema import schema as run

    asked = Asked(target, options or (), namespace or (), documents or (), output, insecure)
    raise typer.Exit(ExitCode(run(asked)))


@app.command()
def docs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A connector's folder.")],
) -> None:
    """Write a connector's options, capabilities, exceptions and types into its README, between two marks.

    `ci` fails from then on if they are not what the connector says. Ends with 2 if it cannot be judged.
    """
    from dsync_kit.conformance.running.crew import Crew

    with Crew() as crew:
        from rich.console import Console

        from dsync_kit.cli.verify import Verification, judge
        from dsync_kit.project.editions import edition_for, seed_for
        from dsync_kit.readme.section import FIDELITY, write

        seed = seed_for(folder, edition_for(folder))
        asked = Verification(str(folder), profile="quick", seed=seed, rules=(FIDELITY,))
        print(write(folder, judge(asked, Console(quiet=True), crew)))


@app.command()
def badge(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="The file that `verify --report json=REPORT` wrote.")
    ],
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="Where to write the SVG.")],
) -> None:
    """Turn a JSON report into a badge."""
    from dsync_kit.cli.badge import badge as write

    write(report, picture)


@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
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
    """Serve a connector over gRPC; dsync reaches it as grpc://HOST:PORT.

    A folder without a URI serves the scratch area of its conformance.py. Prints the address when it is ready. SIGTERM
    and Ctrl-C stop it in order: it ends with 0, or with 3 if it had to cut off calls.
    """
    if wants_help and words:
        return list_(words[0])
    if wants_help or not words:
        print(context.get_help())
        raise typer.Exit(0 if wants_help else 2)
    from dsync_kit.cli.serve import Service
    from dsync_kit.cli.serve import serve as run

    raise typer.Exit(ExitCode(run(Service(words, address, cert_file, key_file, insecure, reuse_port, grace))))


@app.command(
    context_settings={"allow_interspersed_args": False},  # options after SOURCE belong to the ends
    options_metavar="[run-options]",
)
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


@app.command(
    context_settings={"ignore_unknown_options": True},  # they belong to the ends
    options_metavar="[e2e-options]",
)
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
        float | None, typer.Option(metavar="N", min=0.1, help="Updates a second; by default, as many as come.")
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
    """Copy and follow changes between two connectors, kill parts of the flow, and compare both ends.

    Ends with 0 if they are equal, 1 if not, 2 for wrong usage, 3 if it could not be judged.
    """
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


@app.command()
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


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="RULE", help="A rule's id, a glob, or an area.")],
) -> None:
    """Explain a rule: the contract's sentence, what the rule checks, the likely cause of a failure."""
    from dsync_kit.cli.catalogue import explain as explained

    print(explained(name))


@app.command("list")
def list_(
    name: Annotated[
        str | None, typer.Argument(metavar="CONNECTOR", help="A name, a URI or a folder: print its options.")
    ] = None,
) -> None:
    """List the connectors, or one connector's options."""
    from dsync_kit.cli.catalogue import list_connectors, options_of

    print(options_of(name) if name else list_connectors())


def main() -> None:
    """Run the command, and end the process with its exit code."""
    sys.exit(exit_code_of(app))


if __name__ == "__main__":
    main()
