"""The documents that a namespace holds: the id, the fields beside it, and those that repeat the id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dsync_kit.conformance.documents.schema.fitting import fits, reasons
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.documents import decode, id_field
from dsync_kit.errors import ConnectorError, UsageError
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType
from dsync_kit.protocol.names import type_name

__all__ = ["ANYTHING", "DocumentSchema", "Repeats", "resolved"]

Repeats = Mapping[str, tuple[str, ...]]
"""Fields that repeat the id, each with the path to the part that it repeats: the empty path is the whole id."""

ANYTHING = ValueSchema()
"""The schema of any value."""

_JSON_TYPES = ("string", "int", "long", "double", "decimal", "bool", "null", "object", "array")
_ID_TYPES = {
    DATA_TYPE_MONGO_BSON: (
        *("string", "int", "long", "double", "decimal", "bool", "date", "objectId", "binData", "object"),
    ),
    DATA_TYPE_JSON_ID: ("string", "int", "long"),
}


@dataclass(frozen=True)
class DocumentSchema:
    """The documents of one namespace and one data type.

    `fields` are those beside the id; `required` are those of them that are always there; `additional` is the schema of
    other fields, or False if there are none. `repeats` are fields that repeat the id or a part of it. `computed` are
    fields that the store adds, and that documents are written without. `origin` says in reports where the schema
    comes from. `altered` are documents that were acknowledged while it was found out, and came back changed.
    """

    data_type: DataType
    identifier: ValueSchema
    fields: Mapping[str, ValueSchema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: ValueSchema | bool = True
    repeats: Repeats = field(default_factory=dict)
    computed: Mapping[str, ValueSchema] = field(default_factory=dict)
    origin: str = ""
    altered: tuple[bytes, ...] = ()

    @property
    def id_field(self) -> str:
        """The name of the id's field."""
        return id_field(self.data_type)

    @property
    def free(self) -> bool:
        """Whether it allows any fields beside the id."""
        return not self.fields and not self.required and not self.repeats and self.additional is True

    def fits(self, document: bytes | Mapping[str, Any]) -> bool:
        """Whether the schema allows a document."""
        return next(self.reasons(document), None) is None

    def reasons(self, document: bytes | Mapping[str, Any]) -> Iterator[str]:
        """Why the schema does not allow a document; none if it does."""
        if isinstance(document, bytes):
            try:
                document = decode(document, self.data_type)
            except ConnectorError as error:
                yield error.message
                return
        if self.id_field not in document:
            yield f"{self.id_field}: missing, but required"
            return
        identifier = document[self.id_field]
        yield from reasons(self.identifier, identifier, self.data_type, self.id_field)
        for name in sorted({*self.required, *self.repeats} - document.keys()):
            yield f"{name}: missing, but required"
        for name, value in document.items():
            if name in self.repeats:
                part = part_of(identifier, self.repeats[name])
                if not _same_value(value, part):
                    yield f"{name}: {value!r} does not repeat the id, {part!r}"
            elif name != self.id_field:
                yield from self._field_reasons(name, value)

    def _field_reasons(self, name: str, value: Any) -> Iterator[str]:
        if (known := self.fields.get(name, self.computed.get(name))) is not None:
            yield from reasons(known, value, self.data_type, name)
        elif isinstance(self.additional, ValueSchema):
            yield from reasons(self.additional, value, self.data_type, name)
        elif not self.additional:
            yield f"{name}: unknown field"

    def allows(self, name: str, value: Any) -> bool:
        """Whether a field beside the id may have this value."""
        return (
            name not in self.repeats
            and name not in self.computed
            and next(self._field_reasons(name, value), None) is None
        )

    def allows_id(self, value: Any) -> bool:
        """Whether an id may have this value."""
        return fits(self.identifier, value, self.data_type)

    def document(self, identifier: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A document with this id, these fields, and the fields that repeat the id; nothing is checked.

        Known fields are in the schema's order, as columns are.
        """
        repeated = {name: part_of(identifier, path) for name, path in self.repeats.items()}
        known = {name: fields[name] for name in self.fields if name in fields}
        return {self.id_field: identifier, **repeated, **known, **fields}


def part_of(identifier: Any, path: tuple[str, ...]) -> Any:
    """The part of an id at a path; None if the id has no such part."""
    for name in path:
        identifier = identifier.get(name) if isinstance(identifier, Mapping) else None
    return identifier


def resolved(root: ValueSchema, repeats: Repeats, data_type: DataType, origin: str = "") -> DocumentSchema:
    """The schema of whole documents, for a data type.

    One schema may serve both types: with JSON, the id is `id`, or `_id` if the schema has only that.
    Raises UsageError if no document of the type fits.
    """
    name = id_field(data_type)
    fields = dict(root.properties)
    own = fields.pop(name, None)
    if data_type == DATA_TYPE_JSON_ID:
        other = fields.pop("_id", None)
        own = own or other
    if own is None and root.additional_properties is False:
        raise UsageError(
            f"{origin or 'the schema'}: additionalProperties is false, and {name!r} is not among the properties: "
            f"no document could have an id"
        )
    own = own or ANYTHING
    allowed = tuple(kind for kind in own.types if kind in _ID_TYPES[data_type])
    if not allowed:
        raise UsageError(
            f"{origin or 'the schema'}: properties.{name}: the id of a {type_name(data_type)} document has type "
            f"{', '.join(_ID_TYPES[data_type])}, given {', '.join(own.types) or 'types that exclude each other'}"
        )
    repeated = {key: path for key, path in repeats.items() if key not in ("_id", name)}
    computed = {key: fields.pop(key) for key, value in list(fields.items()) if value.read_only and key not in repeated}
    return DocumentSchema(
        data_type=data_type,
        identifier=own.of_types(*allowed),
        fields={key: _held(value, data_type) for key, value in fields.items() if key not in repeated},
        required=frozenset(root.required) - {"_id", name, *repeated, *computed},
        additional=root.additional_properties,
        repeats=repeated,
        computed=computed,
        origin=origin,
    )


def _held(schema: ValueSchema, data_type: DataType) -> ValueSchema:
    """The schema with the types that a document of the data type can hold."""
    if data_type == DATA_TYPE_MONGO_BSON or schema.bson_type is None:
        return schema
    return schema.of_types(*(kind for kind in schema.types if kind in _JSON_TYPES))


def _same_value(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
