"""Pages as NDJSON objects with boto3, in threads: with_boto3.py ENDPOINT BUCKET."""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from work import work

THREADS = int(os.environ["CALLS"])
endpoint, bucket = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, config=Config(max_pool_connections=THREADS))


def parsed(key: str) -> int:
    """Get an object, and parse each of its lines."""
    lines = client.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
    return len([json.loads(line)["id"] for line in lines])


def read() -> int:
    """List the objects, and parse each."""
    found = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="boto3/")
    keys = [item["Key"] for page in found for item in page.get("Contents", ())]
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(parsed, keys))


def write(pages: Sequence[Sequence[bytes]]) -> None:
    """An object for each page."""

    def put(item: tuple[int, Sequence[bytes]]) -> None:
        body = b"\n".join(item[1]) + b"\n"
        client.put_object(Bucket=bucket, Key=f"boto3/{item[0]:06}.jsonl", Body=body)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, enumerate(pages)))


work(read, write)
