"""A tap of the Singer SDK. COUNT says how many records; ENCODER=msgspec takes the faster of its two encoders."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk import typing as th

sys.path.append(str(Path(__file__).parents[1]))
from records import records

COUNT = int(os.environ["COUNT"])


class Records(Stream):
    name = "records"
    primary_keys = ("id",)
    schema = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("number", th.IntegerType),
        th.Property("name", th.StringType),
        th.Property("email", th.StringType),
        th.Property("city", th.StringType),
        th.Property("balance", th.NumberType),
        th.Property("active", th.BooleanType),
        th.Property("created", th.DateTimeType),
        th.Property("note", th.StringType),
    ).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        return records(COUNT)


class RecordsTap(Tap):
    name = "tap-records"
    config_jsonschema = th.PropertiesList().to_dict()

    if os.environ.get("ENCODER") == "msgspec":
        from singer_sdk.contrib.msgspec import MsgSpecWriter as message_writer_class

    def discover_streams(self) -> list[Stream]:
        return [Records(self)]


if __name__ == "__main__":
    RecordsTap.cli()
