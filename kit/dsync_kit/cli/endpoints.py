"""Parses the two ends of a run, as for dsync: a URI or a name, its options, then the other end and its options."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.bounds.patience import CALL_SECONDS
from dsync_kit.cli.catalogue import options_of
from dsync_kit.errors import UsageError
from dsync_kit.output.redaction import redact_uri
from dsync_kit.registry import connector_for, discover, folder_at
from dsync_kit.settings import ConnectorSettings
from dsync_kit.targets.address import GrpcSettings
from dsync_kit.targets.local import configure
from dsync_kit.targets.resolving import find_connector, resolve
from dsync_kit.targets.target import Target

__all__ = ["HelpWanted", "help_of", "take_ends"]

_GRAMMAR = "dsync-kit run [run-options] SOURCE [options] DESTINATION [options]"
_HELP = frozenset({"--help", "-help", "-h"})


class _NoOptions(ConnectorSettings):
    pass


@dataclass(frozen=True, slots=True)
class HelpWanted:
    """The user asked for the options of a connector."""

    word: str


def take_ends(
    words: Sequence[str], *, scratch: bool = False, timeout: float | None = CALL_SECONDS
) -> tuple[Target, Target] | HelpWanted:
    """Read `SOURCE [options] DESTINATION [options]`.

    With `scratch`, a folder without a URI stands for the scratch area of its conformance.py; options are added to its.
    `timeout` limits each unary call to an end that the kit starts, in seconds.

    Raises UsageError if no connector matches, for an invalid option, and for fewer or more than two ends.
    """
    if wanted := _help_wanted(words):
        return wanted
    source, rest = _take(words, scratch=scratch, timeout=timeout)
    if not rest:
        raise UsageError(f"the destination is missing after {source.title}: expected {_GRAMMAR}")
    destination, rest = _take(rest, scratch=scratch, timeout=timeout)
    if rest:
        raise UsageError(f"{redact_uri(rest[0])!r} is unexpected after {destination.title}: expected {_GRAMMAR}")
    return source, destination


def help_of(word: str) -> str:
    """The options of the connector that `word` names, as text. Raises UsageError if it names none."""
    if word.lower().startswith("grpc://"):
        options = "\n".join(f"  {known.flag:<12}{known.help}" for known in GrpcSettings.options())
        return f"grpc: a connector at an address\n\nusage  grpc://HOST:PORT [--insecure] [--gzip]\n\n{options}"
    if word.startswith("exec:"):
        return (
            "exec: a connector that the kit starts as a process\n\nusage  exec:COMMAND\n\n"
            "{address} and {port} in the command are filled in; it takes no options."
        )
    return options_of(word)


def _take(words: Sequence[str], *, scratch: bool, timeout: float | None) -> tuple[Target, list[str]]:
    """The end at the start of `words`, and the remaining words."""
    word, *rest = words
    if word.lower().startswith("grpc://"):
        settings, left = GrpcSettings.parse(words, os.environ)
        return resolve(word, insecure=settings.insecure, gzip=settings.gzip, timeout=None), left
    if word.startswith("exec:"):
        _, left = _NoOptions.parse(words, os.environ)
        return resolve(word, timeout=None), left
    connector, folder = find_connector(word)
    if folder is None:
        _, left = configure(connector, words)
    elif rest and connector.matches(rest[0]):
        _, left = configure(connector, rest)
    elif scratch:
        left = connector.settings.words_after(words)
    else:
        raise UsageError(_advice(folder, rest, connector.usage))
    return resolve(word, rest[: len(rest) - len(left)], timeout=timeout), left


def _help_wanted(words: Sequence[str]) -> HelpWanted | None:
    """Whose options the user asked for: those of the last connector before `--help`."""
    position = next((index for index, word in enumerate(words) if word in _HELP), None)
    if position is None:
        return None
    before = [word for word in words[:position] if _is_connector(word)]
    return HelpWanted(before[-1] if before else words[0])


def _is_connector(word: str) -> bool:
    if word.lower().startswith("grpc://") or word.startswith("exec:"):
        return True
    if connector_for(word) is not None or any(connector.is_named(word) for connector in discover()):
        return True
    folder = folder_at(word)
    return folder is not None and (folder / "registration.py").is_file()


def _advice(folder: Path, rest: Sequence[str], usage: str) -> str:
    found = f", not by {redact_uri(rest[0])!r}" if rest else ""
    return (
        f"{folder} must be followed by the URI of its data{found}: {usage}. "
        "The scratch area of its conformance.py is empty, and removed when the run ends; `dsync-kit serve` can serve it"
    )
