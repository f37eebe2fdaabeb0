"""The DuckDB query in a rendered README reads what the connector wrote: the newest version of each document."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest

from dsync_kit.documents import encode, id_field, id_of
from dsync_kit.files.content.extended import from_extended, parse_extended
from dsync_kit.files.document_files import DocumentFiles, FilesOptions
from dsync_kit.files.stores.folder import Folder
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    DataType,
    Update,
)
from dsync_kit.scaffold.rendering import Answers

from .conftest import ANSWERS

PLACE = re.compile("/tmp/[a-z]+/shop.orders")  # noqa: S108 - what the README of a file connector shows
QUERIES: Mapping[DataType, Answers] = {
    DATA_TYPE_JSON_ID: ANSWERS[3],
    DATA_TYPE_MONGO_BSON: Answers(scheme="file", name="folder", archetype="object-store"),
}


def query(folder: Path) -> str:
    """The first query of a README."""
    found = re.search(r"```sql\n(.*?;)\n```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("data_type", "compression"),
    [(DATA_TYPE_JSON_ID, "none"), (DATA_TYPE_MONGO_BSON, "gzip"), (DATA_TYPE_MONGO_BSON, "zstd")],
)
def test_the_query_gives_the_newest_versions(
    rendered: Callable[[Answers], Path], tmp_path: Path, compression: str, data_type: DataType
) -> None:
    """After overwrites and deletes, with some files merged and others not, and with kept deletes."""
    name = id_field(data_type)
    expected = {}
    options = FilesOptions(compression=compression)  # type: ignore[arg-type]
    files = DocumentFiles(Folder(tmp_path), options)
    for step in range(21):
        if step == 20:  # all are merged; the few files that follow are too few to be
            files.settle()
            files.close()
            files = DocumentFiles(Folder(tmp_path), options)
        documents = [{name: key, "v": step, "text": "é\n"} for key in range(step, step + 10)]
        files.write("shop.orders", [encode(document, data_type) for document in documents], data_type)
        expected |= {document[name]: document for document in documents}
        gone = id_of(encode({name: step}, data_type), data_type)
        kept = encode({name: step + 1, "v": "updated"}, data_type)
        updates = [
            Update(id=gone, type=UPDATE_TYPE_DELETE),
            Update(id=id_of(kept, data_type), type=UPDATE_TYPE_UPDATE, data=kept),
        ]
        files.update("shop.orders", updates, data_type)
        del expected[step]
        expected[step + 1] = {name: step + 1, "v": "updated"}
    files.close()
    names = [path.name for path in (tmp_path / "shop.orders").glob("*.jsonl*")]
    assert any("_" in name for name in names)
    assert any("_" not in name for name in names)

    sql = PLACE.sub(str(tmp_path / "shop.orders"), query(rendered(QUERIES[data_type])))
    rows = [row[0] for row in duckdb.connect().execute(sql).fetchall()]
    read = parse_extended if data_type == DATA_TYPE_MONGO_BSON else json.loads
    found = {document[name]: document for document in (read(row.encode()) for row in rows)}
    assert len(rows) == len(found)
    assert found == expected


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_file_of_several_blocks_is_one_file(tmp_path: Path, compression: str) -> None:
    """Each block is compressed separately, and DuckDB reads across them."""
    files = DocumentFiles(Folder(tmp_path), FilesOptions(compression=compression))  # type: ignore[arg-type]
    documents = [encode({"id": key, "text": "x" * 1000}, DATA_TYPE_JSON_ID) for key in range(4000)]
    files.write("shop.orders", documents, DATA_TYPE_JSON_ID)
    files.close()
    place = str(tmp_path / "shop.orders" / "0*.jsonl*")
    count = "SELECT count(*) FROM read_ndjson_objects(?)"
    assert duckdb.connect().execute(count, [place]).fetchall() == [(4000,)]


def test_extended_json_of_the_query_is_the_document(tmp_path: Path) -> None:
    """DuckDB returns a BSON document completely, including its types."""
    document = encode({"_id": 1, "n": 2.0, "big": 2**40}, DATA_TYPE_MONGO_BSON)
    files = DocumentFiles(Folder(tmp_path))
    files.write("shop.orders", [document], DATA_TYPE_MONGO_BSON)
    files.close()
    place = tmp_path / "shop.orders" / "*.jsonl"
    ((row,),) = duckdb.connect().execute("SELECT json FROM read_ndjson_objects(?)", [str(place)]).fetchall()
    assert from_extended(row.encode()) == document
