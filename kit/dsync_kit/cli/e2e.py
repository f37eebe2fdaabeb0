"""`dsync-kit e2e`: a flow between two connectors, with changes and kills, and a comparison at the end."""

import secrets
import shlex
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dsync_kit.bounds.interruption import interrupt_on
from dsync_kit.bounds.scratch import ScratchFolder
from dsync_kit.cli.endpoints import HelpWanted, help_of, take_ends
from dsync_kit.cli.exit_codes import ExitCode, say_error
from dsync_kit.conformance.subject.holds.declared_schemas import declared_documents, documents_of
from dsync_kit.e2e.documents import documents_for
from dsync_kit.e2e.ends import SCRATCH, ServedEnd, served
from dsync_kit.e2e.kills import COPY, UPDATES, Kill, draw_kills, draw_stops, in_order
from dsync_kit.e2e.movers import Mover, check_program, kit_run, real_dsync
from dsync_kit.e2e.rendering import header_lines, render_json, result_lines
from dsync_kit.e2e.running import run_e2e
from dsync_kit.e2e.workload import Amounts
from dsync_kit.flow.negotiation import check_namespaces, negotiate
from dsync_kit.output.redaction import redact_target
from dsync_kit.protocol import DataType, GeneratePlanRequest, GetInfoResponse
from dsync_kit.report.files import ReportError, ReportFile, console_beside
from dsync_kit.report.lines import hanging
from dsync_kit.targets.target import Target
from dsync_kit.usage import UsageError

__all__ = ["EndToEnd", "e2e"]

_CALL_SECONDS = 300.0
"""dsync sets no limit; a call of the workload that takes so long is taken for one that never ends."""


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """What the user asked for. `words` are the source and its options, then the destination and its options; `quiet` is
    in seconds."""

    words: Sequence[str]
    dsync: Path | None = None
    metadata: str = ""
    seed: int | None = None
    kills: int = 3
    stops: int = 0
    amounts: Amounts = field(default_factory=Amounts)
    namespaces: Sequence[str] = ()
    schemas: Sequence[str] = ()
    quiet: float = 15.0
    reports: Sequence[str] = ()

    def replay(self, seed: int, ends: tuple[Target, Target]) -> str:
        """The command that runs it again, without secrets."""
        amounts = self.amounts
        words = ["dsync-kit", "e2e", "--seed", str(seed), "--kills", str(self.kills), "--stops", str(self.stops)]
        words += ["--documents", str(amounts.documents), "--changes", str(amounts.calls)]
        words += ["--call-size", str(amounts.largest), "--quiet", f"{self.quiet:g}"]
        words += ["--rate", f"{amounts.rate:g}"] if amounts.rate is not None else []
        words += ["--duration", f"{amounts.duration:g}"] if amounts.duration is not None else []
        words += ["--dsync", str(self.dsync)] if self.dsync is not None else []
        words += ["--metadata", redact_target(self.metadata)] if self.metadata else []
        for option, values in {"--namespace": self.namespaces, "--schema": self.schemas}.items():
            words += [word for value in values for word in (option, value)]
        words += map(redact_target, self.words)
        source, destination = ends
        return source.redact(destination.redact(shlex.join(words)))


