"""The same through the scaffolded connector, as dsync calls it: with_connector.py URI FOLDER; WORK is read or write."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from work import COUNT, URI, timed

from dsync_kit.client import LocalClient
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, GeneratePlanRequest, Partition, WriteDataRequest
from dsync_kit.registry import load_folder
from dsync_kit.targets.local import configure, create

CALLS = 4  # at once: dsync's default
registered = load_folder(Path(sys.argv[2]))
settings, _ = configure(registered, [URI])
api = LocalClient(create(registered, settings))


def planned() -> Sequence[Partition]:
    return api.generate_plan(GeneratePlanRequest(namespaces=["public.source"], initial_sync=True)).partitions


def count(partition: Partition) -> int:
    return sum(len(page.data) for page in pages(api, partition, DATA_TYPE_MONGO_BSON))


def read() -> int:
    """List every partition of the plan."""
    with ThreadPoolExecutor(CALLS) as pool:
        return sum(pool.map(count, planned()))


def write() -> int:
    """Pages of 1,000 documents."""
    requests = [
        WriteDataRequest(namespace="public.target", data=documents[start : start + 1000], type=DATA_TYPE_MONGO_BSON)
        for start in range(0, COUNT, 1000)
    ]
    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(api.write_data, requests))
    return len(documents)


if os.environ["WORK"] == "read":
    timed(read, COUNT)
else:
    documents = [
        document for part in planned() for page in pages(api, part, DATA_TYPE_MONGO_BSON) for document in page.data
    ]
    with psycopg.connect(URI) as client:
        client.execute("TRUNCATE target")
    timed(write, COUNT)
