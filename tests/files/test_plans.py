"""Plans of several namespaces: how often a store is asked for them."""

import threading
from collections.abc import Callable, Iterator

import pytest
from obstore.store import MemoryStore

from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.stores.bucket import Bucket
from dsync_kit.files.stores.storage import Entry
from dsync_kit.protocol import DATA_TYPE_JSON_ID

Open = Callable[..., DocumentFiles]


class Counting(Bucket):
    """A store that notes which folders are listed."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.listed: list[str] = []

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        self.listed.append(folder)
        return super().entries(folder, after=after)


def test_a_plan_of_all_namespaces_lists_the_store_once(open_files: Open) -> None:
    """However many there are; it is the plan that each namespace has, files of other tools included."""
    store = Counting(MemoryStore())
    files = open_files(store, root="exports")
    for number in range(5):
        files.write(f"Shop.{number}", [b'{"id":"%d"}' % each for each in range(number + 1)], DATA_TYPE_JSON_ID)
    store.create("Shop.3/old.jsonl", b'{"id":"x"}\n{"id":"y"}\n')
    store.create("top.jsonl", b'{"id":"z"}\n')
    for other in (files, open_files(store, root="exports")):
        store.listed.clear()
        planned = other.plans()
        assert store.listed == [""]
        assert [namespace for namespace, _ in planned] == other.namespaces()
        assert dict(planned) == {namespace: other.plan(namespace) for namespace in other.namespaces()}
        counts = {namespace: sum(each.estimated_count for each in plan) for namespace, plan in planned}
        assert counts == {"Shop.0": 1, "Shop.1": 2, "Shop.2": 3, "Shop.3": 6, "Shop.4": 5, "exports": 1}
    assert [namespace for namespace, _ in files.plans(["Shop.1", "Shop.1"])] == ["Shop.1"]


class Meeting(Bucket):
    """Reading a page waits until somebody reads another one, too."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self._meet = threading.Barrier(2)

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        if key.endswith(".jsonl"):
            self._meet.wait(timeout=20)
        return super().read(key, start, size)


@pytest.mark.parametrize("wanted", [(), ("a", "b")])
def test_a_plan_reads_several_namespaces_at_once(open_files: Open, wanted: tuple[str, ...]) -> None:
    """Not one after another: a reader that knows none of their indexes needs requests for each."""
    store = MemoryStore()
    for namespace in ("a", "b"):
        open_files(Bucket(store)).write(namespace, [b'{"id":1}'], DATA_TYPE_JSON_ID)
    planned = open_files(Meeting(store)).plans(wanted)
    assert [(namespace, [each.estimated_count for each in plan]) for namespace, plan in planned] == [
        ("a", [1]),
        ("b", [1]),
    ]
