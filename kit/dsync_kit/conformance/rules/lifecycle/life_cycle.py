"""From creation to teardown, seen from inside the connector's process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsync_kit.bounds.patience import CALL_SECONDS, CallThread
from dsync_kit.client import GrpcClient
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import few_or_many
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, GetInfoRequest, Partition
from dsync_kit.server import ConnectorServer

__all__ = ["RULES"]

_THREAD_SECONDS = 5.0


@rule(
    "lifecycle/teardown-twice",
    "a remote connector gets no flush and no teardown",
    level=Level.SHOULD,
    needs=(Need.IN_PROCESS,),
    hint="teardown closes something twice",
)
def teardown_twice(case: Case) -> None:
    """A second teardown is harmless, and so is one before the connector has done anything."""
    used = case.others.create()
    case.others.driver_of(used).api.get_info(GetInfoRequest())
    for connector in (case.others.create(), used):
        for _ in range(2):
            case.others.tear_down(connector)
    case.checks += 1


@rule(
    "lifecycle/threads",
    "The stream ends promptly when cancelled",
    level=Level.SHOULD,
    needs=(Need.IN_PROCESS, Need.LISTING),
    examples=0.02,
    hint="teardown does not end a pool or a background thread",
)
def threads(case: Case) -> None:
    """After teardown the connector has no threads left."""
    before = _threads()
    connector = case.others.create()
    driver = case.others.driver_of(connector)
    namespace, data_type, expected = case.listable(max_size=3)
    driver.listing([namespace], data_type, expected=expected)
    if case.declared.is_sink and case.declared.loads:
        written = case.numbered(3, data_type)
        driver.write_data(namespace, written, data_type)
    case.others.tear_down(connector)
    deadline = time.monotonic() + _THREAD_SECONDS
    while (left := _threads() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    names = sorted(thread.name for thread in left)
    case.check(not left, "threads are left after teardown", expected="none", seen=names)


@rule(
    "lifecycle/connections",
    "Partition and update cursors are self-contained: they work on another instance of the connector, after a restart, "
    "and later",
    needs=(Need.LISTING, Need.CONNECTION),
    hint="the connector keeps state per connection, and a client that reconnects loses it",
    after=("info/stable", "list/complete", "list/repeatable", "plan/repeatable", "stream/resume", "stream/from-plan"),
    examples=0.1,
)
def connections(case: Case) -> None:
    """The id, a plan's partitions and its update cursor are valid over another connection."""
    other = case.others.connection()
    first, second = (api.get_info(GetInfoRequest()).id for api in (case.api, other.api))
    case.check(
        first == second,
        "GetInfo returns a different id over another connection",
        expected=repr(first),
        seen=repr(second),
    )
    namespace, data_type, expected = few_or_many(case)
    for partition in case.driver.partitions([namespace])[:4]:
        here = case.driver.list_partition(partition, data_type, expected=expected)
        there = other.list_partition(partition, data_type, expected=expected)
        Model.listed(data_type, here).check(there, what="the listing over another connection")
    if case.found.streams and case.declared.can_change and case.declared.loads:
        scene = Scene(case)
        scene.mark()
        scene.follow(driver=other).converge(scene.wanted(), what="a stream over another connection")


@rule(
    "lifecycle/over-grpc",
    "it must return the same documents again",
    needs=(Need.IN_PROCESS, Need.LISTING),
    hint="an answer depends on the caller's process: on its thread, or on a shared object",
    after=("list/repeatable", "info/stable", "errors/malformed-document", "errors/page-cursor", "write/read-back"),
    examples=0.16,
)
def over_grpc(case: Case) -> None:
    """Listings, writes and refusals are the same over gRPC as in this process."""
    namespace, data_type, expected = case.listable(max_size=10)
    page = case.page(data_type, min_size=1, small=True, label="written") if _writes(case) else []
    here = case.driver
    with _served(case.others.create()) as client:
        there = case.others.at(client, "over gRPC")
        for what, ask in _QUESTIONS.items():
            answers = [_answer(driver, ask, namespace, data_type) for driver in (here, there)]
            case.check(
                answers[0] == answers[1],
                f"{what} is answered differently over gRPC",
                expected=answers[0],
                seen=answers[1],
            )
        listed = [document for _, document in here.listing([namespace], data_type, expected=expected)]
        again = [document for _, document in there.listing([namespace], data_type, expected=expected)]
        Model.listed(data_type, listed).check(again, what="the listing over gRPC")
        if page and case.has_free_namespace:
            written = case.namespace()
            there.write_data(written, page, data_type)
            case.expect(written, Model(data_type, page), "the documents written over gRPC")


@contextmanager
def _served(connector: Connector) -> Iterator[GrpcClient]:
    """A client of a connector's server."""
    server = ConnectorServer(connector).start()
    try:
        with GrpcClient(server.address, insecure=True, timeout=CALL_SECONDS) as client:
            yield client
    finally:
        server.stop(grace=0)  # its only client is closed: nobody's next call may be on its way


def _threads() -> set[threading.Thread]:
    """All threads except those in which the kit makes its calls."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, CallThread)}


def _info(driver: Driver, _namespace: str, _data_type: DataType) -> object:
    return driver.api.get_info(GetInfoRequest())


def _list_from_nowhere(driver: Driver, namespace: str, data_type: DataType) -> None:
    driver.first_page(Partition(namespace=namespace, cursor=b"no cursor"), data_type)


def _write_no_document(driver: Driver, namespace: str, data_type: DataType) -> None:
    driver.write_data(namespace, [b"no document"], data_type)


_QUESTIONS: dict[str, Callable[[Driver, str, DataType], object]] = {
    "GetInfo": _info,
    "ListData with an invalid cursor": _list_from_nowhere,
    "WriteData of an invalid document": _write_no_document,
}


def _writes(case: Case) -> bool:
    return case.declared.is_sink and case.declared.loads


def _answer(
    driver: Driver, ask: Callable[[Driver, str, DataType], object], namespace: str, data_type: DataType
) -> object:
    """What must be the same either way: the answer, or the status code."""
    try:
        return ask(driver, namespace, data_type)
    except ConnectorError as error:
        return error.code.name


RULES = (teardown_twice, threads, connections, over_grpc)
