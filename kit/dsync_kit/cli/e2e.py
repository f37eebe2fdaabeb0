"""`dsync-kit e2e`: a flow between two connectors, with changes and kills, and a comparison at the end."""

import secrets
import shlex
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.bounds.interruption import interrupt_on
from dsync_kit.bounds.scratch import ScratchFolder
from dsync_kit.cli.endpoints import HelpWanted, help_of, take_ends
from dsync_kit.cli.exit_codes import ExitCode, say_error
from dsync_kit.e2e.ends import ServedEnd, served
from dsync_kit.e2e.movers import Mover, check_program, kit_run, real_dsync
from dsync_kit.e2e.rendering import header_lines, render_json, result_lines
from dsync_kit.e2e.running import Amounts, run_e2e
from dsync_kit.flow.negotiation import Types, negotiate
from dsync_kit.output.redaction import redact_target
from dsync_kit.protocol import GeneratePlanRequest, GetInfoResponse
from dsync_kit.report.files import ReportError, ReportFile, console_beside
from dsync_kit.report.lines import hanging
from dsync_kit.targets.target import Target
from dsync_kit.usage import UsageError

__all__ = ["EndToEnd", "e2e"]


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """What the user asked for. `words` are the source and its options, then the destination and its options; `quiet` is
    in seconds."""

    words: Sequence[str]
    dsync: Path | None = None
    metadata: str = ""
    seed: int | None = None
    kills: int = 3
    documents: int = 1000
    calls: int = 200
    namespaces: Sequence[str] = ()
    quiet: float = 15.0
    reports: Sequence[str] = ()

    def replay(self, seed: int, ends: tuple[Target, Target]) -> str:
        """The command that runs it again, without secrets."""
        words = ["dsync-kit", "e2e", "--seed", str(seed), "--kills", str(self.kills)]
        words += ["--documents", str(self.documents), "--changes", str(self.calls), "--quiet", f"{self.quiet:g}"]
        words += ["--dsync", str(self.dsync)] if self.dsync is not None else []
        words += ["--metadata", redact_target(self.metadata)] if self.metadata else []
        for namespace in self.namespaces:
            words += ["--namespace", namespace]
        words += map(redact_target, self.words)
        source, destination = ends
        return source.redact(destination.redact(shlex.join(words)))


def e2e(asked: EndToEnd) -> int:
    """Run the flow, and compare; returns the exit code. Raises UsageError for an impossible request."""
    ends = take_ends(asked.words, scratch=True)
    if isinstance(ends, HelpWanted):
        print(help_of(ends.word))
        return ExitCode.OK
    files = [ReportFile.parse(text) for text in asked.reports]
    if other := next((file for file in files if file.format != "json"), None):
        raise UsageError(f"--report {other.format}={other.path}: e2e writes json only")
    if asked.metadata and asked.dsync is None:
        raise UsageError("--metadata is for dsync: give --dsync PATH as well")
    if asked.dsync is not None:
        check_program(asked.dsync)
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    console = console_beside(files)
    replay = asked.replay(seed, ends)
    interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def tell(line: str) -> None:
        for text in hanging(line, console.width, hang=2, style="dim"):
            console.print(text, soft_wrap=True)

    with ExitStack() as stack:
        folder = stack.enter_context(ScratchFolder()).path
        source, sink = (stack.enter_context(served(target)) for target in ends)
        infos = source.end().info(), sink.end().info()
        types = _types(source, sink, infos)
        namespaces = _namespaces(asked, infos[0])
        _check_stream(source, namespaces)
        mover = _mover(asked, stack, source, sink, namespaces, folder)
        for line in header_lines(source.title, sink.title, mover.name, seed, console.width):
            console.print(line, soft_wrap=True)
        result = run_e2e(
            source,
            sink,
            mover,
            types,
            namespaces,
            seed=seed,
            amounts=Amounts(asked.documents, asked.calls, asked.kills, asked.quiet),
            resumable=all(info.id for info in infos),
            listener=tell,
        )
    for line in result_lines(result, replay, console.width):
        console.print(line, soft_wrap=True)
    code = ExitCode.OK if result.equal else ExitCode.VIOLATED
    for file in files:
        try:
            file.write_text(render_json(result, replay))
        except ReportError as error:
            say_error(str(error))
            code = code or ExitCode.NOT_JUDGED
    return code


def _types(source: ServedEnd, sink: ServedEnd, infos: tuple[GetInfoResponse, GetInfoResponse]) -> Types:
    """The type of the flow. Raises UsageError if the ends cannot be written and read back as a run needs it."""
    types = negotiate(source.end(), sink.end(), *infos)
    if types.read not in infos[0].capabilities.sink.supported_data_types:
        raise UsageError(
            f"{source.title} cannot be written to, and the workload is written through it: give a source that is also "
            "a sink of the same document type"
        )
    if types.written not in infos[1].capabilities.source.supported_data_types:
        raise UsageError(f"{sink.title} cannot be read, so it cannot be compared: give a sink that is also a source")
    if infos[0].id and infos[0].id == infos[1].id:
        raise UsageError(f"{source.title} and {sink.title} are the same data (by their ids in GetInfo): give two")
    return types


def _namespaces(asked: EndToEnd, source: GetInfoResponse) -> list[str]:
    """The user's namespaces, or new ones: two, so that they may be confused, unless the source plans one at a time."""
    if asked.namespaces:
        if len(asked.namespaces) > 1 and not source.capabilities.source.multi_namespace_plan:
            raise UsageError(f"the source takes one namespace per flow, but {len(asked.namespaces)} were given")
        return list(asked.namespaces)
    run = secrets.token_hex(3)
    count = 2 if source.capabilities.source.multi_namespace_plan else 1
    return [f"dsynckit_{run}.c{number}" for number in range(count)]


def _check_stream(source: ServedEnd, namespaces: Sequence[str]) -> None:
    plan = source.api.generate_plan(GeneratePlanRequest(namespaces=namespaces, updates=True))
    if not plan.updates_partitions:
        raise UsageError(
            f"{source.title} streams no updates, so there is nothing to follow: e2e needs a source that does"
        )


def _mover(
    asked: EndToEnd, stack: ExitStack, source: ServedEnd, sink: ServedEnd, namespaces: Sequence[str], folder: Path
) -> Mover:
    if asked.dsync is None:
        return kit_run(source, sink, namespaces, folder)
    return stack.enter_context(real_dsync(asked.dsync, asked.metadata, source, sink, namespaces, folder))
