"""A target of the Singer SDK that counts its records."""

import os
import sys
from typing import Any

from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink
from singer_sdk.target_base import Target


class Counter(BatchSink):
    max_size = 10_000
    received = 0

    def process_batch(self, context: dict[str, Any]) -> None:
        Counter.received += len(context["records"])


class CountingTarget(Target):
    name = "target-counter"
    default_sink_class = Counter
    config_jsonschema = th.PropertiesList().to_dict()

    if os.environ.get("ENCODER") == "msgspec":
        from singer_sdk.contrib.msgspec import MsgSpecReader as message_reader_class


if __name__ == "__main__":
    CountingTarget.cli(standalone_mode=False)
    print(f"received {Counter.received}", file=sys.stderr)
