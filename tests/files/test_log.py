"""The log: numbers that one writer alone can take, what a store must do for it, and what damage does."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from dsync_kit.errors import FailedPrecondition, InvalidArgument
from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.logs.names import INDEX_FOLDER, folder_of, namespace_of
from dsync_kit.files.stores.bucket import Bucket
from dsync_kit.files.stores.folder import Folder
from dsync_kit.files.stores.storage import Storage
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON

from .using import NAMESPACE, delete, ids, listed, patch, replace, write

Open = Callable[..., DocumentFiles]


def names(storage: Storage) -> list[str]:
    """The files of the log, without the descriptor."""
    found = (entry.key.removeprefix(f"{NAMESPACE}/") for entry in storage.entries(NAMESPACE))
    return sorted(name for name in found if name != "_dsync.json")


def test_a_page_is_a_file_and_the_next_one_has_the_next_number(open_files: Open, storage: Storage) -> None:
    """Whichever process writes it: the one that comes later has seen nothing of the other."""
    one, other = open_files(storage), open_files(storage)
    write(one, {"id": "a"})
    write(other, {"id": "b"})
    write(one, {"id": "a", "v": 2})
    assert names(storage) == [f"00000000000{number}.jsonl" for number in (1, 2, 3)]
    assert storage.read(f"{NAMESPACE}/000000000003.jsonl") == b'{"id":"a","v":2}\n'
    assert sorted(listed(other), key=str) == [{"id": "a", "v": 2}, {"id": "b"}]


def test_many_writers_at_once_lose_nothing(open_files: Open, storage: Storage) -> None:
    """Two openings, four threads each, over one namespace; partial updates of one document all arrive."""
    openings = [open_files(storage), open_files(storage)]
    write(openings[0], {"id": "all"})

    def one(number: int) -> None:
        files = openings[number % 2]
        write(files, *({"id": f"{number}-{each}"} for each in range(20)))
        files.update(NAMESPACE, [patch("all", {f"field{number}": number})], DATA_TYPE_JSON_ID)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    found = {document["id"]: document for document in listed(open_files(storage))}
    assert found.pop("all") == {"id": "all", **{f"field{number}": number for number in range(40)}}
    assert found.keys() == {f"{number}-{each}" for number in range(40) for each in range(20)}


def test_single_updates_leave_few_files(open_files: Open, storage: Storage) -> None:
    """However many there are: they are merged meanwhile."""
    files = open_files(storage)
    for number in range(300):
        files.update(NAMESPACE, [replace({"id": number % 50, "v": number})], DATA_TYPE_JSON_ID)
    files.settle()
    assert len(names(storage)) <= 20
    assert sorted(document["v"] for document in listed(files)) == list(range(250, 300))


class Forgetful(Bucket):
    """A store that ignores the condition of a conditional write."""

    def create(self, key: str, data: bytes) -> bool:
        self.replace(key, data)
        return True


def test_a_store_without_conditional_writes_is_refused(open_files: Open) -> None:
    """Before anything is written to it."""
    with pytest.raises(FailedPrecondition, match=r"does not honour conditional writes \(If-None-Match\)"):
        write(open_files(Forgetful(MemoryStore())), {"id": 1})


def test_a_namespace_holds_one_type_and_one_compression(open_files: Open, storage: Storage) -> None:
    """Those of its first writer: a document of the other type is refused."""
    write(open_files(storage, compression="gzip"), {"id": 1})
    write(open_files(storage, compression="zstd"), {"id": 2})
    assert names(storage) == ["000000000001.jsonl.gz", "000000000002.jsonl.gz"]
    with pytest.raises(InvalidArgument, match="holds DATA_TYPE_JSON_ID documents, and DATA_TYPE_MONGO_BSON was given"):
        write(open_files(storage), {"_id": 1}, data_type=DATA_TYPE_MONGO_BSON)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda storage, name: storage.delete(name), "files are missing, page 2 first: restore them"),
        (lambda storage, name: storage.replace(name, b'{"id":1}\nhalf'), "its last line has no end"),
        (lambda storage, name: storage.replace(name, b"{}\n"), "line 1: the document has no id"),
        (lambda storage, _: storage.delete(f"{NAMESPACE}/_dsync.json"), r"'shop.orders/_dsync.json' is missing"),
        (
            lambda storage, _: storage.replace(
                f"{NAMESPACE}/_dsync.json", b'{"format":"dsync-files","version":9,"documents":"json"}'
            ),
            "has version 9 of the layout, and 1 is known here: upgrade",
        ),
    ],
)
def test_damage_is_an_error_that_names_the_file(
    open_files: Open, storage: Storage, harm: Callable[[Storage, str], None], message: str
) -> None:
    """Nothing is silently left out."""
    files = open_files(storage)
    for number in range(3):
        write(files, {"id": number})
    files.close()
    harm(storage, f"{NAMESPACE}/000000000002.jsonl")
    with pytest.raises(FailedPrecondition, match=message):
        listed(open_files(storage))


def test_a_changed_block_is_noticed(open_files: Open, storage: Storage) -> None:
    """Also where the file has its old size, which its index says."""
    files = open_files(storage)
    write(files, *({"id": number, "text": "x" * 1100} for number in range(1000)))
    files.close()
    key = f"{NAMESPACE}/000000000001.jsonl"
    storage.replace(key, storage.read(key).replace(b"x", b"y", 1))
    with pytest.raises(FailedPrecondition, match=r"'shop.orders/000000000001.jsonl' has been changed since"):
        listed(open_files(storage))


def test_an_index_that_is_missing_is_worked_out(open_files: Open, storage: Storage) -> None:
    """Its writer may have been killed before it wrote it."""
    files = open_files(storage)
    write(files, *({"id": number, "text": "x" * 1100} for number in range(1000)))
    write(files, {"id": 7, "text": "new"})
    files.close()
    storage.delete(f"{NAMESPACE}/{INDEX_FOLDER}/000000000001.jsonl")
    other = open_files(storage)
    assert other.count(NAMESPACE) == 1000
    assert [document for document in listed(other) if document["text"] == "new"] == [{"id": 7, "text": "new"}]


class Stalling(Bucket):
    """A store in which one creation waits until it is let go."""

    def __init__(self, store: MemoryStore, key: str) -> None:
        super().__init__(store)
        self.key = key
        self.waiting, self.go_on = threading.Event(), threading.Event()

    def create(self, key: str, data: bytes) -> bool:
        if key == self.key:
            self.waiting.set()
            assert self.go_on.wait(60)
        return super().create(key, data)


def test_a_number_that_a_compaction_has_freed_is_not_used(open_files: Open) -> None:
    """A writer that was held up before it took its number takes a new one, rather than being overlooked."""
    memory = MemoryStore()
    stalling = Stalling(memory, f"{NAMESPACE}/000000000002.jsonl")
    late, others = open_files(stalling), open_files(Bucket(memory))
    write(others, {"id": "first"})
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, late, {"id": "late"})
        assert stalling.waiting.wait(60)
        for number in range(16):
            write(others, {"id": number})
        others.update(NAMESPACE, [delete("first")], DATA_TYPE_JSON_ID)
        others.settle()
        assert f"{NAMESPACE}/000000000002.jsonl" not in {entry.key for entry in stalling.entries(NAMESPACE)}
        stalling.go_on.set()
        writing.result()
    assert {document["id"] for document in listed(open_files(Bucket(memory)))} == {*range(16), "late"}


def test_a_file_that_a_late_writer_has_made_again_is_not_read(open_files: Open, storage: Storage) -> None:
    """A compaction freed its number, so it doesn't count, although earlier listings have its name."""
    files, others = open_files(storage), open_files(storage)
    write(files, {"id": "first", "v": 1})
    plan = files.plan(NAMESPACE)
    for number in range(16):
        write(others, {"id": number})
    others.settle()
    assert storage.create(f"{NAMESPACE}/000000000001.jsonl", b'{"id":"first","v":2}\n')
    assert listed(files, plan=plan) == [{"id": "first", "v": 1}]
    assert {document["id"] for document in listed(files)} == {"first", *range(16)}


