"""`verify`, `ci`, `fuzz` and `replay`: judge connectors."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsync_kit.cli.command_lines import (
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
)
from dsync_kit.cli.exit_codes import ExitCode

__all__ = ["ci", "fuzz", "replay", "verify"]


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
    jobs: Jobs = None,
) -> None:
    """Test a connector against the rules, with generated data.

    Ends with 0 if it is conformant, 1 if it violates a rule, 2 for wrong usage, 3 if it could not be judged.
    """
    from dsync_kit.conformance.running.processes.crew import Crew

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
    jobs: Jobs = None,
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
    """Explore a connector: any operations in any order.

    Operations come one by one, at once, and on several instances. Examples that reach something new are kept in
    .dsync-kit/corpus, and run first the next time. Ends with 1 if a rule is violated, 0 if none is, 2 for wrong usage,
    3 if it could not be judged.
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


def replay(
    failure: Annotated[str, typer.Argument(metavar="FAILURE", help="A rule's id, or a file of .dsync-kit/failures.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTIONS", help="connector options to use instead of the saved ones"),
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="Use this instead of the saved target.")] = None,
) -> None:
    """Run only the example of a failure that verify saved.

    Ends with 1 if it still fails, 0 if it passes. Secrets are not saved: give them again, unless they are environment
    variables.
    """
    from dsync_kit.conformance.running.processes.crew import Crew

    with Crew(1) as crew:
        from dsync_kit.cli.replay import replay as run
        from dsync_kit.output.workflow_commands import WorkflowCommands

        with WorkflowCommands(sys.stdout):
            raise typer.Exit(ExitCode(run(failure, crew, target=target, options=options)))
