"""Files that change behind a reader's back."""

from collections.abc import Callable, Iterator

from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.stores.storage import Entry, Storage

from .using import NAMESPACE, listed, write

Open = Callable[..., DocumentFiles]


class Overtaken:
    """A store in which something happens right after the first listing."""

    def __init__(self, storage: Storage, happens: Callable[[], object]) -> None:
        self._storage = storage
        self._happens: Callable[[], object] | None = happens

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        found = list(self._storage.entries(folder, after=after))
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        return iter(found)


def test_a_file_that_was_made_again_after_a_listing_is_not_taken_for_the_listed_one(
    open_files: Open, storage: Storage
) -> None:
    """A late writer makes a page of the same size whose number a compaction has freed; the reader knows no index."""
    others = open_files(storage)
    write(others, {"id": "first"})

    def overtake() -> None:
        for number in range(16):
            write(others, {"id": number})
        others.settle()
        assert storage.create(f"{NAMESPACE}/000000000001.jsonl", b'{"id":"wrong"}\n')

    reader = open_files(Overtaken(storage, overtake))
    assert {document["id"] for document in listed(reader)} == {"first", *range(16)}


def test_a_folder_that_was_written_again_is_read_again(open_files: Open, storage: Storage) -> None:
    """A reader keeps what it has read of files, but not if others have taken their places, with the same sizes."""
    reader = open_files(storage)
    for text in ("old", "new"):
        for entry in list(storage.entries(NAMESPACE)):
            storage.delete(entry.key)
        write(open_files(storage), {"id": text})
        assert listed(reader) == [{"id": text}]
