"""The documents that rules write to a namespace: with any fields, or those of a schema."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from dsync_kit.conformance.documents import field_values, identifiers, strategies
from dsync_kit.conformance.documents.schema.counted import Counted
from dsync_kit.conformance.documents.strategies import Draw, make_document, update
from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.protocol import DataType, Update, UpdateType

__all__ = ["Anything", "Holding", "TooFewError", "histories"]


class TooFewError(Inapplicable):
    """The namespace has fewer ids than are needed; the message says how many."""


_STAND_INS = 100
"""How many ids stand in for drawn ones that are taken."""
_MANY = 2**31


class Holding(ABC):
    """Draws and makes documents for a namespace. `kinds` are those of its ids (`strategies.ID_KINDS`).

    No id is `taken`.
    """

    def __init__(self, data_type: DataType, kinds: tuple[str, ...], taken: Taken = NOTHING) -> None:
        self.data_type = data_type
        self.kinds = kinds
        self.taken = taken

    @cached_property
    def identifiers(self) -> Draw:
        """Ids, as Python values. Raises TooFewError if all are taken."""
        drawn = self._drawn_identifiers()
        if not self.taken:
            return drawn
        self.counted_ids()  # raises TooFewError if there are none
        return drawn.map(self._free_id)

    @abstractmethod
    def _drawn_identifiers(self) -> Draw:
        """Ids, as Python values; some may be taken."""

    def _free_id(self, identifier: Any) -> Any:
        """The id itself, or another one if it is taken."""
        if identifier not in self.taken:
            return identifier
        return self.counted_ids()(crc32(repr(identifier).encode()) % _STAND_INS)

    @abstractmethod
    def counted_ids(self, prefix: str = "") -> Counted:
        """Ids by number, which sort by the prefix, then by number. Raises TooFewError if all are taken."""

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

    def fitting(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a document or a partial update, with other values for those that the namespace refuses."""
        return dict(fields)

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
        """One id, always the same. Raises TooFewError if all are taken."""

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

    def __init__(self, data_type: DataType, kinds: tuple[str, ...], taken: Taken = NOTHING) -> None:
        super().__init__(data_type, kinds, taken)
        self._counted: dict[str, Counted] = {}

    def _drawn_identifiers(self) -> Draw:
        return strategies.ids(self.data_type, self.kinds)

    def several_identifiers(self, *, min_size: int, max_size: int) -> Draw:
        return strategies.several_ids(self.identifiers, min_size=min_size, max_size=max_size)

    def contents(self, *, small: bool) -> Draw:
        return field_values.fields(self.data_type, small=small)

    def pages(self, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> Draw:
        return strategies.pages(self.data_type, self.identifiers, min_size=min_size, max_size=max_size, small=small)

    def document(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        return make_document(identifier, dict(fields), self.data_type)

    @property
    def numbered_kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in identifiers.NUMBERED_KINDS if kind in self.kinds) or ("string",)

    def numbered(self, prefix: str, count: int, kind: str = "") -> Callable[[int], Any]:
        made = identifiers.numbered_ids(kind or self.numbered_kinds[0], prefix, count + len(self.taken))
        return self.taken.free(Counted(make=made, size=_MANY))

    def counted_ids(self, prefix: str = "") -> Counted:
        if prefix not in self._counted:
            numbered = identifiers.numbered_ids(self.numbered_kinds[0], prefix, _STAND_INS + len(self.taken))
            made = Counted([True, False]) if self.kinds == ("boolean",) else Counted(make=numbered, size=_MANY)
            self._counted[prefix] = self.taken.free(made)
        if not self._counted[prefix].size:
            raise TooFewError("it accepts only booleans as ids, and existing documents have both")
        return self._counted[prefix]

    def varied(self, count: int) -> list[Any]:
        made = identifiers.varied_ids(self.kinds, count + len(self.taken))
        return [value for value in made if value not in self.taken][:count]

    def allows_id(self, kind: str, value: Any) -> bool:
        return kind in self.kinds and value not in self.taken

    def sample_id(self) -> Any:
        return self._free_id(identifiers.sample_id(self.kinds[0]))

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
