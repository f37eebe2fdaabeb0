"""The same through the scaffolded connector, as dsync calls it: with_connector.py ENDPOINT BUCKET FOLDER."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from work import work

from dsync_kit.client import LocalClient
from dsync_kit.documents import decode
from dsync_kit.flow.listing import pages as pages_of
from dsync_kit.protocol import DATA_TYPE_JSON_ID, GeneratePlanRequest, Partition, WriteDataRequest
from dsync_kit.registry import load_folder
from dsync_kit.targets.local import configure, create

CALLS = int(os.environ["CALLS"])
NAMESPACE = "bench.documents"
endpoint, bucket, folder = sys.argv[1:]
words = [f"s3://{bucket}/kit", f"--endpoint={endpoint}", f"--region={os.environ['AWS_REGION']}"]
registered = load_folder(Path(folder))
settings, _ = configure(registered, words)
connector = create(registered, settings)
api = LocalClient(connector)


def read() -> int:
    """List every partition of the plan, and parse each document."""
    plan = api.generate_plan(GeneratePlanRequest(namespaces=[NAMESPACE], initial_sync=True))

    def count(partition: Partition) -> int:
        pages = pages_of(api, partition, DATA_TYPE_JSON_ID)
        return sum(len([decode(data, DATA_TYPE_JSON_ID)["id"] for data in page.data]) for page in pages)

    with ThreadPoolExecutor(CALLS) as pool:
        return sum(pool.map(count, plan.partitions))


def write(pages: Sequence[Sequence[bytes]]) -> None:
    """One call for each page."""

    def write_one(page: Sequence[bytes]) -> None:
        api.write_data(WriteDataRequest(namespace=NAMESPACE, data=page, type=DATA_TYPE_JSON_ID))

    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(write_one, pages))


work(read, write)
connector.teardown()
