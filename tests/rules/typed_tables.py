"""Tables made beforehand: their columns, the SQL that creates them, and the documents that they hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EVENTS", "ITEMS", "LINES", "TABLES", "USERS", "Column", "Table"]

_FINITE = 1.7976931348623157e308


@dataclass(frozen=True)
class Column:
    """A column: the BSON type of its values, and what its CHECK says of them beside that.

    What is `unchecked` has a schema that says more than the column.
    """

    name: str
    kind: str
    nullable: bool = False
    length: int | None = None
    padded: bool = False
    digits: tuple[int, int] | None = None
    members: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    computed: str = ""
    pattern: str = ""
    unchecked: bool = False
    unique: bool = False

    @property
    def sql(self) -> str:
        """The column in CREATE TABLE."""
        storage = {"long": "INTEGER", "int": "INTEGER", "bool": "INTEGER", "date": "INTEGER"}.get(self.kind)
        storage = storage or ("BLOB" if self.kind in ("double", "uuid", "binData", "objectId") else "TEXT")
        if self.computed:
            return f'"{self.name}" {storage} AS ({self.computed}) STORED'
        checks = []
        if self.length is not None and not self.unchecked:
            checks.append(f'length("{self.name}") {"=" if self.padded else "<="} {self.length}')
        if self.members and not self.unchecked:
            checks.append(f'"{self.name}" IN ({", ".join(map(repr, self.members))})')
        if self.least is not None:
            checks.append(f'"{self.name}" BETWEEN {self.least} AND {self.most}')
        check = f" CHECK ({' AND '.join(checks)})" if checks else ""
        unique = " UNIQUE" if self.unique else ""
        return f'"{self.name}" {storage}{"" if self.nullable else " NOT NULL"}{unique}{check}'

    @property
    def schema(self) -> dict[str, Any]:
        """What the column's values are, as a document schema says it."""
        schema: dict[str, Any] = {"bsonType": {"uuid": "binData", "json": "object"}.get(self.kind, self.kind)}
        if self.kind == "uuid":
            schema["format"] = "uuid"
        if self.kind == "double":
            schema |= {"minimum": -_FINITE, "maximum": _FINITE}
        if self.length is not None:
            schema |= {"maxLength": self.length} | ({"minLength": self.length} if self.padded else {})
        if self.digits is not None:
            whole, behind = self.digits
            most = float(10 ** (whole - behind)) - 10.0**-behind
            schema |= {"minimum": -round(most, behind), "maximum": round(most, behind), "multipleOf": 10.0**-behind}
        if self.pattern:
            schema["pattern"] = self.pattern
        if self.members:
            schema["enum"] = [*self.members, *([None] if self.nullable else [])]
        if self.least is not None:
            schema |= {"minimum": self.least, "maximum": self.most}
        if self.unique:
            schema["unique"] = True
        if self.nullable:
            schema["bsonType"] = [schema["bsonType"], "null"]
        return schema


@dataclass(frozen=True)
class Table:
    """A table: its key's columns come first. `repeats` says whether they are fields beside the id as well."""

    name: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...] = field(default=())
    repeats: bool = False

    @property
    def namespace(self) -> str:
        """The table's name as a namespace."""
        return f"typed.{self.name}"

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns beside the key that documents have, without those that the store computes."""
        return tuple(column for column in self.columns if not column.computed)

    @property
    def sql(self) -> str:
        """CREATE TABLE, with the number of the write that created the row."""
        columns = ", ".join(column.sql for column in (*self.key, *self.columns))
        keys = ", ".join(f'"{column.name}"' for column in self.key)
        return f'CREATE TABLE "{self.name}" ({columns}, "_created" INTEGER NOT NULL, PRIMARY KEY ({keys})) STRICT'

    @property
    def schema(self) -> Mapping[str, Any]:
        """The documents of the table, as a file of `--documents` says it."""
        properties = {"_id": self._id_schema}
        if self.repeats:
            properties |= {column.name: column.schema for column in self.key}
        properties |= {column.name: column.schema for column in self.written}
        schema = {
            "bsonType": "object",
            "required": list(properties),
            "properties": properties,
            "additionalProperties": False,
        }
        if not self.repeats:
            return schema
        parts = [f"$_id.{column.name}" if len(self.key) > 1 else "$_id" for column in self.key]
        equal = [{"$eq": [f"${column.name}", part]} for column, part in zip(self.key, parts, strict=True)]
        return {"$jsonSchema": schema, "$expr": equal[0] if len(equal) == 1 else {"$and": equal}}

    @property
    def _id_schema(self) -> dict[str, Any]:
        if len(self.key) == 1:
            return self.key[0].schema
        return {
            "bsonType": "object",
            "required": [column.name for column in self.key],
            "properties": {column.name: column.schema for column in self.key},
            "additionalProperties": False,
        }


ITEMS = Table(
    "items",
    (Column("code", "string", length=40),),
    (
        Column("name", "string", length=20),
        Column("note", "string", nullable=True),
        Column("price", "decimal", digits=(10, 2)),
        Column("state", "string", members=("new", "open", "done")),
        Column("amount", "long", nullable=True),
        Column("size", "int", computed='length("name")'),
    ),
)

EVENTS = Table(
    "events",
    (Column("number", "long"),),
    (
        Column("made", "date"),
        Column("seen", "date", nullable=True),
        Column("level", "int", least=-32768, most=32767),
        Column("value", "double", nullable=True),
        Column("active", "bool"),
        Column("trace", "uuid", nullable=True),
        Column("body", "json", nullable=True),
        Column("payload", "binData", nullable=True),
    ),
    repeats=True,
)

LINES = Table(
    "lines",
    (Column("order", "string", length=12), Column("line", "int", least=1, most=1_000_000)),
    (
        Column("country", "string", length=2, padded=True),
        Column("text", "string", nullable=True, length=30),
        Column("count", "int"),
        Column("rate", "decimal", nullable=True, digits=(6, 4)),
        Column("owner", "objectId", nullable=True),
    ),
    repeats=True,
)

USERS = Table(
    "users",
    (Column("login", "string", length=20),),
    (
        Column("mail", "string", length=60, unique=True),
        Column("phone", "string", nullable=True, length=20, unique=True),
        Column("visits", "long"),
    ),
)
"""A table with two other columns of which no two rows share a value."""

TABLES = (ITEMS, EVENTS, LINES)
"""A text key, an integer key that a field repeats, and a composite key that two fields repeat."""
