"""The same through the scaffolded connector, as dsync calls it: with_connector.py ENDPOINT BUCKET FOLDER."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from work import work

from dsync_kit.client import LocalClient
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import DATA_TYPE_JSON_ID, GeneratePlanRequest, Partition, WriteDataRequest
from dsync_kit.registry import load_folder
from dsync_kit.targets.local import configure, create

CALLS = 4  # at once: dsync's default
endpoint, bucket, folder = sys.argv[1:]
words = [f"s3://{bucket}/kit", f"--endpoint={endpoint}", f"--region={os.environ['AWS_REGION']}"]
registered = load_folder(Path(folder))
settings, _ = configure(registered, words)
api = LocalClient(create(registered, settings))


def read(namespace: str) -> int:
    """List every partition of the plan."""
    plan = api.generate_plan(GeneratePlanRequest(namespaces=[namespace], initial_sync=True))

    def count(partition: Partition) -> int:
        return sum(len(page.data) for page in pages(api, partition, DATA_TYPE_JSON_ID))

    with ThreadPoolExecutor(CALLS) as pool:
        return sum(pool.map(count, plan.partitions))


def write(namespace: str, documents: Sequence[bytes]) -> None:
    """Pages of 1,000 documents."""
    requests = [
        WriteDataRequest(namespace=namespace, data=documents[start : start + 1000], type=DATA_TYPE_JSON_ID)
        for start in range(0, len(documents), 1000)
    ]
    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(api.write_data, requests))


work(read, write)
