"""The schema that existing documents suggest.

Names, types and which fields are required are taken from the documents. The range of numbers and the length of texts
are not: a length is a limit only if all values have it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

from bson import DatetimeMS, Decimal128

from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema, part_of
from dsync_kit.conformance.documents.schema.fitting import bson_types, exact
from dsync_kit.conformance.documents.schema.value_schema import FORMATS, TYPES, ValueSchema
from dsync_kit.documents import decode, id_field
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["forms_of", "inferred", "value_schema"]

_ENOUGH = 5
"""With at least this many documents, a length that all texts have is taken as a limit."""

_FIXED_KINDS = ("uuid", "date", "date-time")


def inferred(documents: Sequence[bytes], data_type: DataType) -> DocumentSchema:
    """The schema that documents suggest. Raises ValueError if there are none, InvalidArgument for a malformed one."""
    if not documents:
        raise ValueError("no documents to infer a schema from")
    decoded = [decode(document, data_type) for document in documents]
    own = id_field(data_type)
    identifiers = [document[own] for document in decoded]
    names = list(dict.fromkeys(name for document in decoded for name in document if name != own))
    repeats = {name: path for name in names if (path := _repeated(name, own, decoded)) is not None}
    fields = {
        name: value_schema([document[name] for document in decoded if name in document], data_type)
        for name in names
        if name not in repeats
    }
    return DocumentSchema(
        data_type=data_type,
        identifier=value_schema(identifiers, data_type),
        fields=fields,
        required=frozenset(name for name in fields if all(name in document for document in decoded)),
        additional=False,
        repeats=repeats,
        origin=f"inferred from {len(documents)} documents",
    )


def _repeated(name: str, own: str, documents: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """The path to the part of the id whose value a field always has, or None."""
    first = documents[0][own]
    paths: list[tuple[str, ...]] = [()]
    paths += [(part,) for part in first] if isinstance(first, Mapping) else []
    for path in paths:
        if all(name in document and _identical(document[name], part_of(document[own], path)) for document in documents):
            return path
    return None


def _identical(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other) and one is not None


def value_schema(values: Sequence[Any], data_type: DataType) -> ValueSchema:
    """The schema that the values of a field suggest."""
    types = {name for value in values for name in _types(value, data_type)}
    said: dict[str, Any] = {"bson_type": tuple(name for name in TYPES if name in types)}
    if "string" in types:
        said |= _texts([value for value in values if isinstance(value, str)])
    if "binData" in types:
        said |= _binaries([value for value in values if isinstance(value, bytes)])
    if "decimal" in types and data_type == DATA_TYPE_MONGO_BSON:
        said |= _digits([value for value in values if isinstance(value, Decimal128)])
    if "object" in types:
        said |= _object([value for value in values if isinstance(value, Mapping)], data_type)
    if "array" in types:
        items = [item for value in values if isinstance(value, list) for item in value]
        said["items"] = value_schema(items, data_type) if items else None
        said |= {} if items else {"max_items": 0}
    return ValueSchema(**said)


def _types(value: Any, data_type: DataType) -> frozenset[str]:
    """The type of a value; a JSON number may have any type that holds it, so it gets the widest."""
    found = bson_types(value, data_type)
    if len(found) == 1:
        return found
    return frozenset({"long" if isinstance(value, int) and "long" in found else "double"})


def _texts(texts: Sequence[str]) -> dict[str, Any]:
    for name in _FIXED_KINDS:
        if all(re.search(FORMATS[name], text) for text in texts):
            return {"format": name}
    return _fixed_length([len(text) for text in texts])


_STEPS = (86_400_000, 3_600_000, 60_000, 1000)
"""Milliseconds of a day, an hour, a minute and a second."""
_DECIMAL = re.compile(r"-?(\d+)\.(\d+)")
_FRACTION = re.compile(r"T\d\d:\d\d:\d\d(?:\.(\d+))?Z$")


def forms_of(values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The forms that values have, as keywords of a schema.

    Of dates, whole days or seconds; of texts, times of one precision, decimals of one scale, or the most common form.
    """
    dates = [int(date) for value in values if isinstance(date := exact(value), DatetimeMS)]
    if dates and len(dates) == len(values):
        yield from ({"multiple_of": Decimal(step)} for step in _STEPS if not any(date % step for date in dates))
    texts = [value for value in values if isinstance(value, str)]
    if not texts or len(texts) < len(values):
        return
    if all(re.search(FORMATS["date-time"], text) for text in texts):
        digits = {len(found[1] or "") if (found := _FRACTION.search(text)) else -1 for text in texts}
        if len(digits) == 1 and (count := digits.pop()) >= 0:
            yield {"format": "date-time", "pattern": rf"\.\d{{{count}}}Z$" if count else r":\d\dZ$"}
    numbers = [_DECIMAL.fullmatch(text) for text in texts]
    scales = {len(found[2]) for found in numbers if found is not None}
    if None not in numbers and len(scales) == 1:
        whole = max(len(found[1]) for found in numbers if found is not None)
        # Not -0.00, which may come back without its sign.
        yield {"pattern": rf"^(0|-?[1-9]\d{{0,{whole - 1}}})\.\d{{{scales.pop()}}}$"}
    # Numbers of any length are made longer, so that there are enough of them to be different.
    yield from _most_common(texts, ["[0-9]"], lambda sizes: str(max(9, *sizes) if len(sizes) > 1 else max(sizes)))
    yield from _most_common(texts, ["[0-9]", "[a-z]", "[A-Z]"], lambda sizes: f"{min(sizes)},{max(sizes)}")


