"""What has changed in a document, and so which encoding rule is to blame."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bson
from bson import DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.schema.fitting import kind_of_value, show_value
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.damage import conversion_of, damage_of
from dsync_kit.documents import CODEC_OPTIONS, decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["Change", "change_of"]

_BSON_OWNERS: dict[type, Owner] = {
    str: Owner.BSON_TEXT,
    int: Owner.BSON_INT32,
    Int64: Owner.BSON_INT64,
    float: Owner.BSON_DOUBLE,
    bool: Owner.BSON_BOOLEAN,
    type(None): Owner.BSON_NULL,
    ObjectId: Owner.BSON_OBJECT_ID,
    datetime: Owner.BSON_DATE,
    DatetimeMS: Owner.BSON_DATE,
    bytes: Owner.BSON_BINARY,
    bson.Binary: Owner.BSON_BINARY,
    Decimal128: Owner.BSON_DECIMAL,
}
_JSON_OWNERS: dict[type, Owner] = {
    str: Owner.JSON_TEXT,
    int: Owner.JSON_NUMBERS,
    float: Owner.JSON_NUMBERS,
    bool: Owner.JSON_LITERALS,
}
_MISSING = object()

_FEW = 3
"""So many names of fields are shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """The first change in a document.

    `owner` is the rule about it, empty if no rule is only about that. `shown` is the change with its values.
    `description` says in words what became of the value, if that is clear; else it is empty. `converted`
    are its kinds before and after, if neither is an array or a document.
    """

    owner: str = ""
    description: str = ""
    shown: str = ""
    converted: tuple[str, ...] = ()


def change_of(written: bytes | None, found: bytes | None, data_type: DataType) -> Change:
    """The first change in a document; nothing if one of the two is missing, or not a document."""
    if not written or not found:
        return Change()
    try:
        return _change(decode(written, data_type), decode(found, data_type), data_type, "")
    except InvalidArgument:
        return Change()


def _change(written: Any, found: Any, data_type: DataType, path: str) -> Change:
    if isinstance(written, dict) and isinstance(found, dict) and written:
        return _change_of_field(written, found, data_type, path)
    if isinstance(written, list) and isinstance(found, list) and written:
        if len(written) != len(found):
            owner = _rule(None, data_type) if None in written and None not in found else Owner.ARRAY_ORDER
            description = f"{path}: an array of {len(written)} comes back as an array of {len(found)}"
            return Change(owner, description, _shown(written, found, data_type, path))
        if _reordered(written, found, data_type):
            what = f"{path}: the items of the array are in another order"
            return Change(Owner.ARRAY_ORDER, what, f"{_shown(written, found, data_type, path)}: in another order")
        pairs = enumerate(zip(written, found, strict=True))
        changes = (
            _change(one, other, data_type, f"{path}[{number}]")
            for number, (one, other) in pairs
            if not _same(one, other, data_type)
        )
        return next(changes, Change())
    shown, description = _shown(written, found, data_type, path), _description(written, found, data_type, path)
    return Change(_owner(written, data_type), description, shown, _converted(written, found, data_type))


def _owner(written: Any, data_type: DataType) -> str:
    """The rule about a value that has become another."""
    if isinstance(written, str | dict | list) and not written:
        return Owner.EMPTY_AND_NULL
    if isinstance(written, list):
        return Owner.ARRAY_ORDER
    if isinstance(written, dict):
        # A library may take such a document for a value of another type.
        return "" if any(name.startswith("$") for name in written) else Owner.DEEP
    if written is None:
        return Owner.BSON_NULL  # in JSON, too, if the connector supports both
    return _rule(written, data_type)


def _description(written: Any, found: Any, data_type: DataType, path: str) -> str:
    if found is _MISSING:
        return f"{path}: {_kind(written, data_type)} is left out"
    before, after = _kind(written, data_type), _kind(found, data_type)
    if before == after:
        damage = damage_of(written, found)
        return f"{path}: {damage}" if damage else ""
    if written == "" and found is None:
        return f"{path}: an empty text comes back as null"
    reason = conversion_of(*(kind_of_value(value, data_type) for value in (written, found)))
    return f"{path}: {before} comes back as {after}" + (f" ({reason})" if reason else "")


def _converted(written: Any, found: Any, data_type: DataType) -> tuple[str, ...]:
    if found is _MISSING or isinstance(written, dict | list) or isinstance(found, dict | list):
        return ()
    kinds = kind_of_value(written, data_type), kind_of_value(found, data_type)
    return kinds if len(set(kinds)) > 1 else ()


def _shown(written: Any, found: Any, data_type: DataType, path: str) -> str:
    if found is _MISSING:
        return f"{path} is left out"
    kinds = [kind_of_value(value, data_type) for value in (written, found)]
    before, after = (f" ({kind})" if len(set(kinds)) > 1 and kind != "null" else "" for kind in kinds)
    return f"{path} was written as {show_value(written)}{before}, and is {show_value(found)}{after}"


def _shown_names(missing: Sequence[str], added: Sequence[str], path: str) -> str:
    """Which fields are missing, and which are there although they were not written."""
    parts = []
    for names, what in ((missing, "{} missing"), (added, "{} there, but {} not written")):
        if names:
            several = len(names) > 1
            listed = ", ".join([*map(show_value, names[:_FEW]), *["…"] * (len(names) > _FEW)])
            state = what.format(*(("are", "were") if several else ("is", "was")))
            parts.append(f"{'fields' if several else 'field'} {listed} {state}")
    return f"{f'in {path}, ' if path else ''}the {' and the '.join(parts)}"


def _kind(value: Any, data_type: DataType) -> str:
    """A value's kind: `an array of 1`, `long`."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    kind = kind_of_value(value, data_type)
    return f"an empty {kind}" if isinstance(value, str | dict) and not value else kind


def _change_of_field(written: dict[str, Any], found: dict[str, Any], data_type: DataType, path: str) -> Change:
    missing = {name: value for name, value in written.items() if name not in found}
    lost = next((name for name, value in missing.items() if value not in (None, "", [], {})), None)
    new = [name for name in found if name not in written]
    if lost is not None:
        return Change(Owner.FIELD_NAMES, shown=_shown_names([*missing], new, path))
    if new:
        return Change(shown=_shown_names([*missing], new, path))
    changes = (
        _change(value, found.get(name, _MISSING), data_type, f"{path}.{name}" if path else name)
        for name, value in written.items()
        if not _same(value, found.get(name, _MISSING), data_type)
    )
    return next(changes, Change())


def _rule(value: Any, data_type: DataType) -> str:
    if data_type == DATA_TYPE_MONGO_BSON:
        return _BSON_OWNERS.get(type(value), Owner.BSON_RARE)
    return _JSON_OWNERS.get(type(value), "")


def _same(one: Any, other: Any, data_type: DataType) -> bool:
    return other is not _MISSING and _encoded(one, data_type) == _encoded(other, data_type)


def _reordered(written: Sequence[Any], found: Sequence[Any], data_type: DataType) -> bool:
    """Whether an array has the same items in another order."""
    before, after = ([_encoded(item, data_type) for item in items] for items in (written, found))
    return before != after and sorted(before) == sorted(after)


def _encoded(value: Any, data_type: DataType) -> bytes:
    if data_type == DATA_TYPE_MONGO_BSON:
        return bson.encode({"": value}, codec_options=CODEC_OPTIONS)
    return json.dumps(value, sort_keys=True).encode()
