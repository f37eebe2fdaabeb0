"""Broken connectors: what a fault is, and how to run the kit on one.

A fault is a subclass of the reference connector that differs from it in a few lines, and names the one rule that must
find it. The faults of an area are listed in `faults_<area>.py`; they are made from `REFERENCE` and the modules beside
it. A variant is unusual, but correct: no rule may fail it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

from dsync_kit.client import LocalClient
from dsync_kit.conformance.documents.schema.schema_file import parse
from dsync_kit.conformance.results.events import RunFinished
from dsync_kit.conformance.results.outcome import Result
from dsync_kit.conformance.results.profile import PROFILES, Profile
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import run
from dsync_kit.conformance.running.options import RunOptions, select
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError
from dsync_kit.registry import import_folder
from dsync_kit.server import ConnectorServer
from dsync_kit.targets.local import torn_down
from dsync_kit.targets.process import Process
from dsync_kit.targets.resolving import resolve
from dsync_kit.targets.target import OpenTarget, Target
from dsync_kit.usage import TargetError

from .connections import served_per_connection
from .folders import folder_target

__all__ = [
    "CURSORS",
    "REFERENCE",
    "SETTINGS",
    "STORE",
    "AnyPosition",
    "Fault",
    "Restartable",
    "Variant",
    "broken_in",
    "judge",
    "local_target",
    "served_target",
    "unusual_in",
]

_FOLDER = Path(__file__).parents[2] / "examples" / "reference"
REFERENCE: Any = import_folder(_FOLDER, "connector")
"""The module with `ReferenceConnector`."""
STORE: Any = import_folder(_FOLDER, "store")
CURSORS: Any = import_folder(_FOLDER, "cursors")
SETTINGS: Any = import_folder(_FOLDER, "settings")


class AnyPosition(REFERENCE.ReferenceConnector):  # type: ignore[misc]
    """A stream may begin at a position that is not reached yet."""

    def stream_start(self, data: bytes) -> int:
        cursor = CURSORS.UpdatesCursor.decode(data)
        super().stream_start(CURSORS.UpdatesCursor(store=cursor.store, sequence=0).encode())  # of this store?
        return int(cursor.sequence)


Difficulty = Literal["any call", "special input", "rare"]
Where = Literal["grpc", "connections", "local", "folder"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken connector. `connector` is a subclass of `ReferenceConnector`, `reason` says where such a fault occurs.

    `where` is how the kit reaches it: behind an address, behind one with a connector for each connection, or in its own
    process, which offers a second instance. For "folder" the connector is a function that breaks a rendered folder.
    """

    name: str
    rule: str
    difficulty: Difficulty
    connector: Any
    reason: str
    where: Where = "grpc"
    options: Sequence[str] = ()
    namespaces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """A correct connector that is unlike others."""

    name: str
    connector: Any
    reason: str
    where: Where = "grpc"
    options: Sequence[str] = ()
    namespaces: Sequence[str] = ()


def broken_in(faults: list[Fault]) -> Callable[..., Callable[[Any], Any]]:
    """A decorator that lists a class as a fault, reached in this process: its name and docstring are the fault's."""

    def broken(
        rule: str,
        difficulty: Difficulty = "any call",
        *,
        options: Sequence[str] = (),
        where: Where = "local",
        namespaces: Sequence[str] = (),
    ) -> Callable[[Any], Any]:
        def add(connector: Any) -> Any:
            name, reason = _name(connector), connector.__doc__
            faults.append(Fault(name, rule, difficulty, connector, reason, where, options, namespaces))
            return connector

        return add

    return broken


def unusual_in(variants: list[Variant]) -> Callable[..., Callable[[Any], Any]]:
    """A decorator that lists a class as a variant: its name and docstring are the variant's."""

    def unusual(
        *, options: Sequence[str] = (), where: Where = "local", namespaces: Sequence[str] = ()
    ) -> Callable[[Any], Any]:
        def add(connector: Any) -> Any:
            variants.append(Variant(_name(connector), connector, connector.__doc__, where, options, namespaces))
            return connector

        return add

    return unusual


def _name(connector: Any) -> str:
    return getattr(connector, "prefix", "") + re.sub(r"(?<!^)(?=[A-Z])", "-", connector.__name__).lower()


