"""Where the connector answers: another instance may replace the first one."""

import time
from typing import Any

from google.protobuf.message import Message

from dsync_kit.client import ClientBase, ConnectorApi
from dsync_kit.protocol import Rpc

__all__ = ["Place"]

_LONGEST_SECONDS = 0.25
"""A call counts as at most this long: few calls are about a large document, or an outage."""


class Place(ClientBase):
    """The nine RPCs of `api`, the current instance."""

    def __init__(self, api: ConnectorApi) -> None:
        self.api = api
        self._calls = 0
        self._seconds = 0.0

    @property
    def call_seconds(self) -> float:
        """The seconds that a call takes on average, not counting streams; 0 before the first one."""
        return self._seconds / self._calls if self._calls else 0.0

    def _unary(self, rpc: Rpc, request: Message) -> Any:
        began = time.monotonic()
        try:
            return getattr(self.api, rpc.method)(request)
        finally:
            # Without a lock: an average may miss a few of the calls that end at the same time.
            self._seconds += min(_LONGEST_SECONDS, time.monotonic() - began)
            self._calls += 1

    def _stream(self, rpc: Rpc, request: Message) -> Any:
        return getattr(self.api, rpc.method)(request)
