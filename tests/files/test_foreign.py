"""Files as other tools write them: every row is listed, and an error names the file and line of an unreadable one."""

import gzip
import json
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import bson
import duckdb
import pytest
import zstandard
from bson import Decimal128, Int64, ObjectId

from dsync_kit.errors import Aborted, FailedPrecondition
from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.foreign.kinds import ForeignOptions
from dsync_kit.files.stores.folder import Folder
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

from .using import delete, ids, listed

Open = Callable[..., DocumentFiles]
BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a store, with a namespace `data`."""
    (tmp_path / "data").mkdir()
    return tmp_path


def rows(open_files: Open, root: Path, data_type: DataType = JSON, **foreign: object) -> list[dict[str, object]]:
    """What is listed of the namespace `data`, in small pages."""
    files = open_files(Folder(root), page_size=7, foreign=ForeignOptions(**foreign))  # type: ignore[arg-type]
    return listed(files, "data", data_type)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.json", "t.json.zst", "t.ndjson", "t.parquet"])
def test_what_duckdb_writes_is_read(open_files: Open, root: Path, name: str) -> None:
    """Every row, with texts that hold what separates them; the count and the id's field as asked for."""
    options = {
        ".csv": "FORMAT csv",
        ".tsv": "FORMAT csv, DELIMITER '\t'",
        ".json": "FORMAT json, ARRAY true",
        ".ndjson": "FORMAT json",
        ".parquet": "FORMAT parquet",
    }[Path(name.removesuffix(".gz").removesuffix(".zst")).suffix]
    compression = {".gz": ", COMPRESSION gzip", ".zst": ", COMPRESSION zstd"}.get(Path(name).suffix, "")
    text = "'a, \"b\"' || chr(9) || chr(10) || 'é' || n"
    query = f"SELECT 'k' || n AS key, n AS number, {text} AS text FROM range(100) AS t(n)"  # noqa: S608 - of this test alone
    duckdb.connect().execute(f"COPY ({query}) TO '{root / 'data' / name}' ({options}{compression})")
    found = rows(open_files, root, id_field="key", columns={"number": "long"})
    assert sorted(found, key=lambda row: row["number"]) == [  # type: ignore[arg-type, return-value]
        {"id": f"k{n}", "key": f"k{n}", "number": n, "text": f'a, "b"\t\né{n}'} for n in range(100)
    ]
    assert open_files(Folder(root)).count("data") == 100


def test_what_mongodump_and_mongoexport_write_is_read(open_files: Open, root: Path) -> None:
    """BSON as it is, without its description; Extended JSON with its types, in either form."""
    documents = [{"_id": ObjectId(), "n": Int64(5), "when": datetime(2024, 1, 1)}, {"_id": 2, "n": 2.0}]
    (root / "data" / "users.bson").write_bytes(b"".join(map(bson.encode, documents)))
    (root / "data" / "users.metadata.json").write_text('{"indexes": []}')
    (root / "data" / "export.json").write_text(
        '{"_id":{"$oid":"65f1a0c2e4b0a1b2c3d4e5f6"},"at":{"$date":"2024-01-01T00:00:00Z"},"n":{"$numberLong":"7"}}\n'
        '{"_id":{"$numberInt":"3"},"d":{"$numberDecimal":"1.50"}}\n'
    )
    expected = [
        {"_id": ObjectId("65f1a0c2e4b0a1b2c3d4e5f6"), "at": datetime(2024, 1, 1), "n": Int64(7)},
        {"_id": 3, "d": Decimal128("1.50")},
        *documents,
    ]
    assert rows(open_files, root, BSON) == expected


def test_json_in_all_its_layouts(open_files: Open, root: Path) -> None:
    """Arrays over many lines, objects one after another, an empty array, brackets and escapes within strings."""
    texts = ['{"id": "]}\\"", "a": [1, [2, {"b": "[{"}]]}', '{"id": "b",\n\t"c": {}}', '{"id": "😀"}']
    (root / "data" / "a.json").write_text("\ufeff [\n" + " ,\n".join(texts) + "\n]\n", encoding="utf-8")
    (root / "data" / "b.json").write_text(" ".join(text.replace('"id": "', '"id": "2') for text in texts))
    (root / "data" / "c.json").write_text(" [ ] ")
    (root / "data" / "d.jsonl").write_text("\n" + '{"id": "no line\'s end"}')
    assert [row["id"] for row in rows(open_files, root)] == [
        *(']}"', "b", "😀", '2]}"', "2b", "2😀"),
        "no line's end",
    ]


