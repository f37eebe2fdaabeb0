"""How the commands find this connector: `/dev/null`."""

from dsync_kit.registry import RegisteredConnector

from .connector import NullConnector, NullSettings

__all__ = ["CONNECTOR"]

CONNECTOR = RegisteredConnector(
    name="null",
    names=("/dev/null",),
    settings=NullSettings,
    create=NullConnector,
    usage="/dev/null [--id ID] [--sleep DURATION] [--sleep-jitter DURATION] [--log-json]",
    summary="a sink that takes everything",
)
