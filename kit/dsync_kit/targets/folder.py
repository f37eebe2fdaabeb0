"""A folder without a URI: its harness starts the backend and names the URI."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from dsync_kit.bounds.patience import Kind, Watch
from dsync_kit.client import ConnectorApi
from dsync_kit.errors import UsageError, is_interrupt
from dsync_kit.registry import RegisteredConnector
from dsync_kit.targets.local import configured_target
from dsync_kit.targets.target import Calls, OpenTarget, Target
from dsync_kit.testing.harness import Harness
from dsync_kit.usage import TargetError

__all__ = ["harness_target"]


def harness_target(
    connector: RegisteredConnector,
    harness_type: type[Harness],
    folder: Path,
    options: Sequence[str],
    calls: Calls,
) -> Target:
    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        with ExitStack() as stack:
            words = stack.enter_context(_backend(harness := harness_type(), folder, calls.watch))
            target = configured_target(connector, [*words, *options], calls, folder=folder, harness=harness)
            yield replace(stack.enter_context(target.open()), elsewhere=elsewhere)

    @contextmanager
    def elsewhere() -> Iterator[ConnectorApi]:
        with open_target() as other:
            yield other.api

    return Target(str(folder), open_target, folder)


@contextmanager
def _backend(harness: Harness, folder: Path, watch: Watch) -> Iterator[list[str]]:
    """Run the harness's backend while the context is open. Raises TargetError if it does not start."""
    try:
        running = harness.running()
        with watch("start() of conformance.py", Kind.STEP):
            words = running.__enter__()
    except (UsageError, TargetError):
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        message = f"{type(error).__name__}: {error}"
        raise TargetError(f"{folder}: the backend of its conformance.py does not start: {message}") from error
    try:
        yield words
    finally:
        with watch("stop() of conformance.py", Kind.STEP):
            running.__exit__(None, None, None)