LARGE = {"text": "x" * 100_000}
"""What makes a page large enough to be written beside others."""


def test_a_page_is_acknowledged_when_all_numbers_below_its_own_are_taken(open_files: Open) -> None:
    """Two pages of one process are under way at once; the second waits for the first, which gets the smaller number."""
    stalling = Stalling(MemoryStore(), f"{NAMESPACE}/000000000002.jsonl")
    files = open_files(stalling)
    write(files, {"id": "before"})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(write, files, {"id": "a", "v": 1, **LARGE})
        assert stalling.waiting.wait(60)
        second = pool.submit(write, files, {"id": "a", "v": 2, **LARGE})
        with pytest.raises(TimeoutError):
            second.result(0.5)
        assert f"{NAMESPACE}/000000000003.jsonl" in {entry.key for entry in stalling.entries(NAMESPACE)}
        stalling.go_on.set()
        first.result()
        second.result()
    assert [document.get("v") for document in listed(open_files(stalling))] == [None, 2]


class Failing(Stalling):
    """A store in which one creation fails once, after it has waited."""

    def create(self, key: str, data: bytes) -> bool:
        if key == self.key and not self.go_on.is_set():
            self.waiting.set()
            assert self.go_on.wait(60)
            raise OSError("the connection is lost")
        return super().create(key, data)


