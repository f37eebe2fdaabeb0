"""A row of another tool's file, and the document made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.errors import BSONError

from dsync_kit.conversion import convert
from dsync_kit.documents import CODEC_OPTIONS, decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.extended import parse_extended
from dsync_kit.incoming import check_document
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

__all__ = ["BadRow", "Row", "row_document"]


class BadRow(Exception):
    """A row that cannot be read; `line` is where it begins, from 1. The rows after it can be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line that it begins in, from 1, and what it holds. In a file without lines `line` is its number."""

    line: int
    text: bytes = b""
    """An object's JSON text, or a BSON document, as `data_type` says."""
    data_type: DataType | None = None
    """None for a row that is given as `fields`."""
    fields: Mapping[str, Any] = field(default_factory=dict)


def row_document(row: Row, wanted: DataType, *, id_field: str | None, place: Callable[[], str]) -> bytes:
    """The row as a document of the type that is wanted.

    Its id is `id_field`, or else `_id`, or `id`, or else `place`, which says where it is. Raises InvalidArgument for a
    row that is no such document, and if the id's field is missing.
    """
    if row.data_type == DATA_TYPE_JSON_ID and wanted == DATA_TYPE_JSON_ID and id_field in (None, "id"):
        value = decode(row.text, wanted)
        if value.get("id") is not None and "_id" not in value and not isinstance(value["id"], list):
            check_document(row.text, wanted)
            return row.text  # as it is, with numbers that no other form could hold
    if row.data_type == DATA_TYPE_MONGO_BSON and wanted == DATA_TYPE_MONGO_BSON and id_field in (None, "_id"):
        check_document(row.text, wanted)
        return row.text
    document = _with_id(_values(row), id_field, place)
    try:
        data = bson.encode(document, codec_options=CODEC_OPTIONS)
    except (BSONError, OverflowError, TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"cannot be a document: {error}") from error
    check_document(data, DATA_TYPE_MONGO_BSON)
    if wanted == DATA_TYPE_MONGO_BSON:
        return data
    return convert(data, DATA_TYPE_MONGO_BSON, wanted)


def _values(row: Row) -> dict[str, Any]:
    if row.data_type is None:
        return dict(row.fields)
    if row.data_type == DATA_TYPE_MONGO_BSON:
        return decode(row.text, DATA_TYPE_MONGO_BSON)
    return parse_extended(row.text)


def _with_id(values: dict[str, Any], id_field: str | None, place: Callable[[], str]) -> dict[str, Any]:
    """The fields with `_id` first. A field `id` that is the id is renamed, any other stays beside it."""
    source = id_field or next((name for name in ("_id", "id") if values.get(name) is not None), None)
    if source is None:
        return {"_id": place(), **{name: value for name, value in values.items() if name not in ("_id", "id")}}
    found = values.get(source)
    if found is None:
        raise InvalidArgument(f"it has no {source!r}, which --id-field names")
    if isinstance(found, list):
        raise InvalidArgument(f"its id, {source!r}, is an array")
    if source != "_id" and values.get("_id") is not None:
        raise InvalidArgument(f"it has an '_id' beside its id, {source!r}")
    renamed = {"_id", source} if source == "id" else {"_id"}
    return {"_id": found, **{name: value for name, value in values.items() if name not in renamed}}
