"""`exec:COMMAND`: a connector that the kit starts with the user's command."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from dsync_kit.client import ConnectorApi
from dsync_kit.errors import UsageError
from dsync_kit.output.redaction import redact_target
from dsync_kit.targets.process import Process
from dsync_kit.targets.target import Calls, OpenTarget, Target

__all__ = ["exec_target"]


def exec_target(command: str, calls: Calls) -> Target:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"exec: the command is not valid shell syntax: {error}") from None
    if not words:
        raise UsageError("exec: needs a command, for example 'exec:./connector --listen {address}'")
    title = redact_target(f"exec:{command}")
    if not any("{address}" in word or "{port}" in word for word in words):
        raise UsageError(f"{title} has neither {{address}} nor {{port}}: how does it know where to listen?")

    def process() -> Process:
        return Process(words, words[0], timeout=calls.timeout, watch=calls.watch, folder=calls.folder)

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        @contextmanager
        def second() -> Iterator[ConnectorApi]:
            with process() as other:
                yield other.api

        with process() as first:

            def start() -> ConnectorApi:
                first.start()
                return first.api

            yield OpenTarget(title=title, api=first.api, second=second, process=process, stop=first.stop, start=start)

    return Target(title, open_target)
