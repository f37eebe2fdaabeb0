"""Which namespaces are copied, and their names at the destination."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from dsync_kit.errors import UsageError

__all__ = ["NamespaceMap"]


@dataclass(frozen=True, slots=True)
class NamespaceMap:
    """The requested namespaces of the source, each with its name at the destination; none means all."""

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read `a,b.c,d:e`: names, and pairs SOURCE:DESTINATION. Raises UsageError for anything else."""
        names: dict[str, str] = {}
        for word in (word.strip() for text in words for word in text.split(",")):
            source, colon, destination = word.partition(":")
            if not source or ":" in destination or (colon and not destination):
                raise UsageError(f"--namespace {word!r}: expected NAME or SOURCE:DESTINATION, separated by commas")
            if names.setdefault(source, destination or source) != (destination or source):
                raise UsageError(f"--namespace {source!r} is given twice, with different names at the destination")
        map_ = cls(names)
        map_.check(names)
        return map_

    @property
    def requested(self) -> list[str]:
        """The namespaces to plan, as the source calls them."""
        return list(self.names)

    def destination(self, namespace: str) -> str:
        """The name at the destination of one of the source's namespaces.

        `a:b` also maps `a.c` to `b.c`: a source may plan the parts of what it was asked for.
        """
        if (found := self.names.get(namespace)) is not None:
            return found
        head, dot, _ = namespace.rpartition(".")
        while dot:
            if (found := self.names.get(head)) is not None:
                return found + namespace[len(head) :]
            head, dot, _ = head.rpartition(".")
        return namespace

    def check(self, namespaces: Iterable[str]) -> None:
        """Raise UsageError if two namespaces would become one: documents would overwrite each other."""
        sources: dict[str, str] = {}
        for namespace in dict.fromkeys(namespaces):
            name = self.destination(namespace)
            if name in sources:
                raise UsageError(
                    f"the namespaces {sources[name]!r} and {namespace!r} would both be {name!r} at the destination, "
                    "and overwrite each other's documents: name them apart with --namespace SOURCE:DESTINATION"
                )
            sources[name] = namespace

    def __str__(self) -> str:
        pairs = sorted(self.names.items())
        return ",".join(source if source == name else f"{source}:{name}" for source, name in pairs)
