"""A connector that quotes its secrets."""

from pydantic import SecretStr

from dsync_kit.connector import Connector
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import GetInfoRequest, GetInfoResponse
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings, option


class Settings(ConnectorSettings):
    """A password in the URI, and a token."""

    token: SecretStr = option(help="the token", env=["SECRETIVE_TOKEN"])
    page_size: int = option(1, help="documents on a page")


class Secretive(Connector):
    """Refuses everything, with its secrets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        raise InvalidArgument(f"wrong: {self._settings.uri} {self._settings.token.get_secret_value()}")


def registered() -> RegisteredConnector:
    """How the data source finds it."""
    return RegisteredConnector(
        name="secretive", schemes=("secretive",), settings=Settings, create=Secretive, usage="secretive://"
    )
