"""The ids that documents of an offered namespace had before the run: nothing is drawn with one of these."""

import threading
from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from typing import Any, Self

from bson import Decimal128
from bson.errors import InvalidDocument

from dsync_kit.conformance.documents.identifiers import NUMBERED_KINDS, numbered_ids, probing_ids
from dsync_kit.conformance.documents.schema.counted import Counted
from dsync_kit.conformance.documents.strategies import merge_key
from dsync_kit.documents import decode, id_field
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType

__all__ = ["NOTHING", "Taken"]

_FEW = 2000
"""So many ids are looked through at once; of more, only as many as are needed."""


class Taken:
    """A set of ids, as Python values. Any id that a store may take for one of them is in it: 5.0 and '5' for 5."""

    def __init__(self, ids: Iterable[Any] = ()) -> None:
        keys = [_keys(value) for value in ids]
        self._keys = frozenset[Any]().union(*keys)
        self._size = len(keys)

    @classmethod
    def of(cls, documents: Iterable[bytes], data_type: DataType) -> Self:
        """The ids of encoded documents. What is not a document, or has no usable id, is left out."""
        found = []
        for document in documents:
            try:
                identifier = decode(document, data_type)[id_field(data_type)]
                _keys(identifier)
            except (InvalidArgument, KeyError, ValueError, TypeError, InvalidDocument):
                continue  # no document of the kit can have it; a rule on listings reports it
            found.append(identifier)
        return cls(found)

    @classmethod
    def union(cls, several: Iterable["Taken"]) -> "Taken":
        """The ids of all of them."""
        return reduce(lambda one, other: one | other, several, NOTHING)

    def __or__(self, other: "Taken") -> "Taken":
        both = Taken()
        both._keys, both._size = self._keys | other._keys, self._size + other._size
        return both

    def __contains__(self, value: Any) -> bool:
        return bool(self) and not self._keys.isdisjoint(_keys(value))

    def __len__(self) -> int:
        return self._size

    def free(self, ids: Counted) -> Counted:
        """The same ids in the same order, without those that are taken; `size` is 0 if all are."""
        if not self:
            return ids
        if ids.size <= max(_FEW, 2 * len(self)):
            return Counted([value for value in map(ids, range(ids.size)) if value not in self])
        found: list[Any] = []
        looked_at = 0
        lock = threading.Lock()

        def make(number: int) -> Any:
            nonlocal looked_at
            with lock:
                while len(found) <= number:
                    if (value := ids(looked_at)) not in self:
                        found.append(value)
                    looked_at += 1
                return found[number]

        return Counted(make=make, size=ids.size - len(self))

    def free_ids(self, kind: str) -> tuple[Any, ...]:
        """Ids that a store accepts if it accepts the kind (`probing_ids`); empty if all of the kind are taken."""
        plain, *others = probing_ids(kind)
        if plain in self and kind in NUMBERED_KINDS:
            plain = self.free(Counted(make=numbered_ids(kind, "sample", len(self)), size=2**31))(0)
        return tuple(value for value in (plain, *others) if value not in self)

    def free_text(self, text: str) -> str:
        """The text, or a longer one if it is taken."""
        while text in self:
            text += "-"
        return text


NOTHING = Taken()
"""What is taken in a namespace of the kit's own."""


def _keys(value: Any) -> frozenset[Any]:
    """What the id has in common with those that a store may take for it: the number, or how it is written."""
    return frozenset((merge_key(value), _written(value)))


def _written(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(int(value))
    if isinstance(value, float | Decimal128):
        number = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
        whole = number.is_finite() and abs(number) < 10**40 and number == int(number)
        return str(int(number)) if whole else str(value)
    return str(value).strip().casefold()
