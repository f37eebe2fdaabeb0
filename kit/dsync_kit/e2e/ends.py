"""The two ends of the flow, each served by a process at an address that stays the same."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from dsync_kit.client import ConnectorApi
from dsync_kit.flow.negotiation import End
from dsync_kit.targets.process import Process
from dsync_kit.targets.target import OpenTarget, Target
from dsync_kit.testing.harness import Harness
from dsync_kit.usage import UsageError

__all__ = ["SCRATCH", "ServedEnd", "served"]

SCRATCH = "dsynckit_"
"""How the names of namespaces begin that are made for a run."""


class ServedEnd(NamedTuple):
    """A connector in a process that can be killed; `outage`, if any, makes its backend unreachable for some seconds.

    `harness` is that of a scratch area, which is removed with its data. `replaceable`: a successor can share the port.
    """

    title: str
    process: Process
    redact: Callable[[str], str]
    outage: Callable[[float], None] | None = None
    harness: Harness | None = None
    replaceable: bool = True

    @property
    def api(self) -> ConnectorApi:
        """The client of the current process."""
        return self.process.api

    @property
    def words(self) -> list[str]:
        """The arguments that name it for dsync and `dsync-kit run`."""
        return [f"grpc://{self.process.address}", "--insecure"]

    def end(self) -> End:
        """This connector as one end of a flow."""
        return End(self.title, self.api, self.redact)


@contextmanager
def served(target: Target) -> Iterator[ServedEnd]:
    """Serve a target while the context is open.

    Raises UsageError if the kit cannot start it, and TargetError if it does not start.
    """
    with target.open() as opened:
        if opened.process is None:
            raise UsageError(
                f"{target.title} is running already, so it cannot be killed: give a folder, a registered URI or "
                "exec:COMMAND"
            )
        process = opened.process()
        process.pin()
        with process:
            redact = opened.settings.redact if opened.settings is not None else target.redact
            title = opened.title.split()[0] if opened.title.startswith("exec:") else opened.title
            yield ServedEnd(title, process, redact, _outage(opened), opened.harness, process.replaceable)


def _outage(opened: OpenTarget) -> Callable[[float], None] | None:
    harness = opened.harness
    if harness is None or not harness.offers("outage"):
        return None

    def interrupt(seconds: float) -> None:
        with harness.outage():
            time.sleep(seconds)

    return interrupt
