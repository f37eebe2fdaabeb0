"""pymongo by itself: with_pymongo.py URI."""

import os
import sys
from collections.abc import Sequence

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, ReplaceOne
from work import work

database = MongoClient(sys.argv[1], w="majority")["pymongo"]


def read(name: str) -> int:
    """All documents, as dicts."""
    found = database[name].find()
    return sum(1 for _ in (found.sort("_id") if os.environ["WORK"] == "sorted" else found))


def write(name: str, documents: Sequence[bytes]) -> None:
    """Inserts into an empty collection, upserts by _id elsewhere; 1,000 in a bulk."""
    for start in range(0, len(documents), 1000):
        raw = [RawBSONDocument(document) for document in documents[start : start + 1000]]
        if os.environ["WORK"] == "overwrite":
            upserts = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in raw]
            database[name].bulk_write(upserts, ordered=False)
        else:
            database[name].insert_many(raw, ordered=False)


work(read, write, database.drop_collection)
