"""The reference connector's options."""

from pathlib import Path
from urllib.parse import unquote

from dsync_kit.errors import UsageError
from dsync_kit.settings import ConnectorSettings, option, redact_uri


class Settings(ConnectorSettings):
    """`reference://` keeps its data in memory, `reference:///path/to/folder` in that folder as well."""

    uri: str = "reference://"
    page_size: int = option(100, help="the most documents on a page", gt=0)
    partitions: int = option(2, help="partitions in each namespace", gt=0, le=1024)

    def folder(self) -> Path | None:
        """Where the data is stored; None if only in memory. Raises UsageError for any other URI."""
        path = self.uri.partition("://")[2]
        if path and not path.startswith("/"):
            raise UsageError(
                f"{redact_uri(self.uri)!r} is no place for data: expected reference:// or reference:///path/to/folder"
            )
        return Path(unquote(path)) if path else None
