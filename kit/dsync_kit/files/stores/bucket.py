"""A bucket, or anything else that obstore opens, as a `Storage`."""

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore

from dsync_kit.files.stores.storage import Entry, check_version

if TYPE_CHECKING:  # they exist only for type checkers
    from obstore import ObjectMeta, ReadableFile

__all__ = ["Bucket"]

_BUFFER = 1 << 20
_PART = 8 << 20


class Bucket:
    """An object store that obstore has opened, with its prefix."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def store(self) -> ObjectStore:
        """The store that obstore has opened."""
        return self._store

    def folders(self) -> list[str]:
        return sorted(obstore.list_with_delimiter(self._store)["common_prefixes"])

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        offset = f"{folder}/{after}" if after else None
        for chunk in obstore.list(self._store, folder or None, offset=offset, chunk_size=1000):
            for meta in chunk:
                if meta["path"] != folder:  # an empty object that a client made to show the folder
                    yield _entry(meta)

    def top(self) -> Iterator[Entry]:
        yield from map(_entry, obstore.list_with_delimiter(self._store)["objects"])

    def stat(self, key: str) -> Entry:
        return _entry(obstore.head(self._store, key))

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        if size is None:
            return bytes(obstore.get(self._store, key).bytes())
        return bytes(obstore.get_range(self._store, key, start=start, length=size)) if size else b""

    def read_listed(self, entry: Entry) -> bytes:
        found = obstore.get(self._store, entry.key)
        check_version(_entry(found.meta), entry)
        return bytes(found.bytes())

    def open(self, key: str) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Raw(obstore.open_reader(self._store, key, buffer_size=_BUFFER))))

    def create(self, key: str, data: bytes) -> bool:
        try:
            obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def replace(self, key: str, data: bytes) -> None:
        obstore.put(self._store, key, data, use_multipart=False)

    def upload(self, key: str, data: BinaryIO) -> None:
        data.seek(0)
        obstore.put(self._store, key, data, chunk_size=_PART, max_concurrency=4)

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)


class _Raw(io.RawIOBase):
    """obstore's reader with the interface of the standard library's files."""

    def __init__(self, reader: "ReadableFile") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._reader.read(len(buffer))
        buffer[: len(data)] = bytes(data)
        return len(data)


def _entry(meta: "ObjectMeta") -> Entry:
    # The ETag, since listings have no other version. Azure quotes it in some answers, and leaves it bare in listings.
    tag = (meta["e_tag"] or "").removeprefix("W/").strip('"')
    return Entry(meta["path"], meta["size"], tag or meta["last_modified"].isoformat(timespec="seconds"))
