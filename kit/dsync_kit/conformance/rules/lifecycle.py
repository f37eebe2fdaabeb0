"""From creation to teardown: what a connector's process relies on, seen from inside it."""

import threading
import time

from dsync_kit.client import GrpcClient, LocalClient
from dsync_kit.conformance.case import Case
from dsync_kit.conformance.driver import Driver
from dsync_kit.conformance.model import Model
from dsync_kit.conformance.outcome import Violation
from dsync_kit.conformance.rule import Level, Need, rule
from dsync_kit.protocol import GetInfoRequest
from dsync_kit.server import ConnectorServer

__all__ = ["RULES"]

_THREAD_SECONDS = 5.0


@rule(
    "lifecycle/teardown-twice",
    "a remote connector gets no flush and no teardown",
    level=Level.SHOULD,
    needs=(Need.IN_PROCESS,),
    hint="teardown closes what is closed already",
)
def teardown_twice(case: Case) -> None:
    """Tearing a connector down a second time, or before it has done anything, is harmless."""
    used = case.create()
    LocalClient(used).get_info(GetInfoRequest())
    for connector in (case.create(), used):
        for _ in range(2):
            try:
                connector.teardown()
            except Exception as error:
                raise Violation(
                    "teardown fails", expected="nothing", seen=f"{type(error).__name__}: {error}"
                ) from error
    case.checks += 1


@rule(
    "lifecycle/threads",
    "Ends promptly when cancelled",
    level=Level.SHOULD,
    needs=(Need.IN_PROCESS, Need.LISTING),
    hint="a pool or a background thread is not ended by teardown",
)
def threads(case: Case) -> None:
    """After teardown no thread of the connector is left."""
    before = set(threading.enumerate())
    connector = case.create()
    driver = Driver(case.recorder.other(LocalClient(connector), "another instance"))
    namespace, data_type, expected = case.listable(max_size=3)
    driver.listing([namespace], data_type, expected=expected)
    if case.subject.is_sink and case.subject.loads:
        driver.write_data(namespace, case.numbered(3, data_type), data_type)
    connector.teardown()
    deadline = time.monotonic() + _THREAD_SECONDS
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    names = sorted(thread.name for thread in left)
    case.check(not left, "threads are left after teardown", expected="none", seen=names)


@rule(
    "lifecycle/over-grpc",
    "it must be readable again, with the same documents",
    needs=(Need.IN_PROCESS, Need.LISTING),
    hint="an answer depends on being called in the same process: on the thread, or on an object that is shared",
    after=(
        "list/repeatable",
        "info/stable",
    ),
    examples=0.3,
)
def over_grpc(case: Case) -> None:
    """Over gRPC the connector answers as it does in this process."""
    namespace, data_type, expected = case.listable(max_size=10)
    here = case.driver.api.get_info(GetInfoRequest())
    listed = [document for _, document in case.driver.listing([namespace], data_type, expected=expected)]
    with ConnectorServer(case.create()) as server, GrpcClient(server.address, insecure=True) as client:
        driver = Driver(case.recorder.other(client, "over gRPC"))
        there = driver.api.get_info(GetInfoRequest())
        case.check(there == here, "GetInfo answers otherwise over gRPC", expected=here, seen=there)
        again = [document for _, document in driver.listing([namespace], data_type, expected=expected)]
        Model.listed(data_type, listed).check(again, what="the listing over gRPC")


RULES = (teardown_twice, threads, over_grpc)
