"""How the commands find this connector: `/dev/random`."""

from dsync_kit.registry import RegisteredConnector

from .connector import RandomConnector, RandomSettings

__all__ = ["CONNECTOR"]

CONNECTOR = RegisteredConnector(
    name="random",
    names=("/dev/random",),
    settings=RandomSettings,
    create=RandomConnector,
    usage="/dev/random [--seed N] [--docs-per-partition N] [--interval DURATION] [--duration DURATION]",
    summary="a source that makes its documents up",
)
