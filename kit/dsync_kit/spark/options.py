"""The options of a read or a write. What is not an option of the data source is one of the connector."""

import os
from collections.abc import Mapping

from dsync_kit.errors import UsageError
from dsync_kit.spark.endpoint import Endpoint

__all__ = ["Given"]

_SPARKS_OWN = ("checkpointlocation",)
"""What Spark itself reads, and hands on to data sources."""

_PREFIX = "target."
"""Before an option of the connector that the data source has, too: `target.partitions`."""


class Given:
    """Options by name, ignoring case. Each that is read is taken out: what remains is the connector's."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._left = {name.lower(): value for name, value in options.items()}

    def text(self, name: str) -> str | None:
        """The value of an option, None if it was not given."""
        return self._left.pop(name.lower(), None)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of the choices, ignoring case. Raises UsageError for anything else."""
        if (value := self.text(name)) is None:
            return None
        found = next((choice for choice in choices if choice.lower() == value.lower()), None)
        if found is None:
            raise UsageError(f"the option {name!r} is {value!r}: expected one of {', '.join(choices)}")
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """Whether an option is `true`. Raises UsageError for anything but true and false."""
        found = self.choice(name, ("true", "false"))
        return default if found is None else found == "true"

    def number(self, name: str) -> int | None:
        """A positive integer. Raises UsageError for anything else."""
        if (value := self.text(name)) is None:
            return None
        if not value.isascii() or not value.isdigit() or int(value) == 0:
            raise UsageError(f"the option {name!r} is {value!r}: expected a positive integer")
        return int(value)

    def seconds(self, name: str) -> float | None:
        """A time in seconds. Raises UsageError for anything that is not a positive number."""
        if (value := self.text(name)) is None:
            return None
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0.0 < seconds < float("inf"):
            raise UsageError(f"the option {name!r} is {value!r}: expected a number of seconds")
        return seconds

    def namespaces(self) -> tuple[str, ...]:
        """The option `namespace`: names, separated by commas; none means all."""
        text = self.text("namespace") or ""
        return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))

    def endpoint(self) -> Endpoint:
        """The connector, with all options that were not taken out. Raises UsageError if it cannot be that."""
        for name in _SPARKS_OWN:
            self.text(name)
        if (path := self.text("path")) is not None and "target" not in self._left:
            raise UsageError(f"{path!r} was given as a path: name the connector with .option('target', …)")
        target = self.text("target")
        if not target:
            raise UsageError(
                "the option 'target' is missing: expected grpc://HOST:PORT, a registered URI, or a connector's folder"
            )
        options = {name.removeprefix(_PREFIX): value for name, value in self._left.items()}
        return Endpoint.named(target, options, os.environ)
