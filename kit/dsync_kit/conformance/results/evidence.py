"""What an observation rests on: the rules that must hold for it to mean anything."""

from enum import Flag, auto

__all__ = ["Evidence"]


class Evidence(Flag):
    """How something was observed. Kinds combine with `|`. For example, a broken listing proves nothing."""

    NONE = 0
    ANSWERS = auto()
    """Answers could be read as documents."""
    IDS = auto()
    """No id is confused with another."""
    LISTING = auto()
    """Documents are listed as they were written."""
    UPDATES = auto()
    """Documents change as WriteUpdates says."""
    STREAM = auto()
    """A stream leads to the source's state."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that must hold, the most basic first."""
        return tuple(rule for kind in Evidence if kind in self for rule in _RULES[kind])


_RULES: dict[Evidence, tuple[str, ...]] = {
    Evidence.ANSWERS: ("list/type", "stream/documents", "get-by-ids/answers"),
    Evidence.IDS: ("write/id-kinds", "write/similar-ids"),
    Evidence.LISTING: (
        "plan/stripped-partition",
        "list/complete",
        "list/ids-unique",
        "write/read-back",
        "write/overwrites",
        "write/several-pages",
        "list/page-boundaries",
        "list/many-pages",
        "updates/model",
        "limits/many-documents",
        "write/large-page",
    ),
    Evidence.UPDATES: (
        "write/after-delete",
        "updates/insert-missing",
        "updates/insert-existing",
        "updates/update-missing",
        "updates/replaces-whole",
        "updates/delete",
        "updates/order-in-call",
        "updates/order-across-calls",
        "updates/id-kinds",
    ),
    Evidence.STREAM: (
        "stream/opens",
        "stream/stays-open",
        "stream/inserts",
        "stream/overwrites",
        "stream/deletes",
        "stream/values",
        "stream/order",
        "updates/model",
        "updates/many",
    ),
}
