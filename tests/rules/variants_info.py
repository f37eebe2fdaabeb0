"""Connectors that declare less than the reference connector."""

from collections.abc import Iterator, Sequence
from typing import Any

import bson

from dsync_kit.connector import Connector, StreamContext
from dsync_kit.conversion import convert
from dsync_kit.errors import InvalidArgument, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    BsonValue,
    Capabilities,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    StreamLSNRequest,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    UpdatesPartition,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .altering import fill
from .fault import REFERENCE, SETTINGS, STORE, Variant, unusual_in

__all__ = ["VARIANTS", "NoUpdates"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector
_INT32 = 16


@unusual()
class NoIdInInfo(Reference):
    """It has no id, so no flow resumes."""

    def identity(self) -> str:
        return ""


@unusual()
class CountsNothing(Reference):
    """It cannot count: 0."""

    def count(self, namespace: str) -> int:
        return 0


class _Declared(Reference):
    """A connector that leaves a capability out."""

    without = ""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        if self.without:
            source.ClearField(self.without)
        return source


@unusual()
class NoLsn(_Declared):
    """No StreamLSN."""

    without = "lsn_stream"

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Any:
        raise Unimplemented("StreamLSN")


@unusual()
class NoGetByIds(_Declared):
    """No GetByIds."""

    without = "get_by_ids"

    def get_by_ids(self, request: GetByIdsRequest) -> Any:
        raise Unimplemented("GetByIds")


@unusual()
class NoDefaultPlan(_Declared):
    """Namespaces must be named."""

    without = "default_plan"

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if not request.namespaces:
            raise InvalidArgument("name a namespace")
        return super().generate_plan(request)


@unusual()
class OneNamespaceAPlan(_Declared):
    """A plan has one namespace."""

    without = "multi_namespace_plan"

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if len(request.namespaces) > 1:
            raise InvalidArgument("one namespace at a time")
        return super().generate_plan(request)


@unusual()
class NoUpdates(Reference):
    """It cannot stream: a plan has no updates partition."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.lsn_stream = False
        return source

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        return []

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Any:
        raise Unimplemented("StreamUpdates")

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Any:
        raise Unimplemented("StreamLSN")


@unusual()
class RefusesPlansOfUpdates(NoUpdates):
    """It cannot stream, and a plan with updates is UNIMPLEMENTED."""

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        raise Unimplemented("updates are not supported: use the initial sync alone")


@unusual()
class RefusesPlansWithoutACopy(RefusesPlansOfUpdates):
    """It can only copy: a plan without a copy is UNIMPLEMENTED, even one that asks for nothing."""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        if not request.initial_sync:
            raise Unimplemented("this store has no log of changes")
        return super().generate_plan(request)


@unusual()
class SourceOnly(Connector):
    """A source with fixed data, in three namespaces, that nobody can write to."""

    settings_type = SETTINGS.Settings

    def __init__(self, settings: Any, store: Any = None) -> None:
        self.settings = settings
        self.inner = Reference(settings, store or STORE.Store())
        if not self.inner.store.end:
            for namespace, count in (("fixed.few", 3), ("fixed.many", 450), ("fixed.one", 1)):
                fill(self.inner, namespace, count)

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        info = self.inner.get_info(request)
        info.capabilities.ClearField("sink")
        info.capabilities.source.lsn_stream = False
        info.capabilities.source.get_by_ids = False
        return info

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        return GetNamespaceMetadataResponse()

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if request.updates and not request.initial_sync:
            return REFERENCE.GeneratePlanResponse()
        request.updates = False
        return self.inner.generate_plan(request)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        return self.inner.list_data(request)

    def teardown(self) -> None:
        self.inner.teardown()


@unusual()
class FiniteSource(SourceOnly):
    """A source with fixed data, whose stream is empty, and ends."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        return self.inner.generate_plan(request)

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        self.inner.stream_start(request.cursor)
        yield StreamUpdatesResponse(next_cursor=request.cursor)


@unusual()
class LooksUpTypedNumbers(SourceOnly):
    """Its ids are 32-bit integers. Its lookups know the types of ids: in JSON, too, another type finds nothing."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        self.settings = settings
        self.inner = Reference(settings, store or STORE.Store())
        if not self.inner.store.end:
            documents = [bson.encode({"_id": number, "n": number}) for number in range(20)]
            self.inner.write_data(
                WriteDataRequest(namespace="fixed.numbers", data=documents, type=DATA_TYPE_MONGO_BSON)
            )

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        info = super().get_info(request)
        info.capabilities.source.get_by_ids = True
        return info

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        unnamed = ([BsonValue(data=part.data, type=part.type) for part in item.id] for item in request.ids)
        ids = [GetByIdsRequest.IdRequest(id=parts) for parts in unnamed]
        typed = GetByIdsRequest(namespace=request.namespace, ids=ids, type=DATA_TYPE_MONGO_BSON)
        items = self.inner.get_by_ids(typed).data
        found = (
            convert(item.data, DATA_TYPE_MONGO_BSON, request.type) if item.data and asked.id[0].type == _INT32 else b""
            for item, asked in zip(items, request.ids, strict=True)
        )
        return GetByIdsResponse(data=[GetByIdsResponse.ResponseItem(data=data) for data in found])


@unusual()
class TakesEverything(Connector):
    """A sink like /dev/null: it accepts anything."""

    settings_type = SETTINGS.Settings

    def __init__(self, settings: Any, store: Any = None) -> None:
        self.settings = settings

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        types = [DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID]
        sink = Capabilities.Sink(supported_data_types=types)
        return GetInfoResponse(id="null", db_type="null", capabilities=Capabilities(sink=sink))

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        return WriteUpdatesResponse()


@unusual()
class SinkOnly(Reference):
    """A sink that nobody can read: it lacks the source's methods."""

    def capabilities(self) -> Capabilities:
        return Capabilities(sink=self.sink_capabilities())

    generate_plan = Connector.generate_plan
    list_data = Connector.list_data
    stream_updates = Connector.stream_updates
    stream_lsn = Connector.stream_lsn
    get_by_ids = Connector.get_by_ids
    get_namespace_metadata = Connector.get_namespace_metadata