def test_a_large_array_is_read_in_pieces(open_files: Open, root: Path) -> None:
    """Elements that reach from one piece into the next, and one that is larger than a piece."""
    documents = [{"id": n, "text": "x" * (n % 997), "more": "y" * (600_000 if n == 500 else 0)} for n in range(3000)]
    (root / "data" / "a.json").write_text(json.dumps(documents))
    assert rows(open_files, root) == documents


def test_a_row_without_an_id_gets_its_file_and_line(open_files: Open, root: Path) -> None:
    """Within the namespace's folder, so that it stays when the whole is moved; columns are text, unless typed."""
    (root / "data" / "2024").mkdir()
    (root / "data" / "2024" / "a.csv").write_text('n,note\n1,"two\nlines"\n2.5,\n')
    assert rows(open_files, root) == [
        {"id": "2024/a.csv:2", "n": "1", "note": "two\nlines"},
        {"id": "2024/a.csv:4", "n": "2.5", "note": ""},
    ]
    assert [row["n"] for row in rows(open_files, root, BSON, columns={"n": "decimal"})] == [
        Decimal128("1"),
        Decimal128("2.5"),
    ]


BAD = {
    "a.jsonl": (b'{"id": 1}\n{"id": 2\n{"id": 3}\n', "line 2"),
    "b.csv": (b"id,n\n1,2\n3\n4,5\n", "line 3: it has 1 fields, and the header has 2"),
    "c.csv": (b"id,n\n1,2\n3,many\n4,5\n", "line 3: its 'n' is not of the column's type: 'many'"),
    "d.json": (b'[{"id": 1}, 5, {"id": 3}]', "line 1: not a"),
    "e.jsonl": (b'{"id": 1}\n{"id": [2]}\n{"id": 3}', "line 2: "),
    "f.jsonl": (b'{"id": 1}\n{"id": 2, "x": "' + b"x" * 2000 + b'"}\n{"id": 3}', "line 2: it has more than the 1000"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_an_error_or_skipped(
    open_files: Open, root: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error names file and line; skipped, the others come, and the log says how many were left out."""
    content, message = BAD[name]
    (root / "data" / name).write_bytes(content)
    columns = {"n": "int"}
    failing = open_files(Folder(root), max_document_bytes=1000, foreign=ForeignOptions(columns=columns))
    with pytest.raises(FailedPrecondition, match=rf"'data/{name}', {message}.*--on-bad-row skip"):
        listed(failing, "data")
    skipping = ForeignOptions(columns=columns, on_bad_row="skip")
    with caplog.at_level(logging.WARNING):
        found = listed(open_files(Folder(root), max_document_bytes=1000, foreign=skipping), "data")
    assert len(found) == 2
    assert f"data/{name}: 1 rows were skipped" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b'[{"id": 1}, {"id": 2', "the file ends within a value"),
        ("a.json", b'[{"id": 1} {"id": 2}]', "expected ',' or ']'"),
        ("a.bson", bson.encode({"_id": 1}) + b"\x20\0\0\0half", "document 2: the file is cut off"),
        ("a.jsonl.gz", gzip.compress(b'{"id": 1}\n' * 9000)[:-20], "cannot be decompressed"),
        ("a.jsonl.zst", zstandard.compress(b'{"id": 1}\n' * 9000)[:-2], "cannot be decompressed: .*cut off"),
        ("a.csv", b"id,id\n1,2\n", "a header that names each column once"),
        ("a.parquet", b"nothing of the kind", "not a Parquet file"),
        ("notes.txt", b"hello", "of no kind that can be read: .* --ignore"),
    ],
)
def test_a_file_that_cannot_be_read_on_is_an_error_that_names_it(
    open_files: Open, root: Path, name: str, content: bytes, message: str
) -> None:
    """Whether bad rows are skipped or not, nothing is silently left out."""
    (root / "data" / name).write_bytes(content)
    with pytest.raises(FailedPrecondition, match=f"'data/{name}'.*{message}"):
        rows(open_files, root, on_bad_row="skip")
    assert rows(open_files, root, ignore=[f"*/{name}"]) == []


def test_hidden_files_are_passed_over(open_files: Open, root: Path) -> None:
    """What Hadoop and file managers leave."""
    (root / "data" / "_SUCCESS").touch()
    (root / "data" / ".part.crc").write_bytes(b"crc")
    (root / "data" / "_temporary").mkdir()
    (root / "data" / "_temporary" / "a.csv").write_text("half")
    assert rows(open_files, root) == []


def test_the_folder_is_the_namespace(open_files: Open, root: Path) -> None:
    """Under its plain name, whatever it has in it; files in no folder have the namespace of the store's own name."""
    (root / "My Data").mkdir()
    (root / "My Data" / "a.jsonl").write_text('{"id": 1}')
    (root / "top.jsonl").write_text('{"id": 2}')
    files = open_files(Folder(root), root="exports")
    assert files.namespaces() == ["My Data", "data", "exports"]
    assert listed(files, "My Data") == [{"id": 1}]
    assert listed(files, "exports") == [{"id": 2}]


def test_what_is_written_goes_before_what_lay_there(open_files: Open, root: Path) -> None:
    """A row that was overwritten or deleted since is not listed; a partial update starts from it."""
    (root / "data" / "a.jsonl").write_text("".join(f'{{"id": "{n}", "old": true}}\n' for n in range(5)))
    files = open_files(Folder(root))
    files.write("data", [b'{"id":"0","new":true}', b'{"id":"9"}'], JSON)
    files.update("data", [delete("1")], JSON)
    found = {row["id"]: row for row in listed(files, "data")}
    assert found == {
        "0": {"id": "0", "new": True},
        "9": {"id": "9"},
        **{f"{n}": {"id": f"{n}", "old": True} for n in (2, 3, 4)},
    }
    assert [item is not None for item in files.find("data", ids(["0", "1", "2", "7"]), JSON)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_file_that_changes_while_it_is_listed_is_noticed(open_files: Open, root: Path) -> None:
    """Between two pages: the partition is aborted, and listed again it has the new rows."""
    path = root / "data" / "a.jsonl"
    path.write_text("".join(f'{{"id": {n}}}\n' for n in range(20)))
    files = open_files(Folder(root), page_size=5)
    (partition, _) = files.plan("data")
    _, cursor = files.page("data", partition.cursor, b"", JSON)
    path.write_text("".join(f'{{"id": {n}}}\n' for n in range(100, 130)))
    with pytest.raises(Aborted, match=r"'data/a.jsonl' has changed while it was listed"):
        files.page("data", partition.cursor, cursor, JSON)
    assert [row["id"] for row in listed(files, "data", plan=[partition])] == list(range(100, 130))


def test_a_page_of_another_opening_goes_on(open_files: Open, root: Path) -> None:
    """A page's cursor needs no opening that remembers it, and gives the same page when it is asked for again."""
    (root / "data" / "a.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(20)))
    (root / "data" / "b.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(20, 40)))
    files = open_files(Folder(root), page_size=8)
    (partition, _) = files.plan("data")
    first, cursor = files.page("data", partition.cursor, b"", JSON)
    second, following = files.page("data", partition.cursor, cursor, JSON)
    assert (second, following) == files.page("data", partition.cursor, cursor, JSON)
    rest, cursor = list(first), cursor
    while cursor:
        page, cursor = open_files(Folder(root), page_size=8).page("data", partition.cursor, cursor, JSON)
        rest += page
    assert [json.loads(document)["id"] for document in rest] == [str(n) for n in range(40)]


def test_large_folders_become_several_partitions(open_files: Open, root: Path) -> None:
    """Of about the size that was asked for; together they have each file once, and their counts are true."""
    for n in range(10):
        (root / "data" / f"{n}.jsonl").write_text(f'{{"id": {n}}}\n' * 1)
    files = open_files(Folder(root), partition_bytes=35)
    plan = files.plan("data")
    assert [planned.estimated_count for planned in plan] == [3, 3, 3, 1, 0]
    assert sorted(row["id"] for row in listed(files, "data", plan=plan)) == list(range(10))
