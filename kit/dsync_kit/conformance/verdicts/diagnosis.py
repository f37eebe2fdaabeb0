"""What probably happened to documents that are not listed as they were written, judging by their ids."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any
from unicodedata import normalize

from bson import Binary, ObjectId

from dsync_kit.conformance.calls.transcript import Call, show_id
from dsync_kit.conformance.calls.written import written
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.documents import decode_id, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_DELETE, BsonValue, DataType

__all__ = ["became", "blame_deletes_of_others", "difference", "merged"]

_LONGEST_NAME = 16
"""Texts with so many equal characters at the start may have been cut."""

_LOST, _THERE = 4, 200
"""How many documents are compared. Among many lost ones, some ids look like others by chance."""

_FOLDS: tuple[tuple[Callable[[str], str], str], ...] = (
    (str.casefold, "upper and lower case"),
    (str.strip, "leading or trailing spaces"),
    (lambda text: normalize("NFKC", text), "the way their characters are composed"),
    (lambda text: text.partition("\0")[0], "the text after a NUL"),
    (lambda text: re.sub(r"[\W_]", "_", text), "characters that are not letters"),
)


def merged(lost: Sequence[bytes], kept: Iterable[bytes], data_type: DataType) -> str:
    """In one line, which lost document's id was confused with which present one; empty if none seems to be."""
    return _as_one(_alike(lost, _ids(islice(kept, _THERE), data_type), data_type))


def became(lost: Sequence[bytes], strange: Iterable[bytes], data_type: DataType) -> str:
    """In one line, which lost document's id seems to have become another; empty if none does."""
    if (pair := _alike(lost, _ids(islice(strange, _THERE), data_type), data_type)) is None:
        return ""
    one, other, difference = pair
    return f"the id {show_id(one)} has become {show_id(other)}, which differs in {difference}"


def blame_deletes_of_others(violation: Violation, calls: Sequence[Call]) -> None:
    """Note that ids may be confused, if documents were only lost, and each lost id resembles a deleted one."""
    lost = [one.expected for one in violation.wrong if one.expected is not None and one.seen is None]
    if not lost or len(lost) < len(violation.wrong):
        return
    data_type = violation.wrong[0].data_type
    deleted = [
        list(write.update.id)
        for call, write in written(calls)
        if call.error is None and write.update is not None and write.update.type == UPDATE_TYPE_DELETE
    ]
    if confused := _as_one(_alike(lost, deleted[-_THERE:], data_type)):
        violation.rests_on |= Evidence.IDS
        violation.hint = confused


_Pair = tuple[list[BsonValue], list[BsonValue], str]
"""Two ids that are easily confused, and their difference."""


def _as_one(pair: _Pair | None) -> str:
    if pair is None:
        return ""
    one, other, difference = pair
    return f"{show_id(one)} and {show_id(other)} are treated as one id, but differ in {difference}"


def _alike(lost: Sequence[bytes], others: Sequence[list[BsonValue]], data_type: DataType) -> _Pair | None:
    """The first lost id, one that is easily confused with it, and their difference; None if a lost id has none."""
    if len(lost) > _LOST:
        return None
    found = [
        next(((one, other, name) for other in others if (name := difference(one, other))), None)
        for one in _ids(lost, data_type)
    ]
    return found[0] if found and None not in found else None


def _ids(documents: Iterable[bytes], data_type: DataType) -> list[list[BsonValue]]:
    found = []
    for document in documents:
        try:
            found.append(id_of(document, data_type))
        except InvalidArgument:
            continue  # reported elsewhere
    return found


def difference(one: list[BsonValue], other: list[BsonValue]) -> str:
    """The only difference of two ids that are easily confused; empty if they differ in more."""
    if len(one) != 1 or len(other) != 1:
        return ""
    (first,), (second,) = one, other
    if first.data == second.data:
        return "type" if first.type != second.type else ""
    return _difference_of_values(decode_id(first), decode_id(second))


def _difference_of_values(one: Any, other: Any) -> str:
    if isinstance(one, str) and isinstance(other, str):
        return _difference_of_texts(one, other)
    if isinstance(one, Binary | bytes) and isinstance(other, Binary | bytes):
        return "subtype" if bytes(one) == bytes(other) else ""
    if isinstance(one, ObjectId) and isinstance(other, ObjectId):
        return "the last bytes" if one.generation_time == other.generation_time else ""
    if type(one) is not type(other) and (str(one) == str(other) or _plain(one) == _plain(other)):
        return "type"
    if isinstance(one, int) and isinstance(other, int) and float(one) == float(other):
        return "digits that a double cannot hold"
    return ""


def _difference_of_texts(one: str, other: str) -> str:
    for fold, name in _FOLDS:
        if fold(one) == fold(other):
            return name
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"the text after their first {same} characters" if same >= _LONGEST_NAME else ""


def _plain(value: Any) -> Any:
    """A value without its type, as after a conversion to text, bytes or a number."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, ObjectId):
        return value.binary
    return bytes(value) if isinstance(value, bytes) else value
