"""A sink that decodes documents, counts them, and keeps nothing."""

import sys
import threading

from dsync_kit import protocol as p
from dsync_kit.connector import Connector
from dsync_kit.documents import decode
from dsync_kit.incoming import check_data_type
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings

TYPES = [p.DATA_TYPE_JSON_ID, p.DATA_TYPE_MONGO_BSON]


class Counter(Connector):
    def __init__(self, settings: ConnectorSettings) -> None:
        self.received = 0
        self.lock = threading.Lock()

    def get_info(self, request: p.GetInfoRequest) -> p.GetInfoResponse:
        return p.GetInfoResponse(db_type="counter", capabilities={"sink": {"supported_data_types": TYPES}})

    def write_data(self, request: p.WriteDataRequest) -> p.WriteDataResponse:
        check_data_type(request.type, TYPES)
        decoded = [decode(data, request.type) for data in request.data]
        with self.lock:
            self.received += len(decoded)
        return p.WriteDataResponse()

    def teardown(self) -> None:
        print(f"received {self.received}", file=sys.stderr)


CONNECTOR = RegisteredConnector("counter", ConnectorSettings, Counter, "counter://", schemes=("counter",))
