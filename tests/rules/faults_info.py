"""Connectors whose declarations are wrong."""

from itertools import count
from uuid import uuid4

from dsync_kit.errors import Unavailable, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DATA_TYPE_UNKNOWN,
    Capabilities,
    GetInfoRequest,
    GetInfoResponse,
    ListDataRequest,
    WriteDataRequest,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("info/answers")
class EndsWithTheFirstDelete(Reference):
    """A delete raises an exception that nobody catches, and the process ends; nothing answers any more."""

    ended = False

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        if self.ended:
            raise Unavailable("connection refused")
        return super().get_info(request)

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.ended = True
        raise Unavailable("Socket closed")


@broken("info/db-type")
class NoDbType(Reference):
    """The field is easy to overlook: nothing in the connector itself needs it."""

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        info = super().get_info(request)
        info.ClearField("db_type")
        return info


@broken("info/capabilities")
class EmptyCapabilities(Reference):
    """GetInfo is filled in before there is anything to declare, and then forgotten."""

    def capabilities(self) -> Capabilities:
        return Capabilities()


@broken("info/capabilities")
class SinkWithoutTypes(Reference):
    """The message is present, but without the types that it needs."""

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink()


@broken("info/capabilities")
class TypesOfTheWholeEnum(Reference):
    """The types are made by a loop over the enum, of which 0 is a member."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_UNKNOWN, DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID]
        return source


@broken("info/stable", "special input")
class IdOfTheContents(Reference):
    """The id is a checksum of the contents, so that it differs for different data."""

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        info = super().get_info(request)
        info.id = f"{info.id}-{self.store.end}"
        return info


@broken("info/stable")
class IdOfEachCall(Reference):
    """A new UUID in place of the id of the data: no flow ever resumes."""

    def identity(self) -> str:
        return uuid4().hex


@broken("info/stable")
class TypesInAnyOrder(Reference):
    """The types come from a set, and dsync uses the first suitable one: the encoding differs between runs."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.asked = count()

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        types = list(source.supported_data_types)
        del source.supported_data_types[:]
        source.supported_data_types.extend(types if next(self.asked) % 2 else types[::-1])
        return source


@broken("info/id-of-data")
class IdOfEachInstance(Reference):
    """A UUID made in the constructor: the id of the process, not of the data."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.made = uuid4().hex

    def identity(self) -> str:
        return self.made


@broken("info/declared-source")
class ListingNotImplemented(Reference):
    """A sink that is also declared as a source."""

    def list_data(self, request: ListDataRequest) -> None:
        raise Unimplemented("reading is not supported yet")


@broken("info/declared-sink")
class SourceDeclaredAsSink(Reference):
    """Capabilities copied from an example that was both."""

    def write_data(self, request: WriteDataRequest) -> None:
        raise NotImplementedError

    def write_updates(self, request: WriteUpdatesRequest) -> None:
        raise NotImplementedError


@broken("info/undeclared-source")
class SourceForgotten(Reference):
    """The source was added, but not to the capabilities: dsync does not offer it."""

    def capabilities(self) -> Capabilities:
        return Capabilities(sink=self.sink_capabilities())


@broken("info/undeclared-sink")
class SinkForgotten(Reference):
    """The sink was added, but not to the capabilities; nobody can tell what may be written to."""

    def capabilities(self) -> Capabilities:
        return Capabilities(source=self.source_capabilities())


@broken("info/undeclared-get-by-ids")
class GetByIdsForgotten(Reference):
    """GetByIds answers, but GetInfo denies it."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.get_by_ids = False
        return source