def test_a_number_whose_page_failed_is_filled(open_files: Open) -> None:
    """With an empty page, so that the page above it is acknowledged, and nobody takes the number later."""
    failing = Failing(MemoryStore(), f"{NAMESPACE}/000000000002.jsonl")
    files = open_files(failing)
    write(files, {"id": "before"})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(write, files, {"id": "failed", **LARGE})
        assert failing.waiting.wait(60)
        second = pool.submit(write, files, {"id": "after", **LARGE})
        failing.go_on.set()
        with pytest.raises(OSError, match="the connection is lost"):
            first.result()
        second.result()
    assert failing.read(f"{NAMESPACE}/000000000002.jsonl") == b""
    assert [document["id"] for document in listed(open_files(failing))] == ["before", "after"]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_the_next_writer_fills_what_a_killed_one_left_out(open_files: Open, storage: Storage, compression: str) -> None:
    """A killed process may leave a page above a number that it never took. It is read; the number stays empty."""
    one = open_files(storage, compression=compression)
    for number in range(1, 4):
        write(one, {"id": number})
    last = names(storage)[-1]
    hole = last.replace("3", "2", 1)
    storage.delete(f"{NAMESPACE}/{hole}")
    assert [document["id"] for document in listed(open_files(storage))] == [1, 3]
    other = open_files(storage)
    write(other, {"id": 4})
    assert names(storage) == [last.replace("3", str(number), 1) for number in range(1, 5)]
    write(one, {"id": 5})
    for number in range(6, 20):
        write(other, {"id": number})
    other.settle()
    assert len(names(storage)) < 19
    assert sorted(document["id"] for document in listed(open_files(storage))) == [1, *range(3, 20)]


def test_a_partial_update_waits_for_the_pages_below_its_own(open_files: Open) -> None:
    """It is applied to a page that was under way when it came."""
    stalling = Stalling(MemoryStore(), f"{NAMESPACE}/000000000002.jsonl")
    files = open_files(stalling)
    write(files, {"id": "a", "v": 1})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(write, files, {"id": "a", "v": 2, **LARGE})
        assert stalling.waiting.wait(60)
        second = pool.submit(files.update, NAMESPACE, [patch("a", {"w": 3}, ["text"])], DATA_TYPE_JSON_ID)
        stalling.go_on.set()
        first.result()
        second.result()
    assert listed(open_files(stalling)) == [{"id": "a", "v": 2, "w": 3}]


