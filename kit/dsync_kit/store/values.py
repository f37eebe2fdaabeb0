"""What a store connector's methods take and give: documents, keys, and places in a listing or a log."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self, TypeVar

from dsync_kit.documents import decode_id
from dsync_kit.incoming import key_of
from dsync_kit.protocol import UPDATE_TYPE_UNKNOWN, BsonValue, DataType, UpdateType

__all__ = ["Change", "Document", "Key", "Listed", "Place", "Range", "closed_after"]

T = TypeVar("T")

Place = int | bytes
"""A place in a listing or a log, in the store's own terms: a number of 64 bits, or bytes such as an encoded key."""


class Document(NamedTuple):
    """An encoded document, and the type that it is encoded as."""

    data: bytes
    data_type: DataType


class Key(bytes):
    """A document's id, as bytes that two ids share exactly if they are the same id.

    `part` is the id as the protocol carries it, `value` as Python holds it.
    """

    part: BsonValue

    @classmethod
    def of(cls, part: BsonValue, data_type: DataType) -> Self:
        """The key of an id. Raises InvalidArgument for a JSON number beyond 64 bits."""
        key = cls(key_of(part, data_type))
        key.part = part
        return key

    @property
    def value(self) -> Any:
        """The id as a Python value, for example a str, an int or a bson.ObjectId."""
        return decode_id(self.part)


class Range(NamedTuple):
    """A share of a namespace: what comes after `start`, up to and including `end`.

    What the two mean is the store's choice: row numbers, keys, or a page token and the number of a segment.
    """

    start: Place
    end: Place


class Listed(NamedTuple):
    """A document in a listing. `place` is where the listing goes on after it; None: a page cannot end here."""

    place: Place | None
    document: Document


class Change(NamedTuple):
    """An entry of a store's log of changes. `place` is where the log goes on after it.

    `document` is the document after the change; for a DELETE it is the removed one, or any with the same id. Without
    a document, the entry only says that the log was read up to here.
    """

    place: Place
    namespace: str = ""
    kind: UpdateType = UPDATE_TYPE_UNKNOWN
    document: Document | None = None


@contextmanager
def closed_after(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """The items one by one. A generator is closed at the end, read through or not: it may hold a lock or a query."""
    iterator = iter(items)
    try:
        yield iterator
    finally:
        if isinstance(iterator, Generator):
            iterator.close()
