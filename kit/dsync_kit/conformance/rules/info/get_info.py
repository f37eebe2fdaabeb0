"""GetInfo: what a connector declares, and whether it does that and nothing else."""

from collections.abc import Callable

from grpc import StatusCode

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    DATA_TYPE_UNKNOWN,
    Capabilities,
    DataType,
    GeneratePlanRequest,
    GetByIdsRequest,
    GetInfoRequest,
    GetInfoResponse,
    ListDataRequest,
    Partition,
    StreamUpdatesRequest,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["RULES"]


@rule(
    "info/answers",
    "an uncaught exception reaches dsync as UNKNOWN, which is final",
    hint="a call ends the connector's process: see its log",
    examples=0.02,
)
def answers(case: Case) -> None:
    """The connector still answers after the first documents of each type were written and deleted."""
    case.checks += 1
    if not case.subject.liveness.answers():
        raise Violation.silence("no answer to GetInfo either")


@rule(
    "info/db-type",
    "`db_type` is not empty.",
    hint="GetInfo leaves db_type out",
)
def db_type(case: Case) -> None:
    """GetInfo names the type of the data system."""
    answer = case.api.get_info(GetInfoRequest())
    case.check(
        bool(answer.db_type), "GetInfo has no db_type", expected="a non-empty db_type", seen=repr(answer.db_type)
    )


@rule(
    "info/capabilities",
    "The connector is a source, a sink or both; each names at least one data type, and never DATA_TYPE_UNKNOWN.",
    hint="the capabilities are left empty, or the types are taken from the whole enum",
)
def capabilities(case: Case) -> None:
    """The connector declares a source or a sink, each with the data types that it handles."""
    answer = case.api.get_info(GetInfoRequest()).capabilities
    declared = [(name, getattr(answer, name)) for name in ("source", "sink") if answer.HasField(name)]
    case.check(
        bool(declared), "neither a source nor a sink is declared", expected="at least one of the two", seen=answer
    )
    known = {number for number in DataType.values() if number != DATA_TYPE_UNKNOWN}
    for name, side in declared:
        types = list(side.supported_data_types)
        case.check(bool(types), f"the {name} names no data type", expected="at least one data type", seen=types)
        strange = [kind for kind in types if kind not in known]
        case.check(
            not strange,
            f"the {name} lists an unusable data type",
            expected="MONGO_BSON (1) or JSON_ID (2)",
            seen=types,
        )


@rule(
    "info/stable",
    "`id` … must be the same after a restart, and different for different data.",
    hint="each call makes a new id, for example a random one",
)
def stable(case: Case) -> None:
    """GetInfo gives the same answer every time, even after documents were written."""
    first = _comparable(case.api.get_info(GetInfoRequest()))
    for write in (False, True) if case.declared.loads else (False,):
        if write:
            case.loaded(min_size=1, small=True)
        again = _comparable(case.api.get_info(GetInfoRequest()))
        case.check(first == again, "two GetInfo calls get different answers", expected=first, seen=again)


def _comparable(info: GetInfoResponse) -> GetInfoResponse:
    """The answer with the sink's types sorted: only the order of the source's types matters."""
    if info.capabilities.HasField("sink"):
        types = sorted(info.capabilities.sink.supported_data_types)
        info.capabilities.sink.CopyFrom(Capabilities.Sink(supported_data_types=types))
    return info


@rule(
    "info/id-of-data",
    "`id` … must be the same after a restart, and different for different data.",
    needs=(Need.ELSEWHERE,),
    hint="each instance makes a new id, instead of deriving it from what identifies the data",
    after=("info/stable",),
)
def id_of_data(case: Case) -> None:
    """Another instance on the same data has the same id, or none."""
    first = case.api.get_info(GetInfoRequest()).id
    second = case.others.elsewhere().api.get_info(GetInfoRequest()).id
    case.check(
        first == second, "another instance on the same data has a different id", expected=repr(first), seen=repr(second)
    )


def _answer(call: Callable[[], object]) -> StatusCode:
    try:
        call()
    except ConnectorError as error:
        return error.code
    return StatusCode.OK


@rule(
    "info/declared-source",
    "The connector is a source, a sink or both",
    needs=(Need.SOURCE,),
    hint="the source is declared, but its methods are missing",
)
def declared_source(case: Case) -> None:
    """A declared source implements GeneratePlan and, unless it can only be streamed, ListData."""
    namespaces = case.subject.existing()[:1] or (case.namespace(),)
    data_type = case.declared.source_types[0] if case.declared.source_types else DATA_TYPE_MONGO_BSON
    copies = not case.declared.only_streams or _plans_a_copy(case)
    plan = GeneratePlanRequest(namespaces=namespaces, initial_sync=copies, updates=not copies)
    calls: dict[str, Callable[[], object]] = {
        "GeneratePlan": lambda: case.api.generate_plan(plan),
        "ListData": lambda: case.api.list_data(
            ListDataRequest(partition=Partition(namespace=namespaces[0]), type=data_type)
        ),
    }
    if not copies:
        del calls["ListData"]
    _expect_implemented(case, "source", calls)


