"""Connectors that reveal their password."""

import logging
from typing import Any

from pydantic import SecretStr

from dsync_kit.errors import ConnectorError, InvalidArgument, Unavailable
from dsync_kit.protocol import DataType, GetInfoRequest
from dsync_kit.settings import option

from .fault import REFERENCE, SETTINGS, Fault, broken_in
from .faults_faults import LostConnection, Remote

__all__ = ["FAULTS", "Discreet"]

FAULTS: list[Fault] = []
_OPTIONS = ("--password", "canary-5up3r/secret")
broken = broken_in(FAULTS)


class SecretSettings(SETTINGS.Settings):
    """The reference connector's settings, and a password."""

    password: SecretStr = option(help="a password")


class Discreet(REFERENCE.ReferenceConnector):
    """A correct connector with a password."""

    settings_type = SecretSettings

    @property
    def password(self) -> str:
        secret: SecretStr = self.settings.password
        return secret.get_secret_value()

    def redact(self, text: str) -> str:
        settings: SecretSettings = self.settings
        return settings.redact(text)


@broken("secrets/info", options=_OPTIONS)
class IdIsTheAddress(Discreet):
    """The id is the whole address."""

    def get_info(self, request: GetInfoRequest) -> Any:
        answer = super().get_info(request)
        answer.spec = f"reference://user:{self.password}@host"
        return answer


@broken("secrets/plan", options=_OPTIONS)
class CursorCarriesTheSettings(Discreet):
    """The cursor is too self-contained: it has the password."""

    def update_cursor(self, sequence: int) -> bytes:
        return super().update_cursor(sequence) + b" " * 4 + self.password.encode()


@broken("secrets/errors", options=_OPTIONS)
class ErrorQuotesTheAddress(Discreet):
    """The client library's message has the address in it."""

    def redact(self, text: str) -> str:
        return text

    def check_data_type(self, data_type: DataType) -> None:
        try:
            super().check_data_type(data_type)
        except ConnectorError as error:
            raise InvalidArgument(f"{error.message} (reference://user:{self.password}@host)") from error


@broken("secrets/outage", "rare", options=_OPTIONS)
class LostConnectionIsQuoted(Discreet, Remote):
    """The client library's message about a lost connection has the address; all other messages are redacted."""

    def redact(self, text: str) -> str:
        return text if "connection reset" in text else super().redact(text)

    def translate_error(self, error: Exception) -> ConnectorError | None:
        if isinstance(error, LostConnection):
            return Unavailable(f"{error} (reference://user:{self.password}@host)")
        return super().translate_error(error)


@broken("secrets/text", options=_OPTIONS)
class ReprShowsThePassword(Discreet):
    """A dataclass of plain text prints all its fields."""

    def __repr__(self) -> str:
        return f"Connector(password={self.password!r})"


@broken("secrets/logs", options=_OPTIONS)
class SettingsAreLogged(Discreet):
    """At the start, the connector logs its settings."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        logging.getLogger("connector").debug("connecting with %s", self.password)
