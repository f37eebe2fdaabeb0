"""The values that a store connector's methods take and return: documents, keys, places in a listing or a log."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self, TypeVar

from dsync_kit.documents import decode_id
from dsync_kit.incoming import key_of
from dsync_kit.protocol import UPDATE_TYPE_UNKNOWN, BsonValue, DataType, UpdateType

__all__ = ["Change", "Document", "Key", "Listed", "Place", "Range", "closed_after"]

T = TypeVar("T")

Place = int | bytes
"""A place in a listing or a log, of the store's choice: a 64-bit number, or bytes such as an encoded key."""


class Document(NamedTuple):
    """An encoded document, and the type that it is encoded as."""

    data: bytes
    data_type: DataType


class Key(bytes):
    """A document's id, as bytes that are equal exactly for equal ids.

    `part` is the id as the protocol's message, `value` the id as a Python value. `data_type` is its document's.
    """

    part: BsonValue
    data_type: DataType

    @classmethod
    def of(cls, part: BsonValue, data_type: DataType) -> Self:
        """The key of an id. Raises InvalidArgument for a JSON number beyond 64 bits."""
        key = cls(key_of(part, data_type))
        key.part, key.data_type = part, data_type
        return key

    @property
    def value(self) -> Any:
        """The id as a Python value, for example a str, an int or a bson.ObjectId."""
        return decode_id(self.part)


class Range(NamedTuple):
    """A part of a namespace: the documents after `start`, up to and including `end`.

    The store chooses what the two are: row numbers, keys, or a page token and the number of a segment.
    """

    start: Place
    end: Place


class Listed(NamedTuple):
    """A document in a listing. The listing continues at `place`; None means that a page cannot end here."""

    place: Place | None
    document: Document


class Change(NamedTuple):
    """An entry in a store's log of changes. The log continues at `place`.

    `document` is the document after the change; for a DELETE the removed one, or any with the same id. Without a
    document, the entry only marks that the log was read up to here.
    """

    place: Place
    namespace: str = ""
    kind: UpdateType = UPDATE_TYPE_UNKNOWN
    document: Document | None = None


@contextmanager
def closed_after(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """The items one by one. In the end a generator is closed, exhausted or not: it may hold a lock or a query."""
    iterator = iter(items)
    try:
        yield iterator
    finally:
        if isinstance(iterator, Generator):
            iterator.close()
