"""More lines than are held in memory: the same is found, by way of temporary files."""

from collections.abc import Callable

import pytest
from obstore.store import MemoryStore

from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.reading import mentioned, resolve
from dsync_kit.files.stores.bucket import Bucket
from dsync_kit.protocol import DATA_TYPE_JSON_ID

from .using import NAMESPACE, delete, listed, write

Open = Callable[..., DocumentFiles]


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred lines are many."""
    monkeypatch.setattr(resolve, "LINES_IN_MEMORY", 100)
    monkeypatch.setattr(mentioned, "LINES_IN_MEMORY", 100)


def test_the_newest_of_many_lines_is_found(open_files: Open) -> None:
    """Overwrites and deletes between files, and rows of others that were overwritten since."""
    store = Bucket(MemoryStore())
    files = open_files(store)
    for version in range(5):
        write(files, *({"id": f"{key}", "v": version} for key in range(version * 50, version * 50 + 100)))
    files.update(NAMESPACE, [delete(f"{key}") for key in range(0, 300, 3)], DATA_TYPE_JSON_ID)
    store.create(f"{NAMESPACE}/old.jsonl", b"".join(b'{"id":"%d","v":-1}\n' % key for key in range(250, 400)))
    expected = {f"{key}": min(key // 50, 4) for key in range(300) if key % 3}
    expected |= {f"{key}": -1 for key in range(300, 400)}
    other = open_files(store)
    found = listed(other)
    assert {document["id"]: document["v"] for document in found} == expected
    assert len(found) == len(expected)
    assert other.count(NAMESPACE) == 200 + 150  # what is in files of others is counted whole
