"""How the commands find this connector: `/dev/fakesource`."""

from dsync_kit.registry import RegisteredConnector

from .connector import FakeSourceConnector
from .settings import FakeSourceSettings

__all__ = ["CONNECTOR"]

CONNECTOR = RegisteredConnector(
    name="fakesource",
    names=("/dev/fakesource",),
    settings=FakeSourceSettings,
    create=FakeSourceConnector,
    usage="/dev/fakesource [--num-namespaces N] [--num-docs-per-partition N] [--batch-size N] [--payload KEY:VALUE] …",
    summary="a source of documents that are the same on every read, with updates that do not end",
)
