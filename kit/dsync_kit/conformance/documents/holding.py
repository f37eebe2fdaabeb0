"""The documents that rules write to a namespace: with any fields, or those of a schema."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.documents import identifiers, strategies
from dsync_kit.conformance.documents.strategies import Draw, make_document, update
from dsync_kit.protocol import DataType, Update, UpdateType

__all__ = ["Anything", "Holding", "TooFewError", "histories"]


class TooFewError(Exception):
    """The schema allows fewer ids than are needed; the message says how many."""


class Holding(ABC):
    """Draws and makes documents for a namespace. `kinds` are those of its ids (`strategies.ID_KINDS`)."""

    def __init__(self, data_type: DataType, kinds: tuple[str, ...]) -> None:
        self.data_type = data_type
        self.kinds = kinds

    @property
    @abstractmethod
    def identifiers(self) -> Draw:
        """Ids, as Python values."""

    @abstractmethod
    def several_identifiers(self, *, min_size: int, max_size: int) -> Draw:
        """Lists of ids, no two of which a store may take for the same. Raises TooFewError."""

    @abstractmethod
    def contents(self, *, small: bool) -> Draw:
        """The fields beside the id, as a dict: of any kind, or few and small."""

    @abstractmethod
    def pages(self, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> Draw:
        """Lists of encoded documents, no two of which a store may take for the same. Raises TooFewError."""

    @abstractmethod
    def document(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        """An encoded document with this id, and with these fields as far as the namespace has them."""

    def as_written(self, document: bytes) -> bytes:
        """A document that was read, without the fields that the store added."""
        return document

    @property
    @abstractmethod
    def numbered_kinds(self) -> tuple[str, ...]:
        """The kinds of ids that `numbered` makes."""

    @abstractmethod
    def numbered(self, prefix: str, count: int, kind: str = "") -> Callable[[int], Any]:
        """Makes `count` ids that sort by the prefix, then by number: of the kind, or of the plainest.

        Raises TooFewError.
        """

    @abstractmethod
    def varied(self, count: int) -> list[Any]:
        """`count` ids that different sort orders arrange differently. Raises TooFewError."""

    @abstractmethod
    def allows_id(self, kind: str, value: Any) -> bool:
        """Whether the namespace has an id of this kind and value."""

    @abstractmethod
    def sample_id(self) -> Any:
        """One id, always the same."""

    @property
    @abstractmethod
    def free(self) -> bool:
        """Whether a document may have fields of any names and values."""

    @abstractmethod
    def change(self, number: int) -> dict[str, Any]:
        """A field for a partial update, with a different value for each number; empty if no field can be changed."""

    @abstractmethod
    def long_field(self, size: int) -> str:
        """The name of a field that holds a text of this many characters; empty if there is none."""


class Anything(Holding):
    """A namespace for documents with any fields, with ids of some kinds."""

    @property
    def identifiers(self) -> Draw:
        return strategies.ids(self.data_type, self.kinds)

    def several_identifiers(self, *, min_size: int, max_size: int) -> Draw:
        return strategies.several_ids(self.data_type, self.kinds, min_size=min_size, max_size=max_size)

    def contents(self, *, small: bool) -> Draw:
        return strategies.fields(self.data_type, small=small)

    def pages(self, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> Draw:
        return strategies.pages(self.data_type, self.kinds, min_size=min_size, max_size=max_size, small=small)

    def document(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        return make_document(identifier, dict(fields), self.data_type)

    @property
    def numbered_kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in identifiers.NUMBERED_KINDS if kind in self.kinds) or ("string",)

    def numbered(self, prefix: str, count: int, kind: str = "") -> Callable[[int], Any]:
        return identifiers.numbered_ids(kind or self.numbered_kinds[0], prefix, count)

    def varied(self, count: int) -> list[Any]:
        return identifiers.varied_ids(self.kinds, count)

    def allows_id(self, kind: str, value: Any) -> bool:
        return kind in self.kinds

    def sample_id(self) -> Any:
        return identifiers.sample_id(self.kinds[0])

    @property
    def free(self) -> bool:
        return True

    def change(self, number: int) -> dict[str, Any]:
        return {"w": number}

    def long_field(self, size: int) -> str:
        return "long"


def histories(
    holding: Holding, values: list[Any], kinds: Sequence[UpdateType], *, max_calls: int = 4, max_updates: int = 5
) -> Draw:
    """Lists of WriteUpdates calls over a few ids, so that ids often recur."""

    def build(kind: int, value: int, content: dict[str, Any]) -> Update:
        identifier = values[value]
        return update(kinds[kind], identifier, holding.document(identifier, content), holding.data_type)

    calls = _calls(len(kinds), len(values), holding.contents(small=True), max_calls, max_updates)
    return calls.map(lambda drawn: [[build(*parts) for parts in call] for call in drawn])


@lru_cache(maxsize=200)
def _calls(kinds: int, values: int, contents: Draw, max_calls: int, max_updates: int) -> Draw:
    """Lists of lists of the numbers of a kind of update and of an id, and of contents."""
    one = st.tuples(st.sampled_from(range(kinds)), st.sampled_from(range(values)), contents)
    return st.lists(st.lists(one, min_size=1, max_size=max_updates), min_size=1, max_size=max_calls)
