"""A sink that accepts everything and keeps nothing; `--log-json` shows what it received."""

import os
import random
import sys
import threading
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import orjson
from bson import json_util

from dsync_kit import __version__
from dsync_kit.connector import Connector
from dsync_kit.documents import decode, decode_id
from dsync_kit.errors import FinalError, InvalidArgument
from dsync_kit.incoming import check_data_type
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    BsonValue,
    Capabilities,
    DataType,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    Update,
    UpdateType,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.settings import ConnectorSettings, Duration, option

__all__ = ["NullConnector", "NullSettings"]

DATA_TYPES = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)


class NullSettings(ConnectorSettings):
    """The options of `/dev/null`."""

    id: str = option("", help="the id in GetInfo; without one, a flow into this sink cannot resume")
    sleep: Duration = option(timedelta(), help="a delay in each write", ge=timedelta())
    sleep_jitter: Duration = option(timedelta(), help="a random extra delay, up to this long", ge=timedelta())
    log_json: bool = option(False, help="print a JSON line for each document and update to standard output")


class NullConnector(Connector):
    """Accepts documents and updates, waits if an option says so, and forgets them."""

    def __init__(self, settings: NullSettings) -> None:
        self._settings = settings
        self._stopped = threading.Event()
        self._print_lock = threading.Lock()

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        sink = Capabilities.Sink(supported_data_types=DATA_TYPES)
        capabilities = Capabilities(sink=sink)
        return GetInfoResponse(id=self._settings.id, db_type="null", version=__version__, capabilities=capabilities)

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        return GetNamespaceMetadataResponse(count=0)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        check_data_type(request.type, DATA_TYPES)
        if self._settings.log_json:
            self._print(
                {"msg": "write-data", "i": i, "namespace": request.namespace, **_shown_data(data, request.type)}
                for i, data in enumerate(request.data)
            )
        self._sleep()
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        check_data_type(request.type, DATA_TYPES)
        if self._settings.log_json:
            self._print(
                {"msg": "write-updates", "i": i, "namespace": request.namespace, **_shown_update(update, request.type)}
                for i, update in enumerate(request.updates)
            )
        self._sleep()
        return WriteUpdatesResponse()

    def teardown(self) -> None:
        self._stopped.set()

    def _sleep(self) -> None:
        jitter = random.uniform(0, self._settings.sleep_jitter.total_seconds())
        self._stopped.wait(self._settings.sleep.total_seconds() + jitter)

    def _print(self, entries: Iterable[dict[str, Any]]) -> None:
        text = "".join(orjson.dumps(entry).decode() + "\n" for entry in entries)
        with self._print_lock:
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except BrokenPipeError:
                # Whoever read it has gone, as `head` does; what is left in the buffer must not fail again at the end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise FinalError("nobody reads standard output any more") from None


def _shown_update(update: Update, data_type: DataType) -> dict[str, Any]:
    known = update.type in UpdateType.values()
    shown: dict[str, Any] = {"type": UpdateType.Name(update.type) if known else update.type, **_shown_id(update.id)}
    if update.type != UPDATE_TYPE_DELETE:
        shown |= _shown_data(update.data, data_type)
    if update.partial_update_unset:
        shown["unset"] = list(update.partial_update_unset)
    return shown


def _shown_data(data: bytes, data_type: DataType) -> dict[str, Any]:
    """The document as `data`; malformed bytes as `data_base64`."""
    try:
        return {"data": _shown_document(data, data_type), "size": len(data)}
    except (InvalidArgument, RecursionError):
        return {"data_base64": b64encode(data).decode(), "size": len(data)}


def _shown_document(data: bytes, data_type: DataType) -> orjson.Fragment:
    document = decode(data, data_type)
    if data_type == DATA_TYPE_MONGO_BSON:
        return _extended_json(document)
    # As it came, for numbers that no float holds; a line break in JSON is always mere white space.
    return orjson.Fragment(data.replace(b"\n", b" ").replace(b"\r", b" "))


def _shown_id(parts: Sequence[BsonValue]) -> dict[str, Any]:
    """The id as `id`, a composite one as a list; a malformed one as `id_base64`, with its type codes."""
    try:
        values = [_extended_json(decode_id(part)) for part in parts]
        return {"id": values[0] if len(values) == 1 else values}
    except (InvalidArgument, RecursionError):
        return {"id_base64": [{"type": part.type, "data": b64encode(part.data).decode()} for part in parts]}


def _extended_json(value: object) -> orjson.Fragment:
    return orjson.Fragment(json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS))
