"""One connector under judgement: what it says of itself, and what was found out about it."""

import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from grpc import StatusCode

from dsync_kit.bounds.patience import Patience, TooLong
from dsync_kit.client import ConnectorApi
from dsync_kit.conformance.calls.driver import Driver, Limits
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.documents.identifiers import sample_id, telling_ids
from dsync_kit.conformance.documents.strategies import ID_KINDS, NARROWER, make_document
from dsync_kit.conformance.results.outcome import Inapplicable, KitError, Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.journal import Journal
from dsync_kit.conformance.subject.large_namespace import LargeNamespace
from dsync_kit.conformance.verdicts.inspection import document_key
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    DataType,
    GetInfoRequest,
    GetInfoResponse,
    StreamUpdatesResponse,
    Update,
)
from dsync_kit.targets.target import OpenTarget, TargetError

__all__ = ["REFUSALS", "Subject"]

T = TypeVar("T")

REFUSALS = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.NOT_FOUND,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNIMPLEMENTED,
    }
)
"""The codes with which a store declines what it may decline: a value, an id, a namespace or a call."""

_PATIENCE = 10.0
"""Seconds to wait for an update, until it is known how long they take."""

_LEAST_PATIENCE = 3.0
"""The least, even if all came at once: a source that is polled takes a second or two."""

_SHORT_PATIENCE = 1.5
"""The least after something has not come: what follows from it is to be found out soon."""

_LAST_CALLS = 4
"""How many calls are shown of those after which the connector no longer answers."""

_ARRIVALS = 5
"""How many updates must have been waited for until that is known."""

_HARNESS_SECONDS = 120.0
"""How long a method of conformance.py may take to seed, update or read: it may have to wait for its store."""

_LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopabcdef")

_NAMESPACES: tuple[Callable[[str, int], str], ...] = (
    lambda run, number: f"dsynckit_{run}.c{number}",
    lambda run, number: f"dsynckit{run}c{number}",
    lambda run, number: f"k{run[:3]}{number:05x}".translate(_LETTERS),
)
"""Names for namespaces, by the run and a number; for stores that refuse the first ones, simpler ones."""

_KNOWN_TYPES = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)


