"""Reads the same documents in one Spark session, RUNS times in turn: session.py ADDRESS FEW_ADDRESS FOLDER RUNS.

Each address serves /dev/fakesource, the second one with few documents; FOLDER has those of both as NDJSON, in `many`
and `few`. It prints the seconds of each read, less those of a read of few documents, as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession

address, few_address, folder, runs = sys.argv[1:5]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "2g")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
COLUMNS = (
    "id string, namespace string, partition long, number long, name string, email string, city string, note string"
)


def of(at: str, **options: str) -> Callable[[], DataFrame]:
    reader = spark.read.format("dsync").options(target=f"grpc://{at}", insecure="true", **options)
    return lambda: reader.load()


def typed(at: str) -> Callable[[], DataFrame]:
    reader = spark.read.format("dsync").options(target=f"grpc://{at}", insecure="true", type="json").schema(COLUMNS)
    return lambda: reader.load()


def files(size: str) -> dict[str, Callable[[], DataFrame]]:
    place = f"{folder}/{size}"
    return {
        "Spark's text source, NDJSON files": lambda: spark.read.text(place),
        "Spark's JSON source, with the schema": lambda: spark.read.schema(COLUMNS).json(place),
    }


def contenders(at: str, size: str) -> dict[str, Callable[[], DataFrame]]:
    return {
        "dsync, documents as JSON": of(at, type="json"),
        "dsync, documents as BSON bytes": of(at, documents="bson"),
        "dsync, typed columns": typed(at),
        **files(size),
    }


def seconds(load: Callable[[], DataFrame]) -> float:
    began = time.perf_counter()
    load().write.format("noop").mode("overwrite").save()
    return time.perf_counter() - began


many, few = contenders(address, "many"), contenders(few_address, "few")
for load in few.values():
    seconds(load)  # the first one of each kind compiles
found: dict[str, list[float]] = {name: [] for name in many}
for _ in range(int(runs)):
    for name, load in many.items():
        found[name].append(seconds(load) - seconds(few[name]))
print(json.dumps(found))
spark.stop()
os._exit(0)
