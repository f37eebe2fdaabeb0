"""The options of connectors that keep their documents in files."""

from pathlib import Path

import pytest

from dsync_kit.files.settings import FilesSettings
from dsync_kit.usage import UsageError


def parse(*words: str) -> FilesSettings:
    """The settings that a command line gives; the environment is empty."""
    settings, rest = FilesSettings.parse(["s3://bucket/some%20prefix/", *words], {})
    assert rest == []
    return settings


def test_every_option_reaches_the_files(tmp_path: Path) -> None:
    """A column's own type goes before that of the schema."""
    schema = tmp_path / "schema.json"
    schema.write_text(
        '{"properties": {"n": {"bsonType": "long"}, "paid": {"type": "boolean"}, "a=b": {"type": "string"}}}'
    )
    settings = parse(
        *("--compression=zstd", "--page-size=2", "--page-bytes=3", "--partition-bytes=4", "--file-bytes=2000000"),
        *("--max-document-bytes=6", "--concurrency=7", "--id-field=key", "--on-bad-row=skip", "--delimiter=;"),
        *("--ignore=*/a", "--ignore=*/b", "--column=n=double", "--column=a=b=int", f"--column-schema={schema}"),
    )
    options = settings.files_options()
    assert (options.compression, options.page_size, options.page_bytes, options.partition_bytes) == ("zstd", 2, 3, 4)
    assert (options.file_bytes, options.max_document_bytes, options.concurrency) == (2_000_000, 6, 7)
    foreign = options.foreign
    assert (foreign.id_field, foreign.on_bad_row, foreign.delimiter) == ("key", "skip", ";")
    assert foreign.ignore == ["*/a", "*/b"]
    assert foreign.columns == {"n": "double", "paid": "bool", "a=b": "int"}
    assert settings.root == "some prefix"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--compression=lzma", "--compression: Input should be 'none', 'gzip' or 'zstd'"),
        ("--on-bad-row=ignore", "--on-bad-row: Input should be 'fail' or 'skip'"),
        ("--page-size=0", "--page-size: Input should be greater than or equal to 1"),
        ("--file-bytes=1000", "--file-bytes: Input should be greater than or equal to 1048576"),
        ("--delimiter=||", "--delimiter: String should have at most 1 character"),
        ("--column=total", "--column total: expected NAME=TYPE with one of string, int, long"),
        ("--column=total=money", "--column total=money: expected NAME=TYPE with one of string, int, long"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: str, message: str) -> None:
    """The error names it, and says what was expected."""
    with pytest.raises(UsageError, match=message):
        parse(option)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "expected a JSON Schema with properties .*No such file"),
        ("[]", "expected a JSON Schema with properties"),
        ('{"properties": {"n": {"type": "array"}}}', "the type of 'n' is None: expected a bsonType among"),
    ],
)
def test_a_schema_that_gives_no_types_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """The error names the file."""
    schema = tmp_path / "schema.json"
    if text is not None:
        schema.write_text(text)
    with pytest.raises(UsageError, match=f"--column-schema {schema}: {message}"):
        parse(f"--column-schema={schema}").files_options()
