"""Stores, and documents in files over them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from dsync_kit.files.document_files import DocumentFiles, FilesOptions
from dsync_kit.files.stores.bucket import Bucket
from dsync_kit.files.stores.folder import Folder
from dsync_kit.files.stores.storage import Storage

Open = Callable[..., DocumentFiles]


@pytest.fixture(params=["bucket", "folder"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty store of each kind."""
    return Bucket(MemoryStore()) if request.param == "bucket" else Folder(tmp_path / "store")


@pytest.fixture
def open_files() -> Iterator[Open]:
    """Opens documents in files, which are closed at the end; options are those of `FilesOptions`."""
    opened: list[DocumentFiles] = []

    def open_one(storage: Storage, *, root: str = "", **options: object) -> DocumentFiles:
        opened.append(DocumentFiles(storage, FilesOptions(**options), root=root))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for files in opened:
        files.close()
