"""Numbers of a log: one that a compaction has freed never counts, whenever its writer comes to look."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from obstore.store import MemoryStore

from dsync_kit.files.logs.log import Format, Log
from dsync_kit.files.logs.names import merged_name
from dsync_kit.files.logs.numbers import Numbers
from dsync_kit.files.stores.bucket import Bucket
from dsync_kit.files.stores.storage import Entry
from dsync_kit.protocol import DATA_TYPE_JSON_ID

from .using import NAMESPACE

KNOWN = Format(DATA_TYPE_JSON_ID, "none")


class Slow(Bucket):
    """A store whose listings wait while `go_on` is not set."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.listing, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        self.listing.set()
        assert self.go_on.wait(60)
        return super().entries(folder, after=after)


class Late(threading.Condition):
    """A condition from which a thread that has waited returns only when it may."""

    def __init__(self, lock: threading.Lock) -> None:
        super().__init__(lock)
        self.waiting, self.may_return = threading.Event(), threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.set()
        found = super().wait(timeout)
        self.release()
        assert self.may_return.wait(60)
        self.acquire()
        return found


def take(numbers: Numbers) -> bool:
    """Take the next number, and ask whether it counts."""
    number = numbers.reserve()
    assert number is not None
    file = numbers.take(number, b'{"id":1}\n', KNOWN)
    return file is not None and numbers.counts(file, KNOWN)


def test_a_freed_number_does_not_count_although_the_log_has_gone_on() -> None:
    """Its writer waits for a listing, and wakes when the same process has written further pages, and listed those."""
    store = Slow()
    numbers = Numbers(store, Log(store, NAMESPACE))
    numbers.begin(0, (), KNOWN)
    numbers._looked = late = Late(numbers._lock)
    assert take(numbers)
    number = numbers.reserve()
    assert number == 2
    store.replace(f"{NAMESPACE}/{merged_name(1, 17, 0, '')}", b'{"id":1}\n')  # others have written, and compacted
    store.delete(f"{NAMESPACE}/000000000001.jsonl")
    freed = numbers.take(number, b'{"id":2}\n', KNOWN)
    assert freed is not None
    store.listing.clear()
    store.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(numbers._look)
        assert store.listing.wait(60)
        counts = pool.submit(numbers.counts, freed, KNOWN)
        assert late.waiting.wait(60)
        store.go_on.set()
        other.result()
        assert not take(numbers)  # the next number is freed, too
        assert numbers.reserve(after=3) is None  # since others have taken those up to 17
        assert all(take(numbers) for _ in range(4))
        late.may_return.set()
        assert not counts.result()
    names = sorted(entry.key.rpartition("/")[2][:12] for entry in store.entries(NAMESPACE))
    assert [int(name) for name in names] == [17, 18, 19, 20, 21]
