"""Large files of other tools, in several partitions: each row comes once, as in a listing of the whole file."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import bson
import pyarrow
import pyarrow.parquet
import pytest

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.foreign.kinds import ForeignOptions
from dsync_kit.files.stores.folder import Folder
from dsync_kit.protocol import DATA_TYPE_JSON_ID

from .using import listed

Open = Callable[..., DocumentFiles]
ROWS = 120
TEXTS = [f"{number} é" + "x" * (number % 50) for number in range(ROWS)]
QUOTED = [f'"{text}, ""quoted""\r\n\n"' if number % 7 == 0 else text for number, text in enumerate(TEXTS)]


def _parquet(path: Path) -> None:
    table = pyarrow.table({"id": [f"k{number}" for number in range(ROWS)], "text": TEXTS})
    pyarrow.parquet.write_table(table, path, row_group_size=10)


def _of(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


WRITERS: dict[str, Callable[[Path], object]] = {
    "ids.jsonl": _of("".join(json.dumps({"id": f"k{n}", "text": text}) + "\n" for n, text in enumerate(TEXTS))),
    "no-ids.jsonl": _of(
        "\ufeff" + "\n".join(json.dumps({"text": text}) + "\n" * (n % 20 == 5) for n, text in enumerate(TEXTS))
    ),
    "ids.bson": _of(b"".join(bson.encode({"_id": f"k{n}", "text": text}) for n, text in enumerate(TEXTS))),
    "no-ids.bson": _of(b"".join(bson.encode({"text": text}) for text in TEXTS)),
    "plain.csv": _of("\ufeffid,text\n" + "".join(f"k{n},{text}\n" for n, text in enumerate(TEXTS))),
    "quoted.csv": _of("text,n\r\n" + "".join(f"{text},{n}\r\n" for n, text in enumerate(QUOTED))),
    "inches.csv": _of("text,n\n" + "".join(f'5" {text},{n}\n' for n, text in enumerate(TEXTS))),
    "old-mac.csv": _of("text,n\r" + "".join(f"{text},{n}\r" for n, text in enumerate(TEXTS))),
    "plain.tsv": _of("text\tn\n" + "".join(f"{text}\t{n}\n" for n, text in enumerate(TEXTS))),
    "rows.parquet": _parquet,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a store, with a namespace `data`."""
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", WRITERS)
def test_the_pieces_of_a_file_have_each_of_its_rows_once(open_files: Open, root: Path, name: str) -> None:
    """Whoever lists them, in whatever order, also over several pages; a row without id has its line in the file."""
    path = root / "data" / name
    WRITERS[name](path)
    whole = listed(open_files(Folder(root)), "data")
    assert len(whole) == ROWS
    size = path.stat().st_size
    files = open_files(Folder(root), partition_bytes=size // 8, page_size=4)
    plan = [planned for planned in files.plan("data") if b"Piece" in planned.cursor]
    assert len(plan) > 5
    others = [open_files(Folder(root), page_size=size) for size in (3, 1000)]
    found = [listed(others[at % 2], "data", plan=[planned]) for at, planned in reversed(list(enumerate(plan)))]
    assert [row for rows in reversed(found) for row in rows] == whole
    assert listed(files, "data", plan=plan) == whole
    estimated = sum(planned.estimated_count for planned in plan)
    assert ROWS * 0.9 <= estimated <= ROWS * 1.3  # records of several lines are counted by their lines
    assert sorted(others[0].plan("data"), key=str) == sorted(open_files(Folder(root)).plan("data"), key=str)


@pytest.mark.parametrize("name", ["data.json", "data.jsonl.gz"])
def test_a_file_that_cannot_be_divided_is_one_partition(open_files: Open, root: Path, name: str) -> None:
    """An array, and a compressed file."""

    content = json.dumps([{"id": number} for number in range(ROWS)]).encode()
    lines = b"".join(b'{"id":%d}\n' % number for number in range(ROWS))
    (root / "data" / name).write_bytes(gzip.compress(lines) if name.endswith("gz") else content)
    plan = open_files(Folder(root), partition_bytes=50).plan("data")
    assert [planned.estimated_count > 0 for planned in plan] == [True, False]
    assert [row["id"] for row in listed(open_files(Folder(root)), "data", plan=plan)] == list(range(ROWS))


def test_a_bad_row_of_a_piece_is_named_by_its_line_in_the_file(open_files: Open, root: Path) -> None:
    """And can be skipped."""
    lines = [f'{{"id": {number}}}' for number in range(ROWS)]
    lines[100] = "oops"
    (root / "data" / "a.jsonl").write_text("\n".join(lines))
    files = open_files(Folder(root), partition_bytes=100)
    with pytest.raises(FailedPrecondition, match=r"'data/a.jsonl', line 101: "):
        listed(files, "data")
    skipping = open_files(Folder(root), partition_bytes=100, foreign=ForeignOptions(on_bad_row="skip"))
    assert len(listed(skipping, "data")) == ROWS - 1


def test_a_piece_of_a_file_that_has_changed_is_refused(open_files: Open, root: Path) -> None:
    """Its rows are not where the plan says; listing it again could not help."""
    path = root / "data" / "a.jsonl"
    path.write_text("".join(f'{{"id": {number}}}\n' for number in range(ROWS)))
    files = open_files(Folder(root), partition_bytes=100)
    plan = files.plan("data")
    path.write_text("".join(f'{{"id": {number}}}\n' for number in range(ROWS + 1)))
    with pytest.raises(FailedPrecondition, match=r"'data/a.jsonl' has changed since the plan was made: start again"):
        files.page("data", plan[3].cursor, b"", DATA_TYPE_JSON_ID)
