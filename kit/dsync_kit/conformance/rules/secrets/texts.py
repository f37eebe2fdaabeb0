"""The values of secret settings appear nowhere but in the settings."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.outage import during_outage
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.results.outcome import KitError
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_INSERT,
    BsonValue,
    GeneratePlanRequest,
    GetByIdsRequest,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Partition,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["RULES"]

_SENTENCE = (
    "dsync shows and logs a connector's answers, above all its errors: a secret in an answer is no longer secret."
)
_NEEDS = (Need.SECRETS, Need.IN_PROCESS)
_LEAST = 4
"""The length from which a secret does not occur by chance."""

_SECONDS = 1.0


@rule(
    "secrets/info",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="id or spec contains the whole URI or all settings: use what identifies the data, and redact it",
    examples=0.04,
)
def info(case: Case) -> None:
    """GetInfo reveals no secret."""
    _expect_hidden(case, "GetInfo", str(case.api.get_info(GetInfoRequest())))


@rule(
    "secrets/plan",
    _SENTENCE,
    level=Level.SHOULD,
    needs=(*_NEEDS, Need.LISTING),
    hint="cursors carry the settings: dsync stores cursors",
    examples=0.04,
)
def plan(case: Case) -> None:
    """Neither the plan nor its cursors reveal a secret."""
    namespace, data_type, _ = case.listable(max_size=3)
    found = case.driver.plan([namespace], updates=case.found.streams)
    _expect_hidden(
        case, "the plan", str(found), *(partition.cursor.decode("latin-1") for partition in found.partitions)
    )
    for partition in found.partitions[:4]:
        _expect_hidden(case, "a page", case.driver.page(partition, data_type).next_cursor.decode("latin-1"))


@rule(
    "secrets/errors",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="the client library's message quotes the address with its password: pass it through settings.redact",
    examples=0.04,
)
def errors(case: Case) -> None:
    """No error message reveals a secret."""
    for name, call in _mistakes(case).items():
        try:
            call()
        except ConnectorError as error:
            _expect_hidden(case, f"the error of {name}", str(error))
    if not case.checks:
        raise case.decline("no error could be provoked")


@rule(
    "secrets/outage",
    _SENTENCE,
    level=Level.SHOULD,
    needs=(*_NEEDS, Need.OUTAGE),
    hint="the client library's error for a lost connection quotes its address: pass it through settings.redact",
    after=("secrets/errors", "faults/write-code", "faults/list-code"),
    examples=0.04,
)
def outage(case: Case) -> None:
    """No error message reveals a secret while the backend is unreachable."""
    name = case.subject.namespaces.beside("secrets")
    calls: dict[str, Callable[[], object]]
    if case.declared.is_sink:
        data_type = case.declared.sink_types[0]
        page = WriteDataRequest(namespace=name, data=case.numbered(1, data_type), type=data_type)
        calls = {"WriteData": lambda: case.api.write_data(page)}
    else:
        counting = GetNamespaceMetadataRequest(namespace=name)
        listing = ListDataRequest(partition=Partition(namespace=name), type=DATA_TYPE_MONGO_BSON)
        calls = {
            "GetNamespaceMetadata": lambda: case.api.get_namespace_metadata(counting),
            "GeneratePlan": lambda: case.driver.plan([name]),
            "ListData": lambda: case.api.list_data(listing),
        }
    for rpc, call in calls.items():
        if (error := during_outage(case, call).error) is not None:
            _expect_hidden(case, f"the error of {rpc} during an outage", str(error))


@rule(
    "secrets/text",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="a secret is plain text, so printing the connector or its settings shows it: use SecretStr",
    examples=0.04,
)
def text(case: Case) -> None:
    """Printing the connector or its settings reveals no secret."""
    for name, thing in (("connector", case.subject.target.connector), ("settings", case.subject.target.settings)):
        _expect_hidden(case, f"the text of the {name}", str(thing), repr(thing))


@rule(
    "secrets/logs",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="settings or addresses are logged unredacted",
    examples=0.04,
)
def logs(case: Case) -> None:
    """No log message of any level reveals a secret."""
    with _logged() as lines:
        case.api.get_info(GetInfoRequest())
        case.others.tear_down(case.others.create())
        for call in _mistakes(case).values():
            try:
                call()
            except ConnectorError:
                continue  # only what it logs counts here
    _expect_hidden(case, "the log", *lines)


def _expect_hidden(case: Case, what: str, *texts: str) -> None:
    settings = case.subject.target.settings
    if settings is None:
        raise KitError("the settings are not known")
    known = [secret for secret in settings.secrets() if len(secret) >= _LEAST]
    if not known:
        raise case.decline(f"its secrets are too short to search for: use one with at least {_LEAST} characters")
    shown = next((text for text in texts if any(secret in text for secret in known)), None)
    case.check(shown is None, f"{what} reveals a secret", expected="no secret", seen=settings.redact(shown or "")[:300])


def _mistakes(case: Case) -> dict[str, Callable[[], object]]:
    """Calls that a connector may refuse."""
    name, kind = case.subject.namespaces.beside("secrets"), DATA_TYPE_MONGO_BSON
    partition = Partition(namespace=name, cursor=b"\xff not a cursor")
    broken = Update(id=[BsonValue(data=b"raw", type=2)], type=UPDATE_TYPE_INSERT, data=b"not a document")

    def stream() -> None:
        with case.driver.stream_updates(b"\xff not a cursor", [name], kind) as reader:
            reader.next(_SECONDS)
            if reader.error is not None:
                raise reader.error

    return {
        "GetNamespaceMetadata": lambda: case.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=name)),
        "GeneratePlan": lambda: case.api.generate_plan(GeneratePlanRequest(namespaces=["", ".."], initial_sync=True)),
        "ListData": lambda: case.api.list_data(ListDataRequest(partition=partition, type=kind, cursor=b"\xff")),
        "WriteData": lambda: case.api.write_data(WriteDataRequest(namespace=name, data=[b"not a document"], type=kind)),
        "WriteData of no type": lambda: case.api.write_data(
            WriteDataRequest(namespace=name, data=[b"not a document"], type=DATA_TYPE_UNKNOWN)
        ),
        "WriteUpdates": lambda: case.api.write_updates(
            WriteUpdatesRequest(namespace=name, updates=[broken], type=kind)
        ),
        "GetByIds": lambda: case.api.get_by_ids(
            GetByIdsRequest(namespace=name, ids=[GetByIdsRequest.IdRequest(id=broken.id)], type=kind)
        ),
        "StreamUpdates": stream,
    }


@contextmanager
def _logged() -> Iterator[list[str]]:
    """The lines that any logger logs meanwhile."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, keep = logging.getLogger(), Keep()
    before = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(before)
        root.removeHandler(keep)


RULES = (info, plan, errors, outage, text, logs)
