"""One object in a JSON file, with the name of its schema."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["read", "write"]

T = TypeVar("T")


def write(path: Path, schema: str, value: "DataclassInstance") -> None:
    """Write a dataclass. Raises OSError."""
    path.write_text(json.dumps({"schema": schema, **asdict(value)}, indent=2) + "\n", encoding="utf-8")


def read(path: Path, schema: str, kind: type[T]) -> T:
    """The object of this kind in a file. Raises OSError, or a ValueError that says what is wrong."""
    from pydantic import TypeAdapter, ValidationError  # imported here, since it takes long to load

    fields = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(fields, dict) or fields.pop("schema", None) != schema:
        raise ValueError(f"expected an object with the schema {schema}")
    try:
        return TypeAdapter(kind).validate_json(json.dumps(fields))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in problems)
        raise ValueError(text) from None