def _plans_a_copy(case: Case) -> bool:
    """Whether a plan of a namespace with documents has partitions after all."""
    if not case.declared.loads:
        return False
    namespace, _ = case.loaded(min_size=1, small=True)
    try:
        return bool(case.driver.plan([namespace], initial_sync=True).partitions)
    except ConnectorError:
        return False


@rule(
    "info/declared-sink",
    "The connector is a source, a sink or both",
    needs=(Need.SINK,),
    hint="the sink is declared, but its methods are missing",
)
def declared_sink(case: Case) -> None:
    """A declared sink implements WriteData, and WriteUpdates unless it only copies."""
    namespace = case.namespace()
    data_type = case.declared.sink_types[0] if case.declared.sink_types else DATA_TYPE_MONGO_BSON
    calls: dict[str, Callable[[], object]] = {
        "WriteData": lambda: case.api.write_data(WriteDataRequest(namespace=namespace, type=data_type)),
        "WriteUpdates": lambda: case.api.write_updates(WriteUpdatesRequest(namespace=namespace, type=data_type)),
    }
    if case.found.copies_only:
        del calls["WriteUpdates"]
    _expect_implemented(case, "sink", calls)


@rule(
    "info/undeclared-source",
    "an unsupported request must carry UNIMPLEMENTED",
    level=Level.SHOULD,
    needs=(Need.NO_SOURCE,),
    hint="a method of a source answers although no source is declared: declare it, or leave the method out",
    after=("info/capabilities",),
)
def undeclared_source(case: Case) -> None:
    """Without a declared source, GeneratePlan, ListData and StreamUpdates answer UNIMPLEMENTED."""
    partition = Partition(namespace="dsynckit.undeclared")
    kind = DATA_TYPE_MONGO_BSON
    _expect_unimplemented(
        case,
        "source",
        {
            "GeneratePlan": lambda: case.api.generate_plan(GeneratePlanRequest(initial_sync=True)),
            "ListData": lambda: case.api.list_data(ListDataRequest(partition=partition, type=kind)),
            "StreamUpdates": lambda: _first(case, StreamUpdatesRequest(type=kind)),
        },
    )


@rule(
    "info/undeclared-sink",
    "an unsupported request must carry UNIMPLEMENTED",
    level=Level.SHOULD,
    needs=(Need.NO_SINK,),
    hint="a method of a sink answers although no sink is declared: declare it, or leave the method out",
    after=("info/capabilities",),
)
def undeclared_sink(case: Case) -> None:
    """Without a declared sink, WriteData and WriteUpdates answer UNIMPLEMENTED."""
    name, kind = "dsynckit.undeclared", DATA_TYPE_MONGO_BSON
    _expect_unimplemented(
        case,
        "sink",
        {
            "WriteData": lambda: case.api.write_data(WriteDataRequest(namespace=name, type=kind)),
            "WriteUpdates": lambda: case.api.write_updates(WriteUpdatesRequest(namespace=name, type=kind)),
        },
    )


@rule(
    "info/undeclared-get-by-ids",
    "an unsupported request must carry UNIMPLEMENTED",
    level=Level.SHOULD,
    needs=(Need.NO_GET_BY_IDS,),
    hint="GetByIds answers although get_by_ids is false: declare it",
    after=("info/capabilities",),
)
def undeclared_get_by_ids(case: Case) -> None:
    """Without get_by_ids, GetByIds answers UNIMPLEMENTED."""
    request = GetByIdsRequest(namespace="dsynckit.undeclared", type=DATA_TYPE_MONGO_BSON)
    _expect_unimplemented(case, "get_by_ids", {"GetByIds": lambda: case.api.get_by_ids(request)})


def _first(case: Case, request: StreamUpdatesRequest) -> None:
    """Read a stream until its first message or its end; a stream that stays silent for a while counts as an answer."""
    with case.driver.stream_updates(request.cursor, request.namespaces, request.type) as stream:
        if stream.next(2.0) is None and stream.error is not None:
            raise stream.error


def _expect_implemented(case: Case, what: str, calls: dict[str, Callable[[], object]]) -> None:
    for name, call in calls.items():
        code = _answer(call)
        case.check(
            code is not StatusCode.UNIMPLEMENTED,
            f"a {what} is declared, but {name} is not implemented",
            expected="any other status",
            seen=code.name,
        )


def _expect_unimplemented(case: Case, what: str, calls: dict[str, Callable[[], object]]) -> None:
    for name, call in calls.items():
        code = _answer(call)
        case.check(
            code is StatusCode.UNIMPLEMENTED,
            f"{what} is not declared, but {name} answers",
            expected="UNIMPLEMENTED",
            seen=code.name,
        )


RULES = (
    answers,
    db_type,
    capabilities,
    stable,
    id_of_data,
    declared_source,
    declared_sink,
    undeclared_source,
    undeclared_sink,
    undeclared_get_by_ids,
)
