"""`dsync-kit schema` and `--documents`, end to end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.documents import encode
from dsync_kit.errors import NotFound
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, WriteDataRequest
from dsync_kit.registry import import_folder
from dsync_kit.server import ConnectorServer

from .conftest import Command

SCHEMA = {"properties": {"_id": {"bsonType": "string"}, "n": {"bsonType": "long"}}, "required": ["n"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a schema."""
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(SCHEMA))
    return path


def test_documents_are_those_of_the_schema(dsync_kit: Command, reference: Path, file: Path) -> None:
    """With a schema, all rules draw from it, and the rules on documents outside it judge."""
    rules = ["--rule", "write/read-back", "--rule", "schema/missing-field"]
    done = dsync_kit("verify", reference, "--documents", file, *rules, "--profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rules passed" in done.stdout


def test_without_a_schema_nothing_lies_outside(dsync_kit: Command, reference: Path) -> None:
    """Without a schema, the rules on documents outside it are skipped, and say why."""
    done = dsync_kit("verify", reference, "--rule", "schema/null", "--profile", "quick")
    assert "there is no schema to violate" in done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ('{"additionalProperties": false}', "no document could have an id"),
    ],
)
def test_what_is_not_a_schema_is_wrong_usage(
    dsync_kit: Command, reference: Path, tmp_path: Path, content: str | None, message: str
) -> None:
    """Exit code 2, and what is wrong, with the file's name."""
    path = tmp_path / "wrong.json"
    if content is not None:
        path.write_text(content)
    done = dsync_kit("verify", reference, "--documents", path, "--rule", "info/*")
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "wrong.json" in done.stderr


def test_a_schema_is_printed(dsync_kit: Command, reference: Path, file: Path, tmp_path: Path) -> None:
    """A declared schema is printed as the kit understands it, and saved in a file for each namespace."""
    done = dsync_kit("schema", reference, "--documents", f"db.rows={file}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["properties"]["n"] == {"bsonType": "long"}
    saved = dsync_kit("schema", reference, "--documents", f"db.rows={file}", "--output", tmp_path / "schemas")
    assert saved.stdout == f"--documents db.rows={tmp_path / 'schemas' / 'db.rows.json'}\n"


def test_a_store_of_anything_has_none(dsync_kit: Command, reference: Path) -> None:
    """If documents may have any fields, there is no schema to print: exit code 3, and the reason."""
    done = dsync_kit("schema", reference)
    assert done.returncode == 3
    assert "documents with any fields" in done.stderr


def test_several_namespaces_are_not_printed_as_one(dsync_kit: Command, reference: Path) -> None:
    """Exit code 2 with what to do, before anything is written."""
    done = dsync_kit("schema", reference, "--namespace", "a", "--namespace", "b")
    assert done.returncode == 2
    assert "2 namespaces may each have a schema (a, b): name one with --namespace" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def tables(reference: Path) -> Iterator[str]:
    """The address of a connector with one table."""
    connector: Any = import_folder(reference, "connector")
    settings: Any = import_folder(reference, "settings").Settings.parse(["reference://"], {})[0]

    class OneTable(connector.ReferenceConnector):  # type: ignore[name-defined, misc]
        def write_data(self, request: Any) -> Any:
            if request.namespace != "main.people":
                raise NotFound(f"there is no table {request.namespace}")
            return super().write_data(request)

    opened = OneTable(settings)
    row = encode({"_id": "a"}, DATA_TYPE_MONGO_BSON)
    opened.write_data(WriteDataRequest(namespace="main.people", data=[row], type=DATA_TYPE_MONGO_BSON))
    with ConnectorServer(opened) as server:
        yield server.address


def test_which_namespaces_there_are_is_shown(dsync_kit: Command, tables: str) -> None:
    """Where namespaces must exist beforehand, and none is given, the plan's are named."""
    done = dsync_kit("schema", f"grpc://{tables}", "--insecure")
    assert done.returncode == 3
    assert "its plan has main.people; try --namespace main.people" in " ".join(done.stderr.split())
    assert done.stderr.endswith("no schema was found: see above\n")


def test_a_namespace_that_does_not_exist_is_not_judged(dsync_kit: Command, tables: str) -> None:
    """The reason is its name: a schema would not help."""
    words = ["--insecure", "--namespace", "main.poeple", "--rule", "write/accepts", "--rule", "list/complete"]
    done = dsync_kit("verify", f"grpc://{tables}", *words, "--profile", "quick", columns=300)
    assert done.returncode == 3, done.stdout
    reason = "it does not exist (NOT_FOUND: there is no table main.poeple); create it beforehand, or correct its name"
    assert f"no document is known that main.poeple accepts: {reason}" in done.stdout
    assert "--documents" not in done.stdout
