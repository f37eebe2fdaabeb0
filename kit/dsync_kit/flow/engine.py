"""A run from start to end."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dsync_kit.connector import CallContext
from dsync_kit.errors import ConnectorError, UsageError, error_for
from dsync_kit.flow.comparing import Comparison
from dsync_kit.flow.copying import Allowance, Copy, Job
from dsync_kit.flow.events import (
    Copied,
    Event,
    Failure,
    Finished,
    FlowResult,
    Listener,
    Notice,
    Planned,
    Started,
    StreamEnded,
    StreamStarted,
    UpdatesWritten,
)
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.negotiation import End, Types, check_namespaces, negotiate
from dsync_kit.flow.retries import Stopped
from dsync_kit.flow.route import Route
from dsync_kit.flow.state import Identity, State
from dsync_kit.flow.transform import TransformClient
from dsync_kit.flow.updating import LsnReaders, Updating
from dsync_kit.protocol import (
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    Partition,
    UpdatesPartition,
)
from dsync_kit.protocol.names import type_name

__all__ = ["SHOWN_DIFFERENCES", "FlowOptions", "Mode", "run_flow"]

SHOWN_DIFFERENCES = 20
"""How many differences a comparison lists."""


class Mode(StrEnum):
    """What a run does."""

    FULL = "full"
    """The copy, then the updates."""
    INITIAL_SYNC = "initial-sync"
    """The copy alone."""
    CDC = "cdc"
    """The updates alone, from now on."""

    @property
    def copies(self) -> bool:
        """Whether documents are listed."""
        return self is not Mode.CDC

    @property
    def streams(self) -> bool:
        """Whether updates are read."""
        return self is not Mode.INITIAL_SYNC


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """What the user asked for. With a `limit` (a number of documents) the run ends after the copy.

    Raises UsageError for options that do not go together.
    """

    mode: Mode = Mode.FULL
    namespaces: NamespaceMap = field(default_factory=NamespaceMap)
    copiers: int = 4
    writers: int = 4
    limit: int | None = None
    verify: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and not self.mode.copies:
            raise UsageError(f"--limit is a number of documents to copy, and --mode {self.mode} copies none")
        if self.limit is not None and self.verify:
            raise UsageError("--verify compares everything, and --limit copies a part: leave one out")
        if self.verify and not self.mode.copies:
            raise UsageError(f"--verify compares what was copied, and --mode {self.mode} copies nothing")


def run_flow(
    source: End,
    destination: End,
    options: FlowOptions,
    *,
    state: State,
    stop: CallContext,
    listener: Listener,
    transform: TransformClient | None = None,
) -> FlowResult:
    """Copy, stream and compare, as the options say, until everything is done or `stop` is cancelled.

    The last event is Finished, with the result. Raises UsageError for an impossible request, ConnectorError if GetInfo
    or GeneratePlan fails.
    """
    return _Flow(source, destination, options, state, stop, listener, transform).run()


@contextmanager
def _asking(rpc: str, role: str, end: End) -> Iterator[None]:
    """A call without which a run cannot start: its error says which end answered so."""
    try:
        yield
    except ConnectorError as error:
        raise error_for(error.code, f"{rpc} of the {role} {end.title}: {error.message}") from error


class _Flow:
    def __init__(
        self,
        source: End,
        destination: End,
        options: FlowOptions,
        state: State,
        stop: CallContext,
        listener: Listener,
        transform: TransformClient | None,
    ) -> None:
        self._source = source
        self._destination = destination
        self._options = options
        self._state = state
        self._stop = stop
        self._outside = listener
        self._transform = transform
        self._lock = threading.RLock()  # a listener may stop the run, which emits another event
        self._ended = False
        self._documents = 0
        self._updates = 0
        self._copied: set[str] = set()  # namespaces with written documents

    def run(self) -> FlowResult:
        began = time.monotonic()
        self._stop.add_callback(self._tell_stopping)
        with _asking("GetInfo", "source", self._source):
            source_info = self._source.info()
        with _asking("GetInfo", "destination", self._destination):
            destination_info = self._destination.info()
        transforms = self._transform.types() if self._transform else None
        types = negotiate(self._source, self._destination, source_info, destination_info, transforms)
        self._check(source_info, destination_info, types)
        plan = self._plan(source_info, destination_info, types)
        route = Route(
            self._destination.api,
            types,
            self._options.namespaces,
            transform=self._transform,
            stop=self._stop,
            listener=self._tell,
        )
        with self._lsn(plan.updates_partitions):
            result = self._transfer(plan, route)
        if self._options.verify:
            result = self._compare(plan, route, result)
        result = replace(
            result,
            documents=self._documents,
            updates=self._updates,
            interrupted=self._stop.cancelled,
            seconds=time.monotonic() - began,
        )
        if result.failures or result.interrupted:
            result = replace(result, resume=self._advice(source_info, destination_info))
        self._tell(Finished(result))
        return result

    def _check(self, source: GetInfoResponse, destination: GetInfoResponse, types: Types) -> None:
        check_namespaces(self._source, source, self._options.namespaces.requested)
        if self._state.persistent and (missing := self._nameless(source, destination)):
            raise UsageError(
                f"--state cannot work here: {missing} gives no id, so the next run could not recognise the data; leave "
                "--state out, or give it an id, if it has an option for that"
            )
        if self._options.verify and types.written not in destination.capabilities.source.supported_data_types:
            raise UsageError(
                f"--verify cannot read {type_name(types.written)} back from {self._destination.title}: leave it out"
            )

    def _nameless(self, source: GetInfoResponse, destination: GetInfoResponse) -> str:
        """The ends that report no id: a run with one of them cannot be resumed."""
        ends = ((self._source, source), (self._destination, destination))
        return " and ".join(end.title for end, info in ends if not info.id)

    def _plan(self, source: GetInfoResponse, destination: GetInfoResponse, types: Types) -> GeneratePlanResponse:
        options = self._options
        identity = Identity(
            source=self._source.redact(source.id),
            destination=self._destination.redact(destination.id),
            mode=str(options.mode),
            namespaces=str(options.namespaces),
            read=type_name(types.read),
            written=type_name(types.written),
            transform=self._transform.address if self._transform else "",
        )
        plan = self._state.plan(identity)
        resumed = plan is not None
        self._tell(
            Started(
                source=self._source.title,
                destination=self._destination.title,
                mode=options.mode,
                data_type=identity.read,
                written_type=identity.written,
                resumed=resumed,
            )
        )
        if plan is None:
            plan = self._new_plan()
            self._state.save_plan(identity, plan)
        options.namespaces.check(partition.namespace for partition in plan.partitions)
        self._announce(plan)
        return plan

    def _new_plan(self) -> GeneratePlanResponse:
        """Ask for a plan as dsync does, once: the mode sets the flags, the user the namespaces."""
        mode = self._options.mode
        request = GeneratePlanRequest(
            namespaces=self._options.namespaces.requested, initial_sync=mode.copies, updates=mode.streams
        )
        with _asking("GeneratePlan", "source", self._source):
            plan = self._source.api.generate_plan(request)
        # Partitions that were not asked for are ignored.
        if not mode.copies:
            plan.ClearField("partitions")
        if not mode.streams:
            plan.ClearField("updates_partitions")
        if not plan.partitions and not plan.updates_partitions:
            wanted = ", ".join(request.namespaces) or "anything"
            raise UsageError(f"{self._source.title} has planned nothing: there is no partition of {wanted}")
        return plan

    def _announce(self, plan: GeneratePlanResponse) -> None:
        finished = self._state.finished()
        expected: dict[str, int] = {}
        done: dict[str, int] = {}
        for number, partition in enumerate(plan.partitions):
            if partition.namespace not in expected:
                expected[partition.namespace] = self._count(partition.namespace)
            done[partition.namespace] = done.get(partition.namespace, 0) + finished.get(number, 0)
        self._tell(Planned(expected, done, len(plan.partitions), len(finished), len(plan.updates_partitions)))
        if self._options.mode.streams and not plan.updates_partitions:
            self._tell(Notice(f"{self._source.title} streams no updates: the run ends after the copy"))

    def _count(self, namespace: str) -> int:
        request = GetNamespaceMetadataRequest(namespace=namespace)
        try:
            return self._source.api.get_namespace_metadata(request).count
        except ConnectorError as error:  # it is for progress alone
            self._tell(Notice(f"the number of documents in {namespace} is unknown ({error})"))
            return 0

    @contextmanager
    def _lsn(self, partitions: Sequence[UpdatesPartition]) -> Iterator[None]:
        readers = LsnReaders(self._source.api, list(enumerate(partitions)), self._tell)
        try:
            yield
        finally:
            readers.close()

    def _transfer(self, plan: GeneratePlanResponse, route: Route) -> FlowResult:
        """The copy and, if nothing has failed, the updates."""
        resumed = bool(self._state.finished())
        failures = self._copy(plan.partitions, route)
        if not (failures or resumed or self._stop.cancelled) and self._options.mode.copies:
            self._tell_of_the_copy()
        if failures or self._stop.cancelled or self._options.limit is not None or not plan.updates_partitions:
            return FlowResult(failures=tuple(failures))
        self._tell(StreamStarted(len(plan.updates_partitions)))
        updating = Updating(self._source.api, route, self._state, writers=self._options.writers, stop=self._stop)
        failures = updating.run(enumerate(plan.updates_partitions))
        if not self._stop.cancelled:
            self._tell(StreamEnded("; ".join(failure.reason for failure in failures)))
        return FlowResult(failures=tuple(failures))

    def _copy(self, partitions: Sequence[Partition], route: Route) -> list[Failure]:
        finished = self._state.finished()
        jobs = [Job(number, partition) for number, partition in enumerate(partitions) if number not in finished]
        copy = Copy(
            self._source.api,
            route,
            self._state,
            copiers=self._options.copiers,
            writers=self._options.writers,
            allowance=Allowance(self._options.limit),
            stop=self._stop,
            listener=self._tell,
        )
        return copy.run(jobs)

    def _tell_of_the_copy(self) -> None:
        """Note what may surprise the user about a copy that has not failed."""
        if self._options.limit is not None and self._documents >= self._options.limit:
            self._tell(Notice(f"the {self._options.limit:,} documents of --limit are copied, the rest are not"))
            return
        for name in self._options.namespaces.requested:
            if not any(copied == name or copied.startswith(f"{name}.") for copied in self._copied):
                self._tell(Notice(f"{name} has no documents: is that its name at {self._source.title}?"))

    def _compare(self, plan: GeneratePlanResponse, route: Route, result: FlowResult) -> FlowResult:
        """Compare both ends, after a run that was not stopped."""
        if result.failures or self._stop.cancelled:
            self._tell(Notice("the ends are not compared, because the run did not finish"))
            return result
        ends = (self._source.api, self._destination.api)
        with Comparison(*ends, route, listers=self._options.copiers, stop=self._stop) as comparison:
            try:
                streamed = [(part, self._state.cursor(number)) for number, part in enumerate(plan.updates_partitions)]
                differences, shown = comparison.run(plan.partitions, streamed, self._tell, shown=SHOWN_DIFFERENCES)
            except Stopped:
                return result
            except ConnectorError as error:
                return replace(result, failures=(Failure("the comparison", str(error)),))
        return replace(result, differences=differences, shown=tuple(shown))

    def _advice(self, source: GetInfoResponse, destination: GetInfoResponse) -> str:
        if self._state.persistent:
            return f"the same command resumes from {self._state.path}"
        if missing := self._nameless(source, destination):
            return f"the run cannot be resumed: {missing} has no id"
        return "the next run starts over; use --state FILE to make runs resumable"

    def _tell_stopping(self) -> None:
        if not self._ended:
            self._tell(Notice("stopping after the calls under way; press Ctrl-C again to stop now"))

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._ended = self._ended or isinstance(event, Finished)
            if isinstance(event, Copied):
                self._documents += event.documents
                if event.documents:
                    self._copied.add(event.namespace)
            elif isinstance(event, UpdatesWritten):
                self._updates += event.updates
            self._outside(event)