def e2e(asked: EndToEnd) -> int:
    """Run the flow, and compare; returns the exit code. Raises UsageError for an impossible request."""
    ends = take_ends(asked.words, scratch=True, timeout=_CALL_SECONDS)
    if isinstance(ends, HelpWanted):
        print(help_of(ends.word))
        return ExitCode.OK
    files = _checked(asked)
    schemas = declared_documents(asked.schemas, option="--schema")
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    console = console_beside(files)
    replay = asked.replay(seed, ends)
    interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def show(line: str) -> None:
        for text in hanging(line, console.width, hang=2, style="dim"):
            console.print(text, soft_wrap=True)

    with ExitStack() as stack:
        folder = stack.enter_context(ScratchFolder()).path
        source, sink = (stack.enter_context(served(target)) for target in ends)
        infos = source.end().info(), sink.end().info()
        data_type = _data_type(asked, source, sink, infos)
        namespaces = _namespaces(asked, source, sink, infos[0])
        if not asked.amounts.copies_only:
            _check_stream(source, namespaces)
        declared = [schemas, *(documents_of(end.harness) for end in (source, sink))]
        documents = documents_for(namespaces, declared, data_type, asked.amounts.most_ids)
        mover = _mover(asked, stack, source, sink, namespaces, folder)
        for line in header_lines(source.title, sink.title, mover.name, seed, console.width):
            console.print(line, soft_wrap=True)
        resumable = all(info.id for info in infos)
        if not resumable and asked.kills:
            show(f"{mover.name} is not killed: an end without an id in GetInfo cannot be resumed")
        result = run_e2e(
            source,
            sink,
            mover,
            data_type,
            documents,
            seed=seed,
            amounts=asked.amounts,
            kills=_kills(asked, seed, source, sink, mover, resumable=resumable),
            quiet=asked.quiet,
            listener=show,
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


def _checked(asked: EndToEnd) -> list[ReportFile]:
    """The files to write. Raises UsageError for options that cannot be followed."""
    files = [ReportFile.parse(text) for text in asked.reports]
    if other := next((file for file in files if file.format != "json"), None):
        raise UsageError(f"--report {other.format}={other.path}: e2e writes json only")
    if asked.metadata and asked.dsync is None:
        raise UsageError("--metadata is for dsync: give --dsync PATH as well")
    if asked.amounts.duration is not None and asked.amounts.rate is None:
        raise UsageError("--duration needs --rate: how many updates a second?")
    if asked.dsync is not None:
        check_program(asked.dsync)
    return files


def _data_type(
    asked: EndToEnd, source: ServedEnd, sink: ServedEnd, infos: tuple[GetInfoResponse, GetInfoResponse]
) -> DataType:
    """The types of the flow. Raises UsageError if an end cannot be written or read as the run needs it."""
    types = negotiate(source.end(), sink.end(), *infos)
    if not asked.amounts.writes_nothing and types.read not in infos[0].capabilities.sink.supported_data_types:
        raise UsageError(
            f"{source.title} cannot be written to, and the workload is written through it: give a source that is also "
            "a sink of the same document type, or --documents 0 --changes 0 to copy what it holds"
        )
    if types.written not in infos[1].capabilities.source.supported_data_types:
        raise UsageError(f"{sink.title} cannot be read, so it cannot be compared: give a sink that is also a source")
    if infos[0].id and infos[0].id == infos[1].id:
        raise UsageError(f"{source.title} and {sink.title} are the same data (by their ids in GetInfo): give two")
    return types.read


def _namespaces(asked: EndToEnd, source: ServedEnd, sink: ServedEnd, info: GetInfoResponse) -> list[str]:
    """The user's namespaces; or those that the ends offer; or new ones: two, so that they may be confused."""
    if asked.namespaces or asked.amounts.writes_nothing:
        check_namespaces(source.end(), info, asked.namespaces)
        return list(asked.namespaces)
    count = 2 if info.capabilities.source.multi_namespace_plan else 1
    offered = [list(end.harness.namespaces) for end in (source, sink) if end.harness and end.harness.namespaces]
    if offered:
        common = [name for name in offered[0] if name in offered[-1]]
        if not common:
            raise UsageError(
                f"{source.title} offers {', '.join(offered[0])}, and {sink.title} {', '.join(offered[-1])}: "
                "a flow needs a namespace that both have"
            )
        return common[:count]
    run = secrets.token_hex(3)
    return [f"{SCRATCH}{run}.c{number}" for number in range(count)]


def _check_stream(source: ServedEnd, namespaces: Sequence[str]) -> None:
    plan = source.api.generate_plan(GeneratePlanRequest(namespaces=namespaces, updates=True))
    if not plan.updates_partitions:
        raise UsageError(
            f"{source.title} streams no updates, so there is nothing to follow: e2e needs a source that does, or "
            "--changes 0"
        )


def _kills(
    asked: EndToEnd, seed: int, source: ServedEnd, sink: ServedEnd, mover: Mover, *, resumable: bool
) -> list[Kill]:
    ends = {"source": source, "destination": sink}
    backends = [f"{name}'s backend" for name, end in ends.items() if end.outage is not None]
    phases = [COPY] if asked.amounts.copies_only else [COPY, UPDATES]
    victims = [*([mover.name] if resumable else []), *ends, *backends]
    replaceable = [name for name, end in ends.items() if end.replaceable]
    if asked.stops and not replaceable:
        raise UsageError("--stops: neither end can be replaced: give a folder or a registered URI")
    kills = draw_kills(seed, victims, asked.kills, phases)
    return in_order([*kills, *draw_stops(seed, replaceable, asked.stops, phases)])


def _mover(
    asked: EndToEnd, stack: ExitStack, source: ServedEnd, sink: ServedEnd, namespaces: Sequence[str], folder: Path
) -> Mover:
    copies_only = asked.amounts.copies_only
    if asked.dsync is None:
        return kit_run(source, sink, namespaces, folder, copies_only=copies_only)
    return stack.enter_context(
        real_dsync(asked.dsync, asked.metadata, source, sink, namespaces, folder, copies_only=copies_only)
    )
