"""A document schema as a file: read with errors that say where, and printed for saving and editing.

The file is JSON: the schema itself, or a validator like those of MongoDB's collections, `{"$jsonSchema": {…}}`. A field
that repeats the id is declared beside it, as MongoDB expresses it:
`{"$jsonSchema": {…}, "$expr": {"$eq": ["$number", "$_id"]}}`; several are under `$and`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bson import DatetimeMS, json_util
from bson.codec_options import DatetimeConversion
from pydantic import ValidationError

from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema, Repeats, resolved
from dsync_kit.conformance.documents.schema.satisfying import unsatisfiable
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.errors import UsageError
from dsync_kit.protocol import DataType

__all__ = ["SchemaFile", "load", "parse", "printed"]

_FORM = 'expected a schema such as {"bsonType": "object", "properties": {"_id": {"bsonType": "string"}}}'
_EXPRESSION = 'expected {"$eq": ["$field", "$_id"]}, or several such under "$and"'
_LINE = 100
"""Characters of JSON that are not divided into lines."""


@dataclass(frozen=True)
class SchemaFile:
    """The contents of a file, which give a schema for either data type; `origin` names the file."""

    root: ValueSchema
    repeats: Repeats
    origin: str

    def of(self, data_type: DataType) -> DocumentSchema:
        """The schema of documents of one data type. Raises UsageError if none of them fits."""
        schema = replace(resolved(self.root, self.repeats, data_type, self.origin), origin=f"declared by {self.origin}")
        if reason := unsatisfiable(schema):
            raise UsageError(f"{self.origin}: no document fits this schema: {reason}")
        return schema


def load(path: Path) -> SchemaFile:
    """The schema in a file. Raises UsageError if the file cannot be read, or is not a schema."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}): expected a file with a document schema"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: {_FORM}") from error
    try:
        given = json.loads(text, parse_float=Decimal, object_pairs_hook=_without_repeated_names)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error
    return parse(given, origin=str(path))


