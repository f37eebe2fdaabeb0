"""Where the connector answers: another instance may replace the first one."""

from typing import Any

from google.protobuf.message import Message

from dsync_kit.client import ClientBase, ConnectorApi
from dsync_kit.protocol import Rpc

__all__ = ["Place"]


class Place(ClientBase):
    """The nine RPCs of `api`, the current instance."""

    def __init__(self, api: ConnectorApi) -> None:
        self.api = api

    def _unary(self, rpc: Rpc, request: Message) -> Any:
        return getattr(self.api, rpc.method)(request)

    def _stream(self, rpc: Rpc, request: Message) -> Any:
        return getattr(self.api, rpc.method)(request)