class Subject:
    """A connector that answers, with what the rules need to know of it.

    `namespaces` are those that the user offers: to be read, and where the connector makes none by itself, to be
    written to. `runs` is the folder that keeps what namespaces were taken. Raises TargetError where GetInfo does not
    answer.
    """

    def __init__(self, target: OpenTarget, namespaces: Sequence[str] = (), runs: Path | None = None) -> None:
        self.target = target
        self.harness = target.harness
        self.api = target.api
        looking = Recorder(target.api)
        self.limits = Limits()
        self.driver = Driver(looking, self.limits)
        self.offered = tuple(namespaces) or tuple(self.harness.namespaces if self.harness else ())
        self.run = secrets.token_hex(3)
        self._journal = Journal(None if self.disposable else runs, target.title)
        self._existing: tuple[str, ...] = ()
        self.hung = False  # it did not answer a call that was given all the time: no more is asked of it
        self._arrivals: list[float] = []
        self._waited_in_vain = False
        self.notes: list[str] = []
        self.remains: dict[str, str] = {}
        self.large_namespaces: dict[DataType, LargeNamespace] = {}
        self.silent = False  # its stream sent nothing where updates were written: it is not waited for again
        self.uncounted = False  # its count did not come to what was written: it is not waited for as long again
        self.streamed = False  # whether a stream was opened, which may still hold its place when the next one is
        self.crashes: dict[int, Any] = {}
        self.sampled: dict[DataType, list[StreamUpdatesResponse]] = {}
        self._kept: list[tuple[str, DataType, list[bytes]]] = []
        self.info = self._get_info()
        source, sink = self.info.capabilities.source, self.info.capabilities.sink
        self.is_source = self.info.capabilities.HasField("source")
        self.is_sink = self.info.capabilities.HasField("sink")
        self.source_types = tuple(kind for kind in _KNOWN_TYPES if kind in source.supported_data_types)
        self.sink_types = tuple(kind for kind in _KNOWN_TYPES if kind in sink.supported_data_types)
        self.can_load = self.is_sink or self._offers("seed")
        self.can_change = self.is_sink or self._offers("update")
        self.can_read = self.is_source or self._offers("read")
        self._numbers = itertools.count(1)
        self._namespace = _NAMESPACES[0]
        self.makes_namespaces = True
        self.foreign: dict[str, set[bytes]] = {}
        self.id_kinds: dict[DataType, tuple[str, ...]] = {kind: _kinds_of_ids(kind) for kind in self._written_types}
        if self._written_types:
            self._probe_namespaces()
            self._probe_ids()
        self.streams = self.is_source and self._probe_updates()
        self.last_calls: tuple[str, ...] = ()
        """The calls beside the rules' own after which it no longer answers; empty where it does."""
        self.heed(looking)
        self.driver = Driver(target.api, self.limits)

    def heed(self, calls: Recorder) -> None:
        """Keep the last of these calls, if the connector no longer answers after them."""
        if not self.answers():
            self.last_calls = calls.until_silence()[-_LAST_CALLS:]

    def answers(self) -> bool:
        """Whether the connector still answers, be it with an error of its own."""
        if self.hung:
            return False
        try:
            self.api.get_info(GetInfoRequest())
        except ConnectorError as error:
            return not error.retryable
        return True

    @property
    def types(self) -> tuple[DataType, ...]:
        """The types in which documents can be put in and read back."""
        if self.is_sink and self.is_source:
            return tuple(kind for kind in self.sink_types if kind in self.source_types)
        if self.is_sink:
            return self.sink_types if self.can_read else ()
        return self.source_types if self.can_load else ()

    @property
    def _written_types(self) -> tuple[DataType, ...]:
        """The types in which documents can be put in, also where nobody can read them back."""
        return self.sink_types if self.is_sink else self.types

    @property
    def loads(self) -> bool:
        """Whether documents can be put in, and read back."""
        return bool(self.types)

    def offers(self, need: Need) -> bool:
        """Whether the connector, or the way that it is run, has what a rule needs."""
        source = self.info.capabilities.source
        match need:
            case Need.SOURCE:
                return self.is_source
            case Need.SINK:
                return self.is_sink
            case Need.NO_SOURCE:
                return not self.is_source
            case Need.NO_SINK:
                return not self.is_sink
            case Need.LISTING:
                return self.is_source and bool(self.loads or self.existing())
            case Need.LOADING:
                return self.loads
            case Need.CHANGING:
                return self.can_change and self.loads
            case Need.READING:
                return self.can_read and self.loads
            case Need.UPDATES:
                return self.streams
            case Need.FINITE:
                return not (self.can_change and self.loads)
            case Need.LSN:
                return source.lsn_stream
            case Need.NO_LSN:
                return not source.lsn_stream
            case Need.GET_BY_IDS:
                return source.get_by_ids
            case Need.NO_GET_BY_IDS:
                return not source.get_by_ids
            case Need.MULTI_NAMESPACE_PLAN:
                return source.multi_namespace_plan
            case Need.DEFAULT_PLAN:
                return source.default_plan
            case Need.BSON:
                return DATA_TYPE_MONGO_BSON in (self.types or self.source_types or self.sink_types)
            case Need.JSON:
                return DATA_TYPE_JSON_ID in (self.types or self.source_types or self.sink_types)
            case Need.TWO_TYPES:
                return len({*self.source_types, *self.sink_types}) > 1
            case Need.TWO_NAMESPACES:
                return self.makes_namespaces or len(self.offered) > 1
            case Need.IN_PROCESS:
                return self.target.connector is not None
            case Need.SECOND_INSTANCE:
                return self.target.second is not None
            case Need.OTHER_DATA:
                return self.target.elsewhere is not None and not self.offered
            case Need.CONNECTION:
                return self.target.connect is not None
            case Need.RESTART:
                return self.target.process is not None
            case Need.OUTAGE:
                return self._offers("outage")
            case Need.FOLDER:
                return self.target.folder is not None
            case Need.SECRETS:
                return self.target.settings is not None and bool(self.target.settings.secrets())

    def existing(self) -> tuple[str, ...]:
        """Namespaces with data that the kit did not put there: those offered, else those of the default plan."""
        if self.offered or not self.info.capabilities.source.default_plan:
            return self.offered
        if not self._existing:  # asked once: each plan is longer by what the kit has written meanwhile
            try:
                self._existing = tuple(dict.fromkeys(found.namespace for found in self.driver.plan().partitions))
            except ConnectorError:
                return ()  # plan/… rules say what is wrong with it
        return self._existing

    def fresh_namespace(self) -> str:
        """The name of a namespace that nobody has used."""
        name = self._namespace(self.run, next(self._numbers))
        self._journal.take(name)
        if self._journal.problem and self._journal.problem not in self.notes:
            self.notes.append(self._journal.problem)
        return name

    @property
    def disposable(self) -> bool:
        """Whether what the kit writes goes with the harness's scratch area, so that nothing need be removed."""
        return self.harness is not None and not self.harness.namespaces

    def settle(self, namespace: str) -> None:
        """Note what is in an offered namespace already: it is neither counted nor removed."""
        found: set[bytes] = set()
        for data_type in self.types:
            for document in self.read(namespace, data_type, driver=self.driver):
                try:
                    found.add(document_key(document, data_type))
                except InvalidArgument:
                    continue  # not written by the kit, and so not its business here
        self.foreign[namespace] = found

    @property
    def patience(self) -> float:
        """Seconds to wait for an update: what comes is quick, once it is known how long that takes."""
        slowest = max(self._arrivals, default=0.0)
        if self._waited_in_vain:
            return min(_PATIENCE, max(_SHORT_PATIENCE, 5 * slowest))
        if len(self._arrivals) < _ARRIVALS:
            return _PATIENCE
        return min(_PATIENCE, max(_LEAST_PATIENCE, 20 * slowest))

    def arrived(self, seconds: float) -> None:
        """Note how long what was awaited took to come."""
        self._arrivals = sorted([*self._arrivals, seconds])[-_ARRIVALS:]

    def waited_in_vain(self) -> None:
        """Note that what was awaited did not come: the connector has failed, and is not waited for as long again."""
        self._waited_in_vain = True

    def keep(self, namespace: str, data_type: DataType, documents: list[bytes]) -> None:
        """Keep documents in a namespace beyond the example that wrote them, until `clear`."""
        self._kept.append((namespace, data_type, documents))

    def clear(self) -> None:
        """Remove what was kept."""
        kept, self._kept = self._kept, []
        for namespace, data_type, documents in kept if self._removes else ():
            removals = [Update(id=id_of(document, data_type), type=UPDATE_TYPE_DELETE) for document in documents]
            try:
                self.change(namespace, removals, data_type, driver=self.driver)
            except ConnectorError as error:
                self.remain(namespace, str(error))
        if not self.hung:  # else nothing could be removed: the journal stays
            self._journal.end(self.remains)

    @property
    def _removes(self) -> bool:
        return self.can_change and not self.disposable and not self.hung

    def remain(self, namespace: str, reason: str) -> None:
        """Note that what the kit wrote to a namespace could not be removed."""
        if len(self.remains) < 100:
            self.remains.setdefault(namespace, reason)

    def load(self, namespace: str, documents: Sequence[bytes], data_type: DataType, *, driver: Driver) -> None:
        """Put documents in: through the connector, else past it."""
        if self.is_sink:
            driver.write_data(namespace, documents, data_type)
        elif self.harness is not None:
            harness = self.harness
            self._past_it("seed", lambda: harness.seed(namespace, documents, data_type))

    def change(self, namespace: str, updates: Sequence[Update], data_type: DataType, *, driver: Driver) -> None:
        """Apply updates: through the connector, else past it."""
        if self.is_sink:
            driver.write_updates(namespace, updates, data_type)
        elif self.harness is not None:
            harness = self.harness
            self._past_it("update", lambda: harness.update(namespace, updates, data_type))

    def read(self, namespace: str, data_type: DataType, *, driver: Driver, expected: int = 0) -> list[bytes]:
        """What is in a namespace: listed through the connector, else read past it. Unknown means empty."""
        if not self.is_source:
            harness = self.harness
            return list(self._past_it("read", lambda: harness.read(namespace, data_type))) if harness else []
        try:
            listed = driver.listing([namespace], data_type, expected=expected)
        except ConnectorError as error:
            if error.code is StatusCode.NOT_FOUND:
                return []
            raise
        strangers = {name for name, _ in listed} - {namespace}
        if strangers:
            raise Violation(
                "the plan has a partition of a namespace that was not asked for",
                expected=f"partitions of {namespace!r}",
                seen=f"partitions of {sorted(strangers)!r}",
                owner=Owner.PLAN_ASKED_NAMESPACES,
            )
        return [document for _, document in listed]

    @contextmanager
    def second_instance(self) -> Iterator[ConnectorApi]:
        """Another instance of the connector on the same data. Raises KitError where it cannot be started."""
        if self.target.second is None:
            raise KitError("a second instance cannot be started")
        with self.target.second() as api:
            yield api

    def other_connection(self) -> ConnectorApi:
        """Another connection to the same instance. Raises KitError where there is none."""
        if self.target.connect is None:
            raise KitError("it is not called at an address")
        return self.target.connect()

    def redact(self, text: str) -> str:
        """`text` without the secrets of the connector's settings, as far as they are known here."""
        return self.target.settings.redact(text) if self.target.settings is not None else text

    def _past_it(self, name: str, call: Callable[[], T]) -> T:
        """What a method of conformance.py gives. Raises KitError where it does not return."""
        try:
            return Patience(_HARNESS_SECONDS).call(call)
        except TooLong as error:
            raise KitError(f"{name}() of conformance.py: {error}") from None
        except SystemExit as error:
            raise KitError(f"{name}() of conformance.py calls sys.exit({error.code!r})") from error

    def _offers(self, method: str) -> bool:
        return self.harness is not None and self.harness.offers(method)

    def _get_info(self) -> GetInfoResponse:
        try:
            return self.api.get_info(GetInfoRequest())
        except ConnectorError as error:
            raise TargetError(f"{self.target.title}: GetInfo, which comes first, is answered with {error}") from error

    def _probe_namespaces(self) -> None:
        """Find out whether a namespace can be written to that was not made beforehand."""
        refusal = ""
        kinds = [(data_type, kind) for data_type in self._written_types for kind in ID_KINDS[data_type]]
        for self._namespace in _NAMESPACES:
            # What is refused may be the id: a store may take those of one kind only.
            for data_type, kind in kinds:
                try:
                    self._write_sample(self.fresh_namespace(), data_type, sample_id(kind))
                except ConnectorError as error:
                    if error.code not in REFUSALS or error.code is StatusCode.UNIMPLEMENTED:
                        return  # a fault that the rules will meet again
                    refusal = refusal or str(error)
                else:
                    return
        self.makes_namespaces = False
        if self.offered:
            self.notes.append(f"it makes no namespaces by itself ({refusal}): the kit writes to those offered")
        else:
            self.notes.append(
                f"it takes no namespace that was not made beforehand ({refusal}): name one with --namespace"
            )

    def _first_kind(self) -> str:
        return self.id_kinds[self.types[0]][0]

    def _probe_ids(self) -> None:
        """Find out which kinds of ids the store holds: it may refuse some, but never drop them."""
        for data_type in self._written_types:
            kinds: list[str] = []
            refused: list[str] = []
            for kind in ID_KINDS[data_type]:
                if not NARROWER.get(kind, frozenset()).isdisjoint(kinds):
                    continue
                try:
                    for value in telling_ids(kind):
                        self._write_sample(self.probe_namespace(), data_type, value)
                except Inapplicable:
                    return
                except ConnectorError as error:
                    if error.code in REFUSALS:
                        refused.append(kind)
                        continue
                    if error.retryable and not self.answers():
                        return
                kinds.append(kind)
            self.id_kinds[data_type] = tuple(kinds) or _kinds_of_ids(data_type)
            if refused and kinds:
                name = DataType.Name(data_type).removeprefix("DATA_TYPE_")
                self.notes.append(f"{name}: it refuses ids of the kinds {', '.join(refused)}")

    def probe_namespace(self) -> str:
        """A namespace for one example. Raises Inapplicable where there is none."""
        if self.makes_namespaces:
            return self.fresh_namespace()
        if self.offered:
            return self.offered[0]
        raise Inapplicable("it takes no namespace that was not made beforehand: name one with --namespace")

    def _write_sample(self, namespace: str, data_type: DataType, identifier: Any) -> None:
        document = make_document(identifier, {}, data_type)
        self.load(namespace, [document], data_type, driver=self.driver)
        if self.can_change:
            removal = Update(id=id_of(document, data_type), type=UPDATE_TYPE_DELETE)
            try:
                self.change(namespace, [removal], data_type, driver=self.driver)
            except ConnectorError as error:
                if error.retryable:
                    raise
                return  # updates/… rules say what is wrong with it

    def _probe_updates(self) -> bool:
        """Whether a plan offers to stream updates."""
        namespaces = [self.fresh_namespace()] if self.makes_namespaces and self.loads else list(self.existing()[:1])
        if self.loads and self.makes_namespaces:
            kind = self._first_kind()
            document = make_document(sample_id(kind), {}, self.types[0])
            # The plan tells, whether or not the namespace holds anything.
            with suppress(ConnectorError):
                self.load(namespaces[0], [document], self.types[0], driver=self.driver)
                self.keep(namespaces[0], self.types[0], [document])  # removed at the end, as what rules keep
        return any(self._plans_updates(namespaces, initial_sync=initial_sync) for initial_sync in (False, True))

    def _plans_updates(self, namespaces: Sequence[str], *, initial_sync: bool) -> bool:
        try:
            return bool(self.driver.plan(namespaces, initial_sync=initial_sync, updates=True).updates_partitions)
        except ConnectorError as error:
            return error.code not in REFUSALS


def _kinds_of_ids(data_type: DataType) -> tuple[str, ...]:
    return tuple(kind for kind in ID_KINDS[data_type] if kind not in NARROWER)
