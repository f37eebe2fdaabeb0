"""The options of every connector that keeps its documents in files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote

from pydantic import model_validator

from dsync_kit.files.document_files import FilesOptions
from dsync_kit.files.foreign.csv_rows import COLUMN_TYPES
from dsync_kit.files.foreign.kinds import ForeignOptions
from dsync_kit.settings import ConnectorSettings, option
from dsync_kit.usage import UsageError

__all__ = ["FilesSettings"]


class FilesSettings(ConnectorSettings):
    """How files are written and read. A connector's settings add where they are."""

    compression: Literal["none", "gzip", "zstd"] = option(
        "none", help="how the files of a new namespace are compressed: none, gzip or zstd"
    )
    page_size: int = option(1000, help="the most documents on a page", ge=1)
    page_bytes: int = option(8 << 20, help="the most bytes on a page; a larger document gets its own page", ge=1)
    partition_bytes: int = option(
        64 << 20, help="about how many bytes a partition has; dsync copies several at once", ge=1
    )
    file_bytes: int = option(128 << 20, help="the most bytes in a file that compaction makes", ge=1 << 20)
    max_document_bytes: int = option(64 << 20, help="the largest document, in bytes as stored", ge=1)
    concurrency: int = option(16, help="concurrent requests for reading", ge=1, le=256)
    id_field: str | None = option(
        None, help="the field with the id, in files of other tools; by default _id or id", metavar="NAME"
    )
    on_bad_row: Literal["fail", "skip"] = option(
        "fail", help="what to do with a bad row in a file of another tool: fail or skip"
    )
    column: list[str] = option([], help="the type of a column of CSV files, as in total=double", metavar="NAME=TYPE")
    column_schema: Path | None = option(
        None, help="a JSON Schema whose properties give the types of columns by bsonType or type", metavar="FILE"
    )
    delimiter: str | None = option(
        None, help="the separator of CSV fields; by default a comma, in .tsv a tab", min_length=1, max_length=1
    )
    ignore: list[str] = option([], help="files of other tools to ignore, as in */notes.txt", metavar="GLOB")

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        for word in self.column:
            name, equals, kind = word.rpartition("=")
            if not name or not equals or kind not in COLUMN_TYPES:
                raise ValueError(f"--column {word}: expected NAME=TYPE with one of {', '.join(COLUMN_TYPES)}")
        return self

    @property
    def root(self) -> str:
        """The namespace of files that lie in no folder: the last part of the URI."""
        return unquote(self.uri.rstrip("/").rpartition("/")[2])

    def files_options(self) -> FilesOptions:
        """What the options say. Raises UsageError for a schema that cannot be read, or has types that are not known."""
        given = dict(word.rsplit("=", 1) for word in self.column)
        return FilesOptions(
            compression=self.compression,
            page_size=self.page_size,
            page_bytes=self.page_bytes,
            partition_bytes=self.partition_bytes,
            file_bytes=self.file_bytes,
            max_document_bytes=self.max_document_bytes,
            concurrency=self.concurrency,
            foreign=ForeignOptions(
                id_field=self.id_field,
                on_bad_row=self.on_bad_row,
                columns={**(_columns(self.column_schema) if self.column_schema else {}), **given},
                delimiter=self.delimiter,
                ignore=self.ignore,
            ),
        )


_JSON_TYPES = {"integer": "long", "number": "double", "boolean": "bool", "string": "string"}


def _columns(path: Path) -> Mapping[str, str]:
    try:
        properties = json.loads(path.read_bytes())["properties"]
        found = {
            name: schema.get("bsonType", _JSON_TYPES.get(schema.get("type"))) for name, schema in properties.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"--column-schema {path}: expected a JSON Schema with properties ({error})") from error
    for name, kind in found.items():
        if kind not in COLUMN_TYPES:
            raise UsageError(
                f"--column-schema {path}: the type of {name!r} is {kind!r}: expected a bsonType among "
                f"{', '.join(COLUMN_TYPES)}, or a type among {', '.join(_JSON_TYPES)}"
            )
    return found
