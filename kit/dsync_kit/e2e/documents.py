"""The documents for a namespace: they fit its document schema or, if it has none, have any fields."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from bson import Int64

from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import TooFewError
from dsync_kit.conformance.documents.schema.counted import Counted, counted
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.documents import encode, id_field
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType
from dsync_kit.usage import UsageError

__all__ = ["Documents", "documents_for"]

_SHARE_OF_NULLS = 0.1
_SHARE_LEFT_OUT = 0.2
_TEXT = ValueSchema(bson_type=("string",))
_EVERY_NAMESPACE = "*"


class Documents(Protocol):
    """The documents of one namespace."""

    def identifier(self, number: int, rng: random.Random) -> Any:
        """The id with this number, as a Python value. Raises UsageError if the schema allows fewer ids."""

    def document(self, identifier: Any, rng: random.Random) -> bytes:
        """An encoded document with this id, drawn."""

    def as_written(self, document: bytes) -> bytes:
        """A document that was read, without anything that the ends have added to it."""


def documents_for(
    namespaces: Iterable[str], schemas: Sequence[Mapping[str, SchemaFile]], data_type: DataType, count: int
) -> dict[str, Documents]:
    """The documents of each namespace, `count` of them at most.

    Each of the `schemas` maps the namespaces of one end (or `*`) to what they hold; documents follow the first end's.
    Raises UsageError if no document of this type fits.
    """
    found: dict[str, Documents] = {}
    for name in namespaces:
        declared = [schema for end in schemas if (schema := end.get(name, end.get(_EVERY_NAMESPACE))) is not None]
        fillings = [Filling(schema.of(data_type)) for schema in declared]
        found[name] = _OfSchema(name, fillings, count) if fillings else _OfAnyFields(data_type)
    return found


class _OfAnyFields:
    """Documents of texts, numbers, booleans, lists and nulls. Ids are texts."""

    def __init__(self, data_type: DataType) -> None:
        self._data_type = data_type

    def identifier(self, number: int, rng: random.Random) -> Any:
        return f"{rng.getrandbits(32):08x}-{number}"

    def document(self, identifier: Any, rng: random.Random) -> bytes:
        number = rng.randrange(-(2**50), 2**50)
        document: dict[str, Any] = {
            id_field(self._data_type): identifier,
            "number": Int64(number) if self._data_type == DATA_TYPE_MONGO_BSON else number,
            "text": "".join(rng.choices('abc äß€😀"\\\n', k=rng.randrange(60))),
            "flag": rng.random() < 0.5,
            "nested": {"list": [rng.randrange(100) for _ in range(rng.randrange(4))], "empty": None},
        }
        return encode(document, self._data_type)

    def as_written(self, document: bytes) -> bytes:
        return document


class _OfSchema:
    """Documents that fit a schema. Ids are numbered; every other field has any value that its schema allows."""

    def __init__(self, namespace: str, fillings: Sequence[Filling], count: int) -> None:
        self._fillings = fillings
        self._schema = schema = fillings[0].schema
        try:
            self._ids = fillings[0].numbered("e2e", count)
        except TooFewError as error:
            raise UsageError(f"{namespace}: {error}: give fewer --documents and changes") from None
        of_others = schema.additional if isinstance(schema.additional, ValueSchema) else _TEXT
        fields = {name: schema.fields.get(name, of_others) for name in sorted({*schema.fields, *schema.required})}
        self._nullable = {name for name, value in fields.items() if value.nullable and value.enum is None}
        self._values: dict[str, Counted] = {name: counted(value, schema.data_type) for name, value in fields.items()}

    def identifier(self, number: int, rng: random.Random) -> Any:
        return self._ids(number)

    def document(self, identifier: Any, rng: random.Random) -> bytes:
        fields: dict[str, Any] = {}
        for name, values in self._values.items():
            if name not in self._schema.required and (values.size == 0 or rng.random() < _SHARE_LEFT_OUT):
                continue
            null = name in self._nullable and rng.random() < _SHARE_OF_NULLS
            fields[name] = None if null else values(rng.randrange(values.size))
        return self._fillings[0].encoded(identifier, fields)

    def as_written(self, document: bytes) -> bytes:
        for filling in self._fillings:
            document = filling.as_written(document)
        return document
