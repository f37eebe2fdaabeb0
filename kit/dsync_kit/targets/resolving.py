"""Finds out which kind of target a word names."""

from collections.abc import Sequence
from pathlib import Path

from dsync_kit.bounds.patience import CALL_SECONDS, Kind, Watch, unwatched
from dsync_kit.errors import UsageError
from dsync_kit.registry import RegisteredConnector, connector_for, folder_at, load_folder, unknown_connector
from dsync_kit.targets.address import grpc_target
from dsync_kit.targets.command import exec_target
from dsync_kit.targets.folder import harness_target
from dsync_kit.targets.local import configured_target
from dsync_kit.targets.target import Calls, Target
from dsync_kit.testing.harness import load_harness

__all__ = ["find_connector", "resolve"]


def resolve(
    word: str,
    options: Sequence[str] = (),
    *,
    insecure: bool = False,
    gzip: bool = False,
    timeout: float | None = CALL_SECONDS,
    watch: Watch = unwatched,
    earlier: Path | None = None,
) -> Target:
    """The target that `word` and the connector's `options` name.

    `insecure` and `gzip` apply to targets over gRPC. `timeout` limits each unary call, in seconds; None means no limit,
    as with dsync. `watch` sees all calls, and other uses of the connector's code. `earlier` is
    a folder with an earlier version of the connector. Raises UsageError if nothing matches,
    or for an invalid option.
    """
    calls = Calls(timeout, watch, earlier)
    if word.lower().startswith("grpc://"):
        _no_options(word, options)
        return grpc_target(word, calls, insecure=insecure, gzip=gzip)
    if word.startswith("exec:"):
        _no_options(word, options)
        return exec_target(word.removeprefix("exec:"), calls)
    with watch("loading the connector", Kind.STEP):
        connector, folder = find_connector(word)
        harness = None
        if folder is not None and not (options and not options[0].startswith("-")):
            harness = load_harness(folder)
    if folder is None:
        return configured_target(connector, [word, *options], calls)
    if harness is None:
        return configured_target(connector, options, calls, folder=folder)
    return harness_target(connector, harness, folder, options, calls)


def find_connector(word: str) -> tuple[RegisteredConnector, Path | None]:
    """The registered connector that `word` names, and its folder if `word` is one."""
    if (folder := folder_at(word)) is not None:
        return load_folder(folder), folder
    connector = connector_for(word)
    if connector is None:
        raise unknown_connector(word)
    return connector, None


def _no_options(word: str, options: Sequence[str]) -> None:
    if options:
        flags = [option.partition("=")[0] for option in options if option.startswith("-")]
        raise UsageError(
            f"{word.partition(':')[0]}: takes no connector options, but {', '.join(flags or ['some'])} given"
        )
