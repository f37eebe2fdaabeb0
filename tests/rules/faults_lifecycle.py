"""Connectors that do not end well, or depend on the process that calls them."""

import threading
import time
from typing import Any
from uuid import uuid4

from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetInfoRequest,
    ListDataRequest,
    WriteDataRequest,
    WriteDataResponse,
)

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("lifecycle/teardown-twice")
class TeardownTwiceFails(Reference):
    """Closed things are closed again."""

    torn_down = False

    def teardown(self) -> None:
        if self.torn_down:
            raise RuntimeError("the client is closed")
        self.torn_down = True
        super().teardown()


@broken("lifecycle/teardown-twice", "special input")
class TeardownNeedsACall(Reference):
    """The first call creates the client, and teardown relies on it."""

    client: Any = None

    def get_info(self, request: GetInfoRequest) -> Any:
        self.client = self.client or object()
        return super().get_info(request)

    def teardown(self) -> None:
        if self.client is None:
            raise AttributeError("'NoneType' object has no attribute 'close'")
        super().teardown()


@broken("lifecycle/threads")
class ThreadIsLeft(Reference):
    """A thread keeps a connection alive, and is never stopped."""

    started = False

    def list_data(self, request: ListDataRequest) -> Any:
        if not self.started:
            self.started = True
            threading.Thread(target=time.sleep, args=(20,), daemon=True, name="keep-alive").start()
        return super().list_data(request)


@broken("lifecycle/connections", where="connections")
class IdOfTheConnection(Reference):
    """The id is made when somebody connects."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.id = uuid4().hex

    def get_info(self, request: GetInfoRequest) -> Any:
        info = super().get_info(request)
        info.id = self.id
        return info


@broken("lifecycle/connections", "special input", where="connections")
class PlansOfTheConnection(Reference):
    """A plan lives in the session that requested it, and another session does not find it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.planned: set[bytes] = set()

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        plan = super().generate_plan(request)
        self.planned.update(partition.cursor for partition in plan.partitions)
        return plan

    def list_data(self, request: ListDataRequest) -> Any:
        if request.partition.cursor not in self.planned:
            raise InvalidArgument("there is no such scroll")
        return super().list_data(request)


@broken("lifecycle/over-grpc", "special input")
class OneThreadOnly(Reference):
    """An object of the thread that created the connector: SQLite's, or an event loop's."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.thread = threading.get_ident()

    def list_data(self, request: ListDataRequest) -> Any:
        if threading.get_ident() != self.thread:
            raise RuntimeError("objects created in a thread can only be used in that same thread")
        return super().list_data(request)


@broken("lifecycle/over-grpc", "special input")
class InfoOfTheThread(Reference):
    """Each thread has its own connection, and only the thread that opened it knows its version."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.local = threading.local()
        self.local.version = "1"

    def get_info(self, request: GetInfoRequest) -> Any:
        info = super().get_info(request)
        info.version = getattr(self.local, "version", "")
        return info


@broken("lifecycle/over-grpc", "special input")
class TransactionOfTheThread(Reference):
    """Each thread has its own transaction, which only a read in that thread commits."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.local = threading.local()

    def write_data(self, request: WriteDataRequest) -> Any:
        self.local.pages = [*getattr(self.local, "pages", ()), request]
        return WriteDataResponse()

    def list_data(self, request: ListDataRequest) -> Any:
        for page in getattr(self.local, "pages", ()):
            super().write_data(page)
        self.local.pages = []
        return super().list_data(request)
