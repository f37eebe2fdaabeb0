"""A source of the Airbyte CDK. COUNT says how many records."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream

sys.path.append(str(Path(__file__).parents[1]))
from records import records

COUNT = int(os.environ["COUNT"])
_TYPES = {"number": "integer", "balance": "number", "active": "boolean"}
_FIELDS = ("id", "number", "name", "email", "city", "balance", "active", "created", "note")


class Records(Stream):
    name = "records"
    primary_key = "id"

    def get_json_schema(self) -> Mapping[str, Any]:
        return {"type": "object", "properties": {name: {"type": _TYPES.get(name, "string")} for name in _FIELDS}}

    def read_records(self, *args: Any, **kwargs: Any) -> Iterable[Mapping[str, Any]]:
        return records(COUNT)


class RecordsSource(AbstractSource):
    def spec(self, *args: Any, **kwargs: Any) -> ConnectorSpecification:
        return ConnectorSpecification(connectionSpecification={"type": "object", "properties": {}})

    def check_connection(self, logger: Any, config: Any) -> tuple[bool, Any]:
        return True, None

    def streams(self, config: Any) -> list[Stream]:
        return [Records()]


if __name__ == "__main__":
    launch(RecordsSource(), sys.argv[1:])