def _most_common(
    texts: Sequence[str], classes: Sequence[str], size: Callable[[Set[int]], str]
) -> Iterator[dict[str, Any]]:
    """The most common form of texts: what is between runs of characters of these classes, and the runs' sizes."""
    runs = re.compile(f"({'|'.join(f'{characters}+' for characters in classes)})")
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[list[int]]] = {}
    for text in texts:
        made = runs.findall(text)
        kinds = (next(characters for characters in classes if re.match(characters, run)) for run in made)
        found.setdefault((tuple(runs.split(text)[::2]), tuple(kinds)), []).append([len(run) for run in made])
    (between, kinds_of_runs), sizes = max(found.items(), key=lambda item: len(item[1]))
    if kinds_of_runs:
        sized = (f"{kind}{{{size(set(place))}}}" for kind, *place in zip(kinds_of_runs, *sizes, strict=True))
        pieces = (run + re.escape(piece) for run, piece in zip(("", *sized), between, strict=True))
        yield {"pattern": f"^{''.join(pieces)}$"}


def _binaries(values: Sequence[bytes]) -> dict[str, Any]:
    if all(len(value) == 16 and getattr(value, "subtype", 0) == 4 for value in values):
        return {"format": "uuid"}
    # Sixteen bytes are a UUID, twelve an ObjectId, whatever the subtype: the column has no other length.
    if {len(value) for value in values} in ({16}, {12}):
        return {"min_length": len(values[0]), "max_length": len(values[0])}
    return _fixed_length([len(value) for value in values])


def _fixed_length(sizes: Sequence[int]) -> dict[str, Any]:
    if len(sizes) >= _ENOUGH and len(set(sizes)) == 1 and sizes[0] > 0:
        return {"min_length": sizes[0], "max_length": sizes[0]}
    return {}


def _digits(values: Sequence[Decimal128]) -> dict[str, Any]:
    """Decimal places: a column may round numbers with more than were ever seen."""
    exponents = [value.to_decimal().as_tuple().exponent for value in values]
    finite = [exponent for exponent in exponents if isinstance(exponent, int)]
    return {"multiple_of": Decimal(1).scaleb(min(0, *finite))} if finite and len(finite) == len(exponents) else {}


def _object(values: Sequence[Mapping[str, Any]], data_type: DataType) -> dict[str, Any]:
    names = list(dict.fromkeys(name for value in values for name in value))
    return {
        "properties": {
            name: value_schema([value[name] for value in values if name in value], data_type) for name in names
        },
        "required": [name for name in names if all(name in value for value in values)],
        "additional_properties": False,
    }
