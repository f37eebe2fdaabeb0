"""A connector's options as the user typed them: how they are shown, and which of them are saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsync_kit.output.redaction import redact_uri

if TYPE_CHECKING:
    from dsync_kit.settings import ConnectorSettings

__all__ = ["TypedOptions"]


@dataclass(frozen=True, slots=True)
class TypedOptions:
    """The typed words, and for each whether it belongs to a secret option."""

    words: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def of(cls, words: Sequence[str], settings: "type[ConnectorSettings]") -> "TypedOptions":
        """The words that were typed for a connector with these settings."""
        flags = {option.flag for option in settings.options() if option.secret}
        marked = []
        value_follows = False
        for word in words:
            flag, has_value, _ = ("--" + word.lstrip("-")).partition("=")
            names_secret = word.startswith("-") and flag in flags and not value_follows
            marked.append((word, names_secret or value_follows))
            value_follows = names_secret and not has_value
        return cls(tuple(marked))

    def shown(self) -> list[str]:
        """The words, with secrets replaced by `***`."""
        shown = []
        for word, secret in self.words:
            flag, equals, _ = word.partition("=")
            hidden = f"{flag}{equals}***" if equals else flag
            shown.append((hidden if word.startswith("-") else "***") if secret else redact_uri(word))
        return shown

    def kept(self) -> tuple[str, ...]:
        """The words without secret options."""
        return tuple(redact_uri(word) for word, secret in self.words if not secret)
