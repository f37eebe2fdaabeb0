"""Other instances of the connector, for rules about several of them."""

from contextlib import ExitStack

from dsync_kit.bounds.patience import CALL_SECONDS, Patience
from dsync_kit.client import ConnectorApi, LocalClient
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.results.outcome import Inapplicable, KitError, Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError, is_interrupt
from dsync_kit.usage import TargetError

__all__ = ["OtherInstances"]


class OtherInstances:
    """Other instances of an example's connector: their calls are recorded with its own, and they end with it."""

    def __init__(self, subject: Subject, recorder: Recorder, driver: Driver, stack: ExitStack) -> None:
        self._subject = subject
        self._recorder = recorder
        self._driver = driver
        self._stack = stack

    def at(self, api: ConnectorApi, name: str, *, same_data: bool = True) -> Driver:
        """A driver for another instance, whose calls are recorded under `name`. `same_data` says whether it has the
        same data, so that what it writes must be removed."""
        return Driver(self._recorder.other(api, name, same_data=same_data), self._subject.limits)

    def second(self, name: str = "second instance") -> Driver:
        """A driver for another instance on the same data; it runs until the example ends."""
        return self.at(self._stack.enter_context(self._subject.instances.second()), name)

    def elsewhere(self) -> Driver:
        """A driver for another instance. If only one can run at a time, the new one replaces the first."""
        if not self._subject.instances.alone:
            return self.second()
        self._recorder.note("(ended, and another instance started)")
        self._subject.instances.restart()
        return self._driver

    def connection(self) -> Driver:
        """A driver with another connection to the same instance."""
        return self.at(self._subject.instances.other_connection(), "another connection")

    def create(self) -> Connector:
        """Create another connector with the same settings in this process; the caller must tear it down.

        Raises Inapplicable if it cannot run beside the first one.
        """
        if self._subject.target.create is None:
            raise KitError("the connector runs in another process")
        try:
            return self._subject.target.create()
        except (ConnectorError, TargetError) as error:
            if not self._subject.instances.alone:
                raise
            raise Inapplicable(f"a second instance cannot run beside the first one ({error})") from error

    def driver_of(self, connector: Connector) -> Driver:
        """A driver for a connector from `create`, with the usual time limit."""
        return self.at(LocalClient(connector, timeout=CALL_SECONDS), "another instance")

    def tear_down(self, connector: Connector) -> None:
        """Tear down a connector from `create`. Raises Violation if that fails, or takes longer than a call may."""
        try:
            Patience(CALL_SECONDS).call(connector.teardown)
        except BaseException as error:
            if is_interrupt(error):
                raise
            seen = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise Violation("teardown fails", expected="nothing", seen=seen, owner=Owner.TEARDOWN_TWICE) from error
