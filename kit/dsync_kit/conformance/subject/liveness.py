"""Whether a connector still answers."""

from dsync_kit.client import ConnectorApi
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import GetInfoRequest

__all__ = ["Liveness"]

_LAST_CALLS = 4
"""How many of the last calls before the connector stopped answering are shown."""


class Liveness:
    """Whether a connector answers. `hung`: it did not answer a call in time, and is not called any more.

    `last_calls` are calls outside of the rules after which it stopped answering; empty if it answers.
    """

    def __init__(self, api: ConnectorApi) -> None:
        self._api = api
        self.hung = False
        self.last_calls: tuple[str, ...] = ()

    def answers(self) -> bool:
        """Whether the connector still answers, even if with an error."""
        if self.hung:
            return False
        try:
            self._api.get_info(GetInfoRequest())
        except ConnectorError as error:
            return not error.retryable
        return True

    def hangs(self) -> None:
        """Note that a call was not answered in time."""
        self.hung = True

    def heed(self, calls: Recorder) -> None:
        """Keep the last of these calls if the connector stopped answering after them."""
        if not self.answers():
            self.last_calls = calls.until_silence()[-_LAST_CALLS:]
