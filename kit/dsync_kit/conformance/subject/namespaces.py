"""The namespaces that the kit writes to: with names that it makes up, or offered by the user."""

import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.subject.journal import Journal
from dsync_kit.errors import ConnectorError

__all__ = ["Namespaces"]

_LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopabcdef")

_STYLES: tuple[Callable[[str, int], str], ...] = (
    lambda run, number: f"dsynckit_{run}.c{number}",
    lambda run, number: f"dsynckit{run}c{number}",
    lambda run, number: f"k{run[:3]}{number:05x}".translate(_LETTERS),
)
"""Styles of names, made of the run and a number; the later ones are simpler, for stores that refuse the first."""


class Namespaces:
    """Unused names. `offered` are those of the user; `run` is a text that is unique to the run.

    The `journal` records each name before anything is written to it. `default_plan`: whether a plan without namespaces
    covers all that exist.
    """

    def __init__(self, offered: Sequence[str], journal: Journal, *, default_plan: bool) -> None:
        self.offered = tuple(offered)
        self.run = secrets.token_hex(3)
        self._journal = journal
        self._default_plan = default_plan
        self._existing: tuple[str, ...] = ()
        self._made: dict[str, None] = {}
        self._numbers = itertools.count(1)
        self._style = _STYLES[0]

    def styles(self) -> Iterator[None]:
        """Change the style of names step by step, the simplest last. The style at which the caller stops remains."""
        for self._style in _STYLES:
            yield

    def fresh(self) -> str:
        """A new name of a namespace."""
        name = self._style(self.run, next(self._numbers))
        self._journal.take(name)
        self._made[name] = None
        return name

    def beside(self, word: str) -> str:
        """A name of the run, ending in this word, that `fresh` never returns."""
        return f"dsynckit_{self.run}.{word}"

    def before(self, name: str) -> list[str]:
        """The names from `fresh` before this one, the oldest first; none if it was offered."""
        made = list(self._made)
        return made[: made.index(name)] if name in self._made else []

    def is_ordinary(self, name: str) -> bool:
        """Whether a name was offered, or came from `fresh`."""
        return name in self._made or name in self.offered

    def existing(self, driver: Driver) -> tuple[str, ...]:
        """Namespaces with data that is not the kit's: the offered ones, else those of the default plan."""
        if self.offered or not self._default_plan:
            return self.offered
        if not self._existing:  # only once: later plans also have what the kit has written
            try:
                self._existing = tuple(dict.fromkeys(found.namespace for found in driver.plan().partitions))
            except ConnectorError:
                return ()  # the plan/… rules report what is wrong with it
        return self._existing
