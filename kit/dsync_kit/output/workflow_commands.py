"""Workflow commands of GitHub and Azure: their runners obey the kit's, and none that a connector prints."""

import os
import secrets
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Self

__all__ = ["AzureCommands", "WorkflowCommands", "on_azure"]


class WorkflowCommands:
    """Gives commands to GitHub's runner, which normally obeys every line of a step's output that looks like a command.

    While it is open, the runner obeys no others on this stream, which also shows what connectors print and log. Outside
    of GitHub it does nothing.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._on_github = os.environ.get("GITHUB_ACTIONS") == "true"
        self._token = ""

    def give(self, commands: Iterable[str]) -> None:
        """Give commands, one per line. They are written at once, so that no other line comes between."""
        if self._on_github:
            self._write([*self._resumed(), *commands, self._stopped()])

    def __enter__(self) -> Self:
        if self._on_github:
            self._write([self._stopped()])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._on_github:
            self._write(self._resumed())

    def _stopped(self) -> str:
        self._token = secrets.token_hex(16)  # a connector could print a token that it can guess
        return f"::stop-commands::{self._token}"

    def _resumed(self) -> list[str]:
        return [f"::{self._token}::"]

    def _write(self, lines: Iterable[str]) -> None:
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()


_AZURE = "##vso["
"""Azure's agent obeys a command anywhere in a line, on either stream, and cannot be made to stop."""


def on_azure() -> bool:
    """Whether the output is read by an agent of Azure Pipelines."""
    return os.environ.get("TF_BUILD", "").lower() == "true"


class AzureCommands:
    """Breaks up the commands in the text of one stream: `##vso[` becomes `##vso [`.

    A command may come in several pieces. Invisible characters do not hide it, because the agent ignores them.
    """

    def __init__(self) -> None:
        self._seen = 0

    def broken_up(self, text: str) -> str:
        """The next piece of the stream's text without commands."""
        if not self._seen and "#" not in text:
            return text
        return "".join(map(self._next, text))

    def _next(self, char: str) -> str:
        if char.lower() == _AZURE[self._seen]:
            self._seen += 1
            if self._seen == len(_AZURE):
                self._seen = 0
                return f" {char}"
        elif char == "#":
            self._seen = 2 if self._seen == 2 else 1  # the last two of three
        elif " " <= char <= "~" or char == "\n":
            self._seen = 0
        return char