def judge(
    subject: Fault | Variant,
    globs: Sequence[str],
    *,
    profile: str | Profile = "quick",
    seed: int = 1,
    where: Where | None = None,
    database: Path | None = None,
) -> Result:
    """The kit's result for it, by the rules that match `globs`."""
    if subject.where in ("folder", "connections"):
        where = None  # the folder, or what is kept for a connection, is broken: there is no other way to reach it
    serve = _SERVE[where or subject.where]
    declared = subject.connector.documents() if hasattr(subject.connector, "documents") else {}
    with serve(subject.connector, subject.options) as target:
        options = RunOptions(
            rules=select(RULES, globs),
            profile=PROFILES[profile] if isinstance(profile, str) else profile,
            seed=seed,
            namespaces=tuple(subject.namespaces),
            documents={name: parse(schema, origin=name) for name, schema in declared.items()},
            database=database,
        )
        finished = [event for event in run(target, options) if isinstance(event, RunFinished)]
    return finished[0].result


@contextmanager
def served_target(connector: Any, options: Sequence[str] = ()) -> Iterator[Target]:
    """A connector at an address."""
    with ConnectorServer(_make(connector, options, _new_store(connector))) as server:
        yield resolve(f"grpc://{server.address}", insecure=True)


@contextmanager
def local_target(connector: Any, options: Sequence[str] = ()) -> Iterator[Target]:
    """A connector in this process; other instances can share its data."""
    store = _new_store(connector)

    @contextmanager
    def second() -> Iterator[LocalClient]:
        with torn_down(_make(connector, options, store)) as other:
            yield LocalClient(other)

    @contextmanager
    def elsewhere() -> Iterator[LocalClient]:
        with torn_down(_make(connector, options, _new_store(connector))) as other:
            yield LocalClient(other)

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        with ExitStack() as running:
            first = running.enter_context(torn_down(_make(connector, options, store)))

            def start() -> LocalClient:
                return LocalClient(running.enter_context(torn_down(_started(lambda: _make(connector, options, store)))))

            yield OpenTarget(
                title=connector.__name__,
                api=LocalClient(first),
                connector=first,
                settings=getattr(first, "settings", None),
                create=lambda: _make(connector, options, store),
                second=second,
                stop=running.close,
                start=start,
                elsewhere=elsewhere,
                harness=connector.harness(store) if hasattr(connector, "harness") else None,
                process=lambda: cast(Process, Restartable(lambda: _make(connector, options, store), store)),
                earlier=_earlier(connector, options, store),
            )

    yield Target(connector.__name__, open_target)


def _earlier(connector: Any, options: Sequence[str], store: Any) -> Callable[[], Process] | None:
    """The earlier version of a connector that names one as `before`, on the same store."""
    if not hasattr(connector, "before"):
        return None
    return lambda: cast(Process, Restartable(lambda: _make(connector.before, options, store), store))


@contextmanager
def connections_target(connector: Any, options: Sequence[str] = ()) -> Iterator[Target]:
    """Connectors on the same data at an address, one for each connection."""
    store = STORE.Store()
    with served_per_connection(lambda: _make(connector, options, store)) as address:
        yield resolve(f"grpc://{address}", insecure=True)


def _folder_target(break_it: Any, options: Sequence[str] = ()) -> AbstractContextManager[Target]:
    if options:
        raise ValueError(f"a folder takes no options: {options}")
    return folder_target(break_it)


_SERVE: dict[Where, Callable[..., AbstractContextManager[Target]]] = {
    "grpc": served_target,
    "connections": connections_target,
    "local": local_target,
    "folder": _folder_target,
}


class Restartable:
    """Stands for a process: the store is its disk, the connector its memory, which is lost when it is killed."""

    def __init__(self, make: Callable[[], Connector], store: Any) -> None:
        self._make = make
        self._store = store
        self._connector: Connector | None = None

    @property
    def api(self) -> LocalClient:
        if self._connector is None:
            raise TargetError("it is not running")
        return LocalClient(self._connector)

    def start(self) -> None:
        self._connector = _started(self._make)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connector is not None:
            self._connector.teardown()
        self._connector = None

    def stop(self) -> None:
        self.__exit__()

    def kill(self) -> None:
        if self._connector is not None:
            self._store.crashes += 1
        self._connector = None


def _started(make: Callable[[], Connector]) -> Connector:
    try:
        return make()
    except ConnectorError as error:
        raise TargetError(f"it does not start: {error}") from error


def _new_store(connector: Any) -> Any:
    """An empty store for a connector, whose process has not crashed yet."""
    made = getattr(connector, "new_store", STORE.Store)()
    made.crashes = 0
    return made


def _make(connector: Any, options: Sequence[str], store: Any = None) -> Connector:
    settings_type = getattr(connector, "settings_type", SETTINGS.Settings)
    settings, rest = settings_type.parse(["reference://", *options], {})
    if rest:
        raise ValueError(f"options of {connector.__name__} that it does not have: {rest}")
    made: Connector = connector(settings, store)
    return made
