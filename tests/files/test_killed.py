"""Writers that are killed at random moments: what they had acknowledged is there, and what was deleted stays away."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.stores.folder import Folder

from .using import listed

Open = Callable[..., DocumentFiles]

# Each of four threads writes, overwrites and deletes its own ids for ever, and prints their state when it is
# acknowledged. Some pages are large enough to be written beside others.
_WRITER = """
import json, random, sys, threading
from pathlib import Path
from dsync_kit.documents import encode, id_of
from dsync_kit.files.document_files import DocumentFiles, FilesOptions
from dsync_kit.files.stores.folder import Folder
from dsync_kit.protocol import Update
folder, name, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
files = DocumentFiles(Folder(Path(folder)), FilesOptions(file_bytes=1 << 16, compression="gzip"))
lock = threading.Lock()

def say(*what):
    with lock:
        print(json.dumps(what), flush=True)

def write_for_ever(thread):
    chosen = random.Random(seed * 10 + thread)
    version = seed * 1_000_000
    while True:
        changes = {}
        count = chosen.choice([1, 1, 1, 300])
        for _ in range(count):
            version += 1
            changes[f"{name}{thread}-{chosen.randrange(100)}"] = version if chosen.random() < 0.7 else None
        say(0, changes)
        pad = "x" * (40 if count == 1 else 1500)
        documents = {key: encode({"id": key, "v": value, "pad": pad}, 2) for key, value in changes.items()}
        if None not in changes.values() and chosen.random() < 0.5:
            files.write("shop.orders", list(documents.values()), 2)
        else:
            files.update("shop.orders", [
                Update(id=id_of(document, 2), type=3 if changes[key] is None else 1, data=document)
                for key, document in documents.items()
            ], 2)
        say(1, changes)

for thread in range(4):
    threading.Thread(target=write_for_ever, args=(thread,)).start()
"""


class Known:
    """What the writers said: the newest acknowledged version of each id, and those that may or may not be there."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int | None] = {}
        self.possible: dict[str, set[int | None]] = {}

    def read(self, output: str) -> None:
        """Take in what one run of a writer has printed; its last line may be cut off."""
        for line in output.splitlines():
            try:
                done, changes = json.loads(line)
            except ValueError:
                continue
            for key, value in changes.items():
                if done:
                    self.acknowledged[key] = value
                    self.possible[key] = set()
                else:
                    self.possible.setdefault(key, set()).add(value)


def kill_writers(files: Callable[[], DocumentFiles], folder: Path, seed: int, runs: int) -> None:
    """Two writers at once, killed and started again; what is there is compared after each time."""
    chosen = random.Random(seed)
    known = Known()
    for run in range(runs):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITER, folder, name, str(seed * 1000 + run)], stdout=subprocess.PIPE, text=True
            )
            for name in "ab"
        ]
        for writer in writers:
            assert writer.stdout is not None
            first = writer.stdout.readline()  # it has begun
            time.sleep(chosen.uniform(0.0, 0.6))
            writer.kill()
            known.read(first + writer.communicate()[0])
        found = {document["id"]: document["v"] for document in listed(files())}
        wrong = {
            key: (found.get(key), value, known.possible[key])
            for key, value in known.acknowledged.items()
            if found.get(key) not in {value, *known.possible[key]}
        }
        assert wrong == {}
        assert files().count("shop.orders") == len(found)
        # What is there now is what must stay.
        for key, possible in known.possible.items():
            if possible:
                known.acknowledged[key], known.possible[key] = found.get(key), set()


def test_killed_writers_lose_nothing(open_files: Open, tmp_path: Path) -> None:
    """Over a folder, with compactions under way."""
    kill_writers(lambda: open_files(Folder(tmp_path)), tmp_path, seed=1, runs=3)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10, 14))
def test_killed_writers_lose_nothing_at_length(open_files: Open, tmp_path: Path, seed: int) -> None:
    """The same, with many more kills."""
    kill_writers(lambda: open_files(Folder(tmp_path)), tmp_path, seed=seed, runs=25)
