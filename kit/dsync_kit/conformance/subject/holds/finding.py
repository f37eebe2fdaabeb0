"""Finds out what offered namespaces hold if nobody has declared it, by writing to them and reading back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.documents.finding.attempts import Answer
from dsync_kit.conformance.documents.finding.probing import Finding, probed
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.documents import decode, encode, id_field, same_document
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DataType

__all__ = ["FoundSchemas", "Namespace", "find"]

_LOOKED_AT = 200
"""The most existing documents from which a schema is inferred."""


@dataclass(frozen=True)
class FoundSchemas:
    """What was found out about one namespace, by data type."""

    by_type: Mapping[DataType, DocumentSchema]

    def of(self, data_type: DataType) -> DocumentSchema:
        """The schema of documents of one data type."""
        return self.by_type[data_type]


@dataclass(frozen=True)
class Namespace:
    """A namespace to probe. Without `read`, it cannot be read back. All its functions raise ConnectorError."""

    name: str
    write: Callable[[bytes], None]
    read: Callable[[], list[bytes]] | None
    remove: Callable[[Sequence[bytes]], None]
    settling: Settling = field(default_factory=lambda: Settling(0.0))


def find(namespace: Namespace, data_type: DataType, kinds: Sequence[str] = ()) -> Finding:
    """Find out what a namespace holds. The documents written for this are deleted, if the connector deletes.

    Raises ConnectorError if the connector cannot be reached.
    """
    written: list[bytes] = []
    strays: dict[bytes, bytes] = {}
    there = {document_key(document, data_type): document for document in _listed(namespace, data_type)}
    taken = Taken.of(there.values(), data_type)

    def attempt(document: Mapping[str, Any]) -> Answer:
        try:
            data = encode(dict(document), data_type)
            key = document_key(data, data_type)
        except InvalidArgument as error:
            return Answer(refusal=error.message)
        if document[id_field(data_type)] in taken:
            return Answer(refusal="a document with this id is there already")
        try:
            namespace.write(data)
        except ConnectorError as error:
            if error.retryable:
                raise
            return Answer(refusal=error.message or error.code.name)
        written.append(data)
        if namespace.read is None:
            return Answer(readable=False)
        namespace.settling.find_out(lambda: back(key) is not None)
        if (found := back(key)) is None:
            return Answer(moved=has_strays(document))
        return Answer(back=decode(found, data_type))

    def back(key: bytes) -> bytes | None:
        found = (listed for listed in _listed(namespace, data_type) if document_key(listed, data_type) == key)
        return next(found, None)

    def has_strays(document: Mapping[str, Any]) -> bool:
        """Note documents that have all the fields of a written one, but an id that the store has made from them."""
        before = len(strays)
        for listed in _listed(namespace, data_type):
            key, fields = document_key(listed, data_type), decode(listed, data_type)
            if key not in there and _same_fields(
                {**fields, id_field(data_type): document[id_field(data_type)]}, document, data_type
            ):
                strays[key] = listed
        return len(strays) > before

    try:
        existing = list(there.values())[:_LOOKED_AT]
        return probed(attempt, data_type, documents=existing, namespace=namespace.name, kinds=kinds, taken=taken)
    finally:
        listed = {document_key(document, data_type): document for document in _listed(namespace, data_type)}
        # An acknowledged but dropped document may have an id that the store can neither hold nor delete.
        held = [one for one in written if namespace.read is None or document_key(one, data_type) in listed]
        namespace.remove([*held, *strays.values()])
        for key, before in there.items():
            # A store that makes ids from other fields has confused a document of the kit with this one.
            if written and not (key in listed and same_document(listed[key], before, data_type)):
                namespace.write(before)


def _same_fields(one: Mapping[str, Any], other: Mapping[str, Any], data_type: DataType) -> bool:
    return same_document(encode(dict(one), data_type), encode(dict(other), data_type), data_type)


def _listed(namespace: Namespace, data_type: DataType) -> list[bytes]:
    """The listed documents, without anything else; empty if listing fails: the rules about listings report that."""
    try:
        listed = namespace.read() if namespace.read is not None else []
    except ConnectorError as error:
        if error.retryable:
            raise
        return []
    return [document for document in listed if _has_key(document, data_type)]


def _has_key(document: bytes, data_type: DataType) -> bool:
    try:
        document_key(document, data_type)
        decode(document, data_type)
    except InvalidArgument:
        return False
    return True