def parse(given: object, *, origin: str = "the schema") -> SchemaFile:
    """A schema from parsed JSON, or from the same form in Python. Raises UsageError if it is not a schema."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{origin}: given {_kind(given)}: {_FORM}")
    repeats: Repeats = {}
    if "$jsonSchema" in given:
        if unknown := sorted(given.keys() - {"$jsonSchema", "$expr"}):
            raise UsageError(f"{origin}: {unknown[0]} is not supported: expected $jsonSchema, and $expr beside it")
        repeats = _repeats(given["$expr"], origin) if "$expr" in given else {}
        given = given["$jsonSchema"]
        if not isinstance(given, Mapping):
            raise UsageError(f"{origin}: $jsonSchema: given {_kind(given)}: {_FORM}")
    try:
        root = ValueSchema.model_validate(dict(given))
    except ValidationError as error:
        raise UsageError("\n".join(f"{origin}: {line}" for line in _lines(error))) from None
    if "object" not in root.types:
        raise UsageError(f"{origin}: documents must be of type object, given {' or '.join(root.types) or 'none'}")
    for name, path in repeats.items():
        _check_repeated(root, name, path, origin)
    return SchemaFile(root, repeats, origin)


def _check_repeated(root: ValueSchema, name: str, path: tuple[str, ...], origin: str) -> None:
    if name not in root.properties:
        raise UsageError(f"{origin}: $expr: {name!r} is not among the properties: expected a field that repeats the id")
    parts = root.properties.get("_id", root.properties.get("id"))
    for part in path:
        if parts is None or part not in parts.properties:
            raise UsageError(f"{origin}: $expr: the id has no part {'.'.join(path)!r}")
        parts = parts.properties[part]


def _repeats(expression: object, origin: str) -> Repeats:
    clauses = expression["$and"] if isinstance(expression, Mapping) and set(expression) == {"$and"} else [expression]
    if not isinstance(clauses, list):
        raise UsageError(f"{origin}: $expr.$and: given {_kind(clauses)}: {_EXPRESSION}")
    return dict(_repeated(clause, origin) for clause in clauses)


def _repeated(clause: object, origin: str) -> tuple[str, tuple[str, ...]]:
    given = clause.get("$eq") if isinstance(clause, Mapping) and set(clause) == {"$eq"} else None
    if isinstance(given, list) and len(given) == 2 and all(isinstance(item, str) and item[:1] == "$" for item in given):
        names = [item[1:].split(".") for item in given]
        for field, (root, *path) in (names, names[::-1]):
            if root == "_id" and len(field) == 1 and field[0] != "_id":
                return field[0], tuple(path)
        for field, (root, *path) in (names, names[::-1]):
            if root == "id" and len(field) == 1 and field[0] != "id":
                return field[0], tuple(path)
    raise UsageError(f"{origin}: $expr: given {json.dumps(clause, default=str)}: {_EXPRESSION}")


def printed(schema: DocumentSchema) -> str:
    """The schema as the text of a file: JSON that `parse` reads back, easy to edit."""
    own = schema.id_field
    properties: dict[str, Any] = {own: _plain(schema.identifier)}
    properties |= {name: _plain(_repeated_part(schema.identifier, path)) for name, path in schema.repeats.items()}
    properties |= {name: _plain(value) for name, value in {**schema.fields, **schema.computed}.items()}
    additional = schema.additional
    body: dict[str, Any] = {
        "bsonType": "object",
        "required": [own, *(name for name in properties if name in schema.repeats or name in schema.required)],
        "properties": properties,
    }
    if additional is not True:
        body["additionalProperties"] = _plain(additional) if isinstance(additional, ValueSchema) else False
    equal = [{"$eq": [f"${name}", "$" + ".".join((own, *path))]} for name, path in schema.repeats.items()]
    if not equal:
        return _indented(body) + "\n"
    expression = equal[0] if len(equal) == 1 else {"$and": equal}
    return _indented({"$jsonSchema": body, "$expr": expression}) + "\n"


def _indented(value: object, indent: str = "") -> str:
    """Indented JSON; what fits on a line is on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or (indent and len(line) <= _LINE):
        return line
    inner = indent + "  "
    members = (
        f"{inner}{json.dumps(name, ensure_ascii=False)}: {_indented(member, inner)}" for name, member in value.items()
    )
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def _repeated_part(identifier: ValueSchema, path: Sequence[str]) -> ValueSchema:
    for name in path:
        identifier = identifier.properties[name]
    return identifier


def _plain(schema: ValueSchema) -> dict[str, Any]:
    """A value's schema as JSON, without keywords that have no effect."""
    plain: dict[str, Any] = {}
    for name, info in ValueSchema.model_fields.items():
        value = getattr(schema, name)
        if value != info.get_default(call_default_factory=True):
            plain[info.alias or name] = _plain_value(value)
    return plain


def _plain_value(value: Any) -> Any:
    if isinstance(value, ValueSchema):
        return _plain(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.adjusted() < 25 else float(value)
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else list(value)
    if isinstance(value, dict) and all(isinstance(item, ValueSchema) for item in value.values()):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, DatetimeMS | dict | list):
        return json.loads(json_util.dumps(value, json_options=_PRINTED))
    return value


_PRINTED = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED,
    datetime_representation=json_util.DatetimeRepresentation.ISO8601,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


def _without_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]!r} occurs twice in one object: expected each name once")
    return dict(pairs)


def _lines(error: ValidationError) -> list[str]:
    """The errors, each with its place in the file."""
    lines = []
    for item in error.errors(include_url=False):
        place = ".".join(str(part) for part in item["loc"] if part not in ("<bool>", "<schema>"))
        at = f"{place}: " if place else ""
        if item["type"] == "extra_forbidden":
            known = sorted(info.alias or name for name, info in ValueSchema.model_fields.items())
            close = get_close_matches(place.rpartition(".")[2], known, n=1)
            advice = f"did you mean {close[0]}? " if close else ""
            lines.append(f"{at}this keyword is not supported: {advice}expected {', '.join(known)}")
        elif item["type"] == "value_error":
            lines.append(at + str(item["ctx"]["error"]))
        else:
            lines.append(f"{at}{_lower(item['msg'])}, given {_given(item['input'])}")
    return lines


def _lower(text: str) -> str:
    return text.replace("Input should be", "expected")


def _given(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _kind(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float | Decimal) else type(value).__name__)
