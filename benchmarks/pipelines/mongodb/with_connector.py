"""The same through the scaffolded connector, as dsync calls it: with_connector.py URI FOLDER."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pymongo import MongoClient
from work import work

from dsync_kit.client import LocalClient
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, GeneratePlanRequest, Partition, WriteDataRequest
from dsync_kit.registry import load_folder
from dsync_kit.targets.local import configure, create

CALLS = 4  # at once: dsync's default
uri, folder = sys.argv[1:]
registered = load_folder(Path(folder))
# The server reads a whole collection for each range of it: one partition, so that it does the same work for both.
settings, _ = configure(registered, [uri, "--partitions=1"])
api = LocalClient(create(registered, settings))
# It is made once for a flow. SecantusDB counts a collection for it by reading it, where MongoDB knows the number.
plan = api.generate_plan(GeneratePlanRequest(namespaces=["kit.prepared"], initial_sync=True))


def read(_: str) -> int:
    """List every partition of the plan."""

    def count(partition: Partition) -> int:
        return sum(len(page.data) for page in pages(api, partition, DATA_TYPE_MONGO_BSON))

    with ThreadPoolExecutor(CALLS) as pool:
        return sum(pool.map(count, plan.partitions))


def write(name: str, documents: Sequence[bytes]) -> None:
    """Pages of 1,000 documents."""
    requests = [
        WriteDataRequest(namespace=f"kit.{name}", data=documents[start : start + 1000], type=DATA_TYPE_MONGO_BSON)
        for start in range(0, len(documents), 1000)
    ]
    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(api.write_data, requests))


work(read, write, lambda name: MongoClient(uri)["kit"].drop_collection(name))
