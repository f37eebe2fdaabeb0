"""Random histories of two writers and a compaction, against a plain dict."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from dsync_kit.documents import id_field
from dsync_kit.files.compacting.compaction import Compaction
from dsync_kit.files.document_files import DocumentFiles, FilesOptions
from dsync_kit.files.logs.names import visible
from dsync_kit.files.reading.blocks import Blocks
from dsync_kit.files.reading.log_listing import Planned
from dsync_kit.files.reading.snapshot import Indexes
from dsync_kit.files.stores.storage import Storage
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, Update

from .using import NAMESPACE, delete, ids, listed, patch, replace, write

_IDS = 40
Model = dict[int, dict[str, object]]


class History:
    """Two openings of one store, and what should be in it."""

    def __init__(self, seed: int, storage: Storage) -> None:
        self.random = random.Random(seed)
        self.storage = storage
        self.data_type = self.random.choice([DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON])
        self.id = id_field(self.data_type)
        self.options = FilesOptions(
            compression=self.random.choice(["none", "gzip", "zstd"]),
            page_size=self.random.choice([3, 7, 100]),
            partition_bytes=self.random.choice([50, 500, 10**6]),
            file_bytes=self.random.choice([400, 4000, 10**6]),
        )
        self.openings = [DocumentFiles(storage, self.options) for _ in range(2)]
        self.pool = ThreadPoolExecutor(2)
        self.model: Model = {}
        self.plans: list[tuple[list[Planned], set[int]]] = []

    def one(self) -> DocumentFiles:
        return self.random.choice(self.openings)

    def write(self, step: int) -> None:
        """A page; of one id, the last document stays."""
        documents = [
            {self.id: self.random.randrange(_IDS), "v": step, "x": "y" * self.random.randrange(30)}
            for _ in range(self.random.randrange(12))
        ]
        write(self.one(), *documents, data_type=self.data_type)
        self.model |= {document[self.id]: document for document in documents}

    def update(self, step: int) -> None:
        """A few updates of all kinds."""
        updates: list[Update] = []
        for _ in range(self.random.randrange(1, 6)):
            key = self.random.randrange(_IDS)
            kind = self.random.choice(["replace", "delete", "patch"])
            if kind == "delete":
                updates.append(delete(key, self.data_type))
                self.model.pop(key, None)
                for _, there in self.plans:
                    there.discard(key)
            elif kind == "patch":
                updates.append(patch(key, {"p": step}, ["x"], self.data_type))
                patched = {**self.model.get(key, {self.id: key}), "p": step}
                patched.pop("x", None)
                self.model[key] = patched
            else:
                self.model[key] = {self.id: key, "u": step}
                updates.append(replace(self.model[key], self.data_type))
        self.one().update(NAMESPACE, updates, self.data_type)

    def compact(self, _: int) -> None:
        """Any neighbours become one file, or one is written again without what newer ones have."""
        log = self.one()._log(NAMESPACE)
        indexes = Indexes(self.storage, Blocks(self.storage, self.pool), self.pool)
        compaction = Compaction(self.storage, indexes, file_bytes=self.options.file_bytes, stopping=lambda: False)
        listing, known = log.listing(), log.format()
        files = [each.file for each in visible(listing.files)]
        if not files or known is None:
            return
        first = self.random.randrange(len(files))
        run = files[first : self.random.randrange(first, len(files)) + 1]
        with suppress(FileNotFoundError):  # the compaction in the background was faster
            compaction._merge(log, known, run, listing, horizon=files[-1].last if len(run) == 1 else None)
        if self.random.random() < 0.5:
            compaction.run(log)

    def plan(self, _: int) -> None:
        """A plan that is listed later."""
        self.plans.append((self.one().plan(NAMESPACE), set(self.model)))

    def check(self) -> None:
        """Each document once, as it should be: listed, counted, found; what an old plan has seen is still found."""
        found = listed(self.one(), data_type=self.data_type)
        assert sorted(found, key=lambda document: document[self.id]) == [self.model[key] for key in sorted(self.model)]
        assert self.one().count(NAMESPACE) == len(self.model)
        there = self.one().find(NAMESPACE, ids(range(_IDS), self.data_type), self.data_type)
        assert {key for key, document in enumerate(there) if document is not None} == self.model.keys()
        if self.plans:
            plan, expected = self.random.choice(self.plans)
            seen = {document[self.id] for document in listed(self.one(), data_type=self.data_type, plan=plan)}
            assert expected <= seen


def history(seed: int, storage: Storage) -> None:
    """A history of some fifty steps."""
    told = History(seed, storage)
    steps: list[Callable[[int], None]] = [told.write, told.write, told.update, told.update, told.compact, told.plan]
    try:
        for step in range(50):
            told.random.choice(steps)(step)
            told.check()
    finally:
        told.pool.shutdown()
        for files in told.openings:
            files.close()


@pytest.mark.parametrize("seed", range(3))
def test_the_newest_version_of_each_document_is_there(seed: int, storage: Storage) -> None:
    """Whoever wrote it, however the files were merged, and through plans that were made before."""
    history(seed, storage)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 160))
def test_the_newest_version_of_each_document_is_there_at_length(seed: int, storage: Storage) -> None:
    """The same, with many more histories."""
    history(seed, storage)
