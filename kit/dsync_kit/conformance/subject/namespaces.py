"""Where the kit writes: namespaces whose names it makes up, or those that the user offers."""

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
"""Names for namespaces, by the run and a number; for stores that refuse the first ones, simpler ones."""


class Namespaces:
    """Names that nobody has used. `offered` are those of the user, `run` is a text that no other run has.

    The `journal` notes each name before anything is written to it. `default_plan` says whether a plan without
    namespaces covers those that there are.
    """

    def __init__(self, offered: Sequence[str], journal: Journal, *, default_plan: bool) -> None:
        self.offered = tuple(offered)
        self.run = secrets.token_hex(3)
        self._journal = journal
        self._default_plan = default_plan
        self._existing: tuple[str, ...] = ()
        self._made: set[str] = set()
        self._numbers = itertools.count(1)
        self._style = _STYLES[0]

    def styles(self) -> Iterator[None]:
        """Name them in one style after the other, the simplest one last; in the one at which the caller stops."""
        for self._style in _STYLES:
            yield

    def fresh(self) -> str:
        """The name of a namespace that nobody has used."""
        name = self._style(self.run, next(self._numbers))
        self._journal.take(name)
        self._made.add(name)
        return name

    def is_ordinary(self, name: str) -> bool:
        """Whether a name is one that is offered, or that `fresh` gave."""
        return name in self._made or name in self.offered

    def existing(self, driver: Driver) -> tuple[str, ...]:
        """Namespaces with data that the kit did not put there: those offered, else those of the default plan."""
        if self.offered or not self._default_plan:
            return self.offered
        if not self._existing:  # asked once: each plan is longer by what the kit has written meanwhile
            try:
                self._existing = tuple(dict.fromkeys(found.namespace for found in driver.plan().partitions))
            except ConnectorError:
                return ()  # plan/… rules say what is wrong with it
        return self._existing
