"""Connectors that misread or refuse a document because of its form."""

import json
import re
from typing import Any

from dsync_kit.documents import decode, encode_id, id_field
from dsync_kit.errors import InvalidArgument
from dsync_kit.incoming import check_document
from dsync_kit.protocol import DATA_TYPE_JSON_ID, BsonValue, DataType

from .altering import Altering, read_document
from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("wire/field-order", "special input")
class FirstFieldIsTheId(Reference):
    """The first column is taken as the key, as in a CSV file: {n: 1, _id: "a"} is stored under 1."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        check_document(document, data_type)
        return encode_id(next(iter(decode(document, data_type).values())), id_field(data_type))


@broken("wire/field-order", "special input")
class IdMustComeFirst(Reference):
    """A streaming parser reads the key, then the rest: a document that begins with another field is refused."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        part = check_document(document, data_type)
        if next(iter(decode(document, data_type))) != id_field(data_type):
            raise InvalidArgument("a document begins with its id")
        return part


@broken("wire/field-order", "special input")
class ValuesByTheirPlace(Altering):
    """INSERT INTO t VALUES (…) without names: the order is that of the first document with these fields."""

    def altered(self, change: Any, data_type: DataType) -> Any:
        if change.update.data:
            known = self.__dict__.setdefault("orders", {})
            document = read_document(change.update.data, data_type)
            order = known.setdefault(frozenset(document), list(document))
            values = dict(zip(order, document.values(), strict=True))
            self.now = {name: value for name, value in values.items() if name != id_field(data_type)}
        return super().altered(change, data_type)

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return self.now


class _Json(Reference):
    """An incomplete JSON parser."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        if data_type == DATA_TYPE_JSON_ID:
            check_document(document, data_type)
            document = self.parsed(document)
        return super().document_id(document, data_type)

    def insertion(self, document: bytes, data_type: DataType) -> Any:
        return super().insertion(self.parsed(document) if data_type == DATA_TYPE_JSON_ID else document, data_type)

    def parsed(self, document: bytes) -> bytes:
        return document


@broken("wire/json-spelling", "special input")
class PairsOfEscapesBecomeTwoSigns(_Json):
    """Each half of a character beyond the first 65,536 is a character: two question marks."""

    def parsed(self, document: bytes) -> bytes:
        return re.sub(rb"(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", b"??", document)


@broken("wire/json-spelling", "special input")
class PairsOfEscapesAreRefused(_Json):
    """A parser that knows only the first 65,536 characters."""

    def parsed(self, document: bytes) -> bytes:
        if re.search(rb"(?i)\\ud[89ab]", document):
            raise InvalidArgument("invalid escape")
        return document


@broken("wire/json-spelling", "special input")
class EscapedSlashStays(_Json):
    """An escape that few writers use: the backslash stays in the text."""

    def parsed(self, document: bytes) -> bytes:
        return document.replace(rb"\/", rb"\\/")


@broken("wire/json-spelling", "special input")
class IdIsFoundByAPattern(_Json):
    """The id is cut out of the text: `"id":` is missing if a space follows, or a letter is escaped."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        if data_type == DATA_TYPE_JSON_ID and b'"id":' not in document:
            check_document(document, data_type)
            raise InvalidArgument("the document has no id")
        return super().document_id(document, data_type)


@broken("wire/json-spelling", "special input")
class LinesAreDocuments(_Json):
    """Documents are stored as lines of a file: one with line breaks is cut at the first."""

    def parsed(self, document: bytes) -> bytes:
        if b"\n" in document.strip() or document != document.strip():
            raise InvalidArgument("a line is no JSON")
        return document


@broken("wire/json-spelling", "special input")
class ExponentsAreText(_Json):
    """A pattern for numbers without exponents."""

    def parsed(self, document: bytes) -> bytes:
        found = json.loads(document, parse_float=lambda text: text if "e" in text.lower() else float(text))
        return json.dumps(found, ensure_ascii=False).encode()
