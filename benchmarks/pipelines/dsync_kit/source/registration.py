"""A source with the benchmark's records, made and encoded on request."""

import sys
from itertools import pairwise
from pathlib import Path

from dsync_kit import protocol as p
from dsync_kit.connector import Connector
from dsync_kit.cursors import Cursor
from dsync_kit.documents import encode, id_field
from dsync_kit.incoming import check_data_type
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings, option

sys.path.append(str(Path(__file__).parents[2]))
from records import record

TYPES = {"json": p.DATA_TYPE_JSON_ID, "bson": p.DATA_TYPE_MONGO_BSON}


class Settings(ConnectorSettings):
    count: int = option(200_000, help="records", ge=1)
    page_size: int = option(1000, help="records on a page", gt=0)
    partitions: int = option(4, help="parts that are listed at the same time", gt=0)
    data_type: str = option("json", help="json or bson", pattern="^(json|bson)$")


class Range(Cursor):
    start: int
    end: int


class Records(Connector):
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.type = TYPES[settings.data_type]
        self.key = id_field(self.type)

    def get_info(self, request: p.GetInfoRequest) -> p.GetInfoResponse:
        source = {"supported_data_types": [self.type], "multi_namespace_plan": True, "default_plan": True}
        return p.GetInfoResponse(db_type="records", capabilities={"source": source})

    def get_namespace_metadata(self, request: p.GetNamespaceMetadataRequest) -> p.GetNamespaceMetadataResponse:
        return p.GetNamespaceMetadataResponse(count=self.settings.count)

    def generate_plan(self, request: p.GeneratePlanRequest) -> p.GeneratePlanResponse:
        count, parts = self.settings.count, min(self.settings.partitions, self.settings.count)
        bounds = [count * part // parts for part in range(parts + 1)]
        ranges = [Range(start=start, end=end) for start, end in pairwise(bounds)]
        return p.GeneratePlanResponse(
            partitions=[p.Partition(namespace="records", cursor=part.encode()) for part in ranges]
        )

    def list_data(self, request: p.ListDataRequest) -> p.ListDataResponse:
        check_data_type(request.type, [self.type])
        here = Range.decode(request.cursor or request.partition.cursor)
        end = min(here.start + self.settings.page_size, here.end)
        rest = Range(start=end, end=here.end).encode() if end < here.end else b""
        return p.ListDataResponse(
            data=[encode(record(number, self.key), self.type) for number in range(here.start, end)],
            next_cursor=rest,
        )


CONNECTOR = RegisteredConnector("records", Settings, Records, "records://", schemes=("records",))
