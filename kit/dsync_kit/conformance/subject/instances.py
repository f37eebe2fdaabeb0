"""The instances of a connector on the same data: the one that is called, and others beside it or in its place."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dsync_kit.client import ConnectorApi
from dsync_kit.conformance.calls.place import Place
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.results.outcome import KitError
from dsync_kit.conformance.subject.liveness import Liveness
from dsync_kit.errors import ConnectorError
from dsync_kit.targets.process import Process
from dsync_kit.targets.target import OpenTarget
from dsync_kit.usage import TargetError

__all__ = ["Instances"]


class Instances:
    """Starts, replaces and ends instances, as far as the target offers it. `place` leads to the current one."""

    def __init__(self, target: OpenTarget, place: Place, liveness: Liveness, settling: Settling) -> None:
        self._target = target
        self._place = place
        self._liveness = liveness
        self._settling = settling
        self._alone: str | None = None

    @property
    def alone(self) -> str:
        """Why a second instance cannot run beside the first one; empty if it can. It is tried once."""
        if self._target.second is None:
            return ""
        if self._alone is None:
            try:
                with self.second():
                    self._alone = ""
            except (ConnectorError, TargetError) as error:
                self._alone = str(error).partition("\n")[0]
        return self._alone

    @contextmanager
    def second(self) -> Iterator[ConnectorApi]:
        """Another instance of the connector on the same data. Raises KitError if it does not start."""
        if self._target.second is None:
            raise KitError("a second instance cannot be started")
        with self._target.second() as api:
            yield api

    def restart(self) -> None:
        """Replace the current instance with another one. Raises KitError if that fails."""
        with self._away():
            pass

    @contextmanager
    def room(self, process: Process) -> Iterator[bool]:
        """Start another process on the same data; whoever enters the context must kill it before leaving.

        If it cannot run beside the current instance, this ends, and another one starts when the context is left. The
        context gets whether that is so. Raises TargetError if the process does not start alone, either.
        """
        with ExitStack() as stack:
            alone = False
            try:
                process.start()
            except TargetError:
                if self._target.stop is None:
                    raise
                stack.enter_context(self._away())
                process.start()
                alone = True
            yield alone

    @contextmanager
    def _away(self) -> Iterator[None]:
        """A context without the current instance; another one replaces it. Raises KitError if that is impossible."""
        if self._target.stop is None or self._target.start is None:
            raise KitError("the connector cannot be restarted")
        self._target.stop()
        try:
            yield
        finally:
            try:
                self._place.api = self._target.start()
                self._settling.moved()
            except TargetError:
                self._liveness.hangs()  # there is nobody left to call
                raise

    def other_connection(self) -> ConnectorApi:
        """Another connection to the same instance. Raises KitError if there is none."""
        if self._target.connect is None:
            raise KitError("it is not called at an address")
        return self._target.connect()
