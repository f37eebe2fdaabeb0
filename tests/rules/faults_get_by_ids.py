"""Connectors whose GetByIds returns other items than the requested ones."""

from typing import Any

from dsync_kit.documents import decode_id, encode_id, id_key
from dsync_kit.errors import NotFound
from dsync_kit.protocol import BsonValue, DataType, GetByIdsRequest, GetByIdsResponse

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("get-by-ids/answers")
class IdIsReadAsText(Reference):
    """The id's data is taken as raw text."""

    def get_by_ids(self, request: GetByIdsRequest) -> Any:
        for item in request.ids:
            for part in item.id:
                part.CopyFrom(encode_id(bytes(part.data).decode("latin-1"), part.name))
        return super().get_by_ids(request)


@broken("get-by-ids/answers", "special input")
class OnlyTextIdsAreFound(Reference):
    """Only ids that are texts are looked up."""

    def get_by_ids(self, request: GetByIdsRequest) -> Any:
        answer = super().get_by_ids(request)
        for item, asked in zip(answer.data, request.ids, strict=True):
            if asked.id[0].type != 2:
                item.data = b""
        return answer


class _Items(Reference):
    """A connector that returns other items."""

    def get_by_ids(self, request: GetByIdsRequest) -> Any:
        items = self.items(request, list(super().get_by_ids(request).data))
        return GetByIdsResponse(data=items)

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        return items


@broken("get-by-ids/order", "special input")
class ItemsAreInTheStoresOrder(_Items):
    """A query for a set of ids returns them in the order of the index."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        keyed = sorted(zip(request.ids, items, strict=True), key=lambda pair: id_key(pair[0].id))
        return [item for _, item in keyed]


@broken("get-by-ids/order", "special input")
class RepeatedIdsComeOnce(_Items):
    """A query for a set of ids returns each document once."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        return list({id_key(asked.id): item for asked, item in zip(request.ids, items, strict=True)}.values())


@broken("get-by-ids/order", "special input")
class MissingOnesComeLast(_Items):
    """Found documents first, then empty items for the rest."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        return sorted(items, key=lambda item: not item.data)


@broken("get-by-ids/missing", "special input")
class MissingOnesAreLeftOut(_Items):
    """Found documents, and nothing else."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        return [item for item in items if item.data]


@broken("get-by-ids/missing", "special input")
class MissingIsAnError(_Items):
    """NOT_FOUND for one missing document."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        if not all(item.data for item in items):
            raise NotFound("no such document")
        return items


@broken("get-by-ids/missing", "special input")
class MissingIsAnEmptyObject(_Items):
    """The encoding of nothing, in place of nothing."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        return [item if item.data else GetByIdsResponse.ResponseItem(data=b"\x05\0\0\0\0") for item in items]


@broken("get-by-ids/none", "special input")
class NoIdsMeansAll(_Items):
    """An empty filter finds everything."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        if request.ids:
            return items
        known = self.store.collection(request.namespace, request.type).documents.values()
        return [GetByIdsResponse.ResponseItem(data=stored.data) for stored in known]


@broken("get-by-ids/none", "special input")
class NoIdsIsAMalformedQuery(_Items):
    """`IN ()` is not valid SQL."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        if not request.ids:
            raise RuntimeError('syntax error at or near ")"')
        return items


@broken("get-by-ids/current", "special input")
class OldStateIsCached(_Items):
    """Lookups are cached."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.known: dict[tuple[str, DataType, bytes], bytes] = {}

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        keys = [(request.namespace, request.type, id_key(asked.id)) for asked in request.ids]
        data = [self.known.setdefault(key, item.data) for key, item in zip(keys, items, strict=True)]
        return [GetByIdsResponse.ResponseItem(data=item) for item in data]


@broken("get-by-ids/look-alikes", "special input")
class IdsAreComparedAsText(_Items):
    """An id's text is looked up, whatever its type."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        known: dict[str, bytes] = {}
        for document in self.store.collection(request.namespace, request.type).documents.values():
            known[str(decode_id(self.document_id(document.data, request.type)))] = document.data
        found = [known.get(str(decode_id(asked.id[0])), b"") for asked in request.ids]
        return [GetByIdsResponse.ResponseItem(data=data) for data in found]


@broken("get-by-ids/namespace", "special input")
class AllNamespacesAreSearched(Reference):
    """One table for all documents, looked up by id alone."""

    def found(self, namespace: str, data_type: DataType, position: bytes) -> bytes | None:
        found = [
            super(AllNamespacesAreSearched, self).found(name, data_type, position) for name in self.store.namespaces()
        ]
        return next((document for document in found if document is not None), None)


@broken("get-by-ids/many", "special input")
class ItemsBeyondAThousandAreEmpty(_Items):
    """The query accepts 1,000 ids; the others are not found."""

    def items(self, request: GetByIdsRequest, items: list[Any]) -> list[Any]:
        return [*items[:1000], *(GetByIdsResponse.ResponseItem() for _ in items[1000:])]


@broken("get-by-ids/bad-id", "special input")
class BadIdIsNotCaught(Reference):
    """An id that cannot be decoded raises an exception that nobody catches."""

    def get_by_ids(self, request: GetByIdsRequest) -> Any:
        for item in request.ids:
            self._decoded(item.id[0])
        return super().get_by_ids(request)

    def _decoded(self, part: BsonValue) -> None:
        if part.type == 2 and len(part.data) < 5:
            raise IndexError("index out of range")
