"""A program that writes documents, or lists them, until it is killed: `forever.py write|list STORE NAME SEED`.

It prints what it does as lines of JSON, so that whoever kills it knows what must be there. STORE is the path of a
folder, or JSON with the arguments of a bucket.
"""

import json
import random
import sys
import threading
from pathlib import Path

from obstore.store import S3Store

from dsync_kit.documents import decode, encode, id_of
from dsync_kit.errors import Aborted
from dsync_kit.files.document_files import DocumentFiles, FilesOptions
from dsync_kit.files.stores.bucket import Bucket
from dsync_kit.files.stores.folder import Folder
from dsync_kit.files.stores.storage import Storage
from dsync_kit.protocol import DATA_TYPE_JSON_ID, UPDATE_TYPE_DELETE, UPDATE_TYPE_UPDATE, Update

NAMESPACE = "shop.orders"
VERSIONS = 1_000_000
"""Runs whose seeds differ by one write versions that differ by at least this."""

_lock = threading.Lock()


def open_store(text: str) -> Storage:
    """The store that the argument names."""
    return Bucket(S3Store(**json.loads(text))) if text.startswith("{") else Folder(Path(text))


def open_files(storage: Storage) -> DocumentFiles:
    """The documents, in files that are compacted often, and listed in many pages."""
    return DocumentFiles(storage, FilesOptions(file_bytes=1 << 16, compression="gzip", page_size=40))


def say(*what: object) -> None:
    """Print a line, whole."""
    with _lock:
        print(json.dumps(what), flush=True)


def write_for_ever(files: DocumentFiles, name: str, seed: int, thread: int) -> None:
    """Write, overwrite and delete the ids of one thread. Prints what begins, and what is acknowledged.

    Some pages are large enough to be written beside others.
    """
    chosen = random.Random(seed * 10 + thread)
    version = seed * VERSIONS
    while True:
        changes: dict[str, int | None] = {}
        count = chosen.choice([1, 1, 1, 300])
        for _ in range(count):
            version += 1
            changes[f"{name}{thread}-{chosen.randrange(100)}"] = version if chosen.random() < 0.7 else None
        say(0, changes)
        pad = "x" * (40 if count == 1 else 1500)
        documents = {
            key: encode({"id": key, "v": value, "pad": pad}, DATA_TYPE_JSON_ID) for key, value in changes.items()
        }
        if None not in changes.values() and chosen.random() < 0.5:
            files.write(NAMESPACE, list(documents.values()), DATA_TYPE_JSON_ID)
        else:
            updates = [
                Update(
                    id=id_of(document, DATA_TYPE_JSON_ID),
                    type=UPDATE_TYPE_DELETE if changes[key] is None else UPDATE_TYPE_UPDATE,
                    data=document,
                )
                for key, document in documents.items()
            ]
            files.update(NAMESPACE, updates, DATA_TYPE_JSON_ID)
        say(1, changes)


def list_for_ever(files: DocumentFiles) -> None:
    """List all partitions of one plan after another. Prints each plan, and each page with the next page's cursor.

    A plan or a partition that is aborted, as a compaction may do it, is begun again.
    """
    while True:
        try:
            plan = [planned.cursor.decode() for planned in files.plan(NAMESPACE)]
        except Aborted:
            continue
        say("plan", plan)
        for number, partition in enumerate(plan):
            cursor = b""
            while True:
                try:
                    page, cursor = files.page(NAMESPACE, partition.encode(), cursor, DATA_TYPE_JSON_ID)
                except Aborted:
                    say("aborted", number)
                    cursor = b""
                    continue
                documents = [decode(document, DATA_TYPE_JSON_ID) for document in page]
                say("page", number, [[each["id"], each["v"]] for each in documents], cursor.decode())
                if not cursor:
                    break


if __name__ == "__main__":
    role, store, who, number = sys.argv[1:]
    opened = open_files(open_store(store))
    if role == "list":
        list_for_ever(opened)
    else:
        for each in range(1, 4):
            threading.Thread(target=write_for_ever, args=(opened, who, int(number), each)).start()
        write_for_ever(opened, who, int(number), 0)  # once the main thread ends, no compaction can run