def test_a_folder_that_was_emptied_starts_over(open_files: Open, storage: Storage) -> None:
    """While a writer has it open: its next page is the first again, and nothing seems to be missing."""
    files = open_files(storage)
    for number in range(3):
        write(files, {"id": number})
    for entry in list(storage.entries(NAMESPACE)):
        storage.delete(entry.key)
    write(files, {"id": "new"})
    assert names(storage) == ["000000000001.jsonl"]
    assert listed(open_files(storage)) == [{"id": "new"}]


def test_a_plan_survives_compaction(open_files: Open, storage: Storage) -> None:
    """Between plan and listing, and between two pages of it: each document comes once."""
    files = open_files(storage, page_size=5, partition_bytes=300)
    for number in range(7):
        write(files, *({"id": f"{number}-{each}", "text": "x" * 10} for each in range(9)))
    plan = files.plan(NAMESPACE)
    assert len(plan) > 3
    page, cursor = files.page(NAMESPACE, plan[0].cursor, b"", DATA_TYPE_JSON_ID)
    other = open_files(storage)
    for number in range(7, 24):
        write(other, {"id": f"{number}-0"})
    other.settle()
    assert len(names(storage)) < 20
    found = [document["id"] for document in listed(files, plan=plan[1:])]
    found += [document["id"] for document in listed(other, plan=plan[:1])]
    assert sorted(found) == sorted(f"{number}-{each}" for number in range(7) for each in range(9))
    again = open_files(storage, page_size=5)
    rest = list(page)
    while cursor:
        page, cursor = again.page(NAMESPACE, plan[0].cursor, cursor, DATA_TYPE_JSON_ID)
        rest += page
    assert len(rest) == len(set(rest)) == len(listed(other, plan=plan[:1]))


def test_partial_updates_follow_on_each_other(open_files: Open, storage: Storage) -> None:
    """In one call and over several; of a document that is missing a new one is made; the other fields stay."""
    files = open_files(storage)
    write(files, {"id": "a", "x": 1, "y": 1})
    updates = [patch("a", {"y": 2}), patch("a", {"z": 3}, ["x"]), replace({"id": "b", "n": 1}), patch("b", {"m": 2})]
    files.update(NAMESPACE, updates, DATA_TYPE_JSON_ID)
    files.update(NAMESPACE, [delete("b"), patch("b", {"k": 5}), patch("c", {"k": 6})], DATA_TYPE_JSON_ID)
    expected = [{"id": "a", "y": 2, "z": 3}, {"id": "b", "k": 5}, {"id": "c", "k": 6}]
    assert sorted(listed(files), key=str) == expected


@pytest.mark.parametrize(
    "namespace",
    ["shop", "Shop.é", "..", ".hidden", "_index", "a/b", "=41", "a=", "x" * 255, "\n", "a b", "a+b", "a%20b"],
)
def test_a_namespace_has_one_folder_and_a_folder_one_namespace(namespace: str) -> None:
    """In plain characters, and neither hidden nor outside."""
    folder = folder_of(namespace)
    assert namespace_of(folder) == namespace
    assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-=")
    assert not folder.startswith((".", "_"))


@pytest.mark.parametrize(
    ("namespace", "message"), [("", "is empty"), ("é" * 50, "is too long: its folder has 300 bytes")]
)
def test_a_namespace_without_a_folder_is_refused(
    open_files: Open, storage: Storage, namespace: str, message: str
) -> None:
    """Whatever is asked of it."""
    files = open_files(storage)
    calls: list[Callable[[], object]] = [
        lambda: files.plan(namespace),
        lambda: files.count(namespace),
        lambda: files.write(namespace, [], DATA_TYPE_JSON_ID),
        lambda: files.find(namespace, ids([1]), DATA_TYPE_JSON_ID),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument, match=message):
            call()


def test_nothing_is_written_for_an_empty_call(open_files: Open, tmp_path: Path) -> None:
    """A page without documents makes no file."""
    files = open_files(Folder(tmp_path / "store"))
    files.write(NAMESPACE, [], DATA_TYPE_JSON_ID)
    files.update(NAMESPACE, [], DATA_TYPE_JSON_ID)
    assert not (tmp_path / "store").exists()
