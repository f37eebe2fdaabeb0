"""Typed cursors that contain all that is needed, so that any instance of a connector can continue from them."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from dsync_kit.errors import InvalidArgument

__all__ = ["Cursor"]


class Cursor(BaseModel):
    """A cursor with typed fields. Subclass it; `encode` and `decode` convert it to and from bytes.

    The bytes are JSON with the class's name and `version`, so that a partition's cursor is never mistaken for a page's,
    nor an old layout for a new one.

        class PageCursor(Cursor):
            partition: int
            after: bytes = b""
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")
    version: ClassVar[int] = 1

    def encode(self) -> bytes:
        """The cursor as bytes. They are never empty."""
        return to_json([type(self).__name__, self.version, self.model_dump(mode="json")])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The cursor from its bytes; those of an older version go through `upgrade`.

        Raises InvalidArgument for bytes that `encode` of this class did not write.
        """
        try:
            match from_json(data):
                case [cls.__name__, cls.version, dict(fields)]:
                    return cls._validate(fields)
                case [cls.__name__, int(version), dict(fields)] if 0 < version < cls.version:
                    return cls._validate(cls.upgrade(version, fields))
        except (ValueError, LookupError, TypeError) as error:
            raise InvalidArgument(f"not a {cls.__name__}: {data[:64]!r}") from error
        raise InvalidArgument(f"not a {cls.__name__} of version {cls.version}: {data[:64]!r}")

    @classmethod
    def upgrade(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG003 - for overrides
        """The fields of this version from those that an older `version` wrote, as JSON has them: bytes are base64.

        Override it when you increase `version`, since dsync may hold cursors that the last release wrote. Raise
        InvalidArgument for those that can't be read any more, as this one does for all. A ValueError, LookupError or
        TypeError becomes one, too.
        """
        raise InvalidArgument(
            f"a {cls.__name__} of version {version} cannot be read any more, only of version {cls.version}: start again"
        )

    @classmethod
    def _validate(cls, fields: dict[str, Any]) -> Self:
        return cls.model_validate_json(to_json(fields))
