"""Objects with boto3, in threads: with_boto3.py ENDPOINT BUCKET."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from work import work

THREADS = 16
endpoint, bucket = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, config=Config(max_pool_connections=THREADS))


def read(prefix: str) -> int:
    """List the objects below a prefix, and read each."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"boto3/{prefix}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(1 for _ in pool.map(lambda key: client.get_object(Bucket=bucket, Key=key)["Body"].read(), keys))


def write(prefix: str, documents: Sequence[bytes]) -> None:
    """An object for each document."""
    with ThreadPoolExecutor(THREADS) as pool:
        put = lambda item: client.put_object(Bucket=bucket, Key=f"boto3/{prefix}/{item[0]:06}.json", Body=item[1])  # noqa: E731
        list(pool.map(put, enumerate(documents)))


work(read, write)
