"""The guide to writing a connector: its connectors run exactly as printed."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsync_kit.client import GrpcClient
from dsync_kit.documents import encode_id
from dsync_kit.errors import InvalidArgument, Unavailable, Unimplemented, UsageError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    GeneratePlanRequest,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    StreamUpdatesRequest,
    Update,
    UpdateType,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.registry import RegisteredConnector, load_folder
from dsync_kit.server import ConnectorServer

GUIDE = (Path(__file__).parents[2] / "docs" / "connector.md").read_text(encoding="utf-8")


def block(comment: str) -> str:
    """The Python code below a comment."""
    found = re.search(rf"<!-- [^>]*{comment} -->\n```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


CONNECTORS = {"store": block(r"runs this block\."), "rpcs": block(r"runs this block, too\.")}
TRANSLATION = block(r"adds this block to the connector\.")


def registered(folder: Path, source: str) -> RegisteredConnector:
    folder.mkdir()
    (folder / "registration.py").write_text(source, encoding="utf-8")
    return load_folder(folder)


@pytest.fixture(params=CONNECTORS)
def floor(request: pytest.FixtureRequest) -> str:
    """Which of the two connectors."""
    return str(request.param)


@pytest.fixture
def shelf(tmp_path: Path, floor: str) -> RegisteredConnector:
    return registered(tmp_path / "shelf", CONNECTORS[floor])


@pytest.fixture
def client(shelf: RegisteredConnector, tmp_path: Path) -> Iterator[GrpcClient]:
    settings, _ = shelf.settings.parse([f"shelf://{tmp_path}/data", "--page-size", "2"], {})
    with ConnectorServer(shelf.create(settings)) as server, GrpcClient(server.address, insecure=True) as client:
        yield client


def write(client: GrpcClient, *documents: bytes) -> None:
    client.write_data(WriteDataRequest(namespace="ns", data=documents, type=DATA_TYPE_JSON_ID))


def read(client: GrpcClient) -> list[list[bytes]]:
    """The namespace's pages."""
    [partition] = client.generate_plan(GeneratePlanRequest(namespaces=["ns"], initial_sync=True)).partitions
    pages, cursor = [], b""
    while True:
        page = client.list_data(ListDataRequest(partition=partition, cursor=cursor, type=DATA_TYPE_JSON_ID))
        pages.append(list(page.data))
        cursor = page.next_cursor
        if not cursor:
            return pages


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=CONNECTORS)
def test_it_is_as_short_as_the_guide_says(connector: str) -> None:
    """The connector has some 40 lines after its imports."""
    body = re.sub(r"^from .* import (\([^)]*\)|.*)$|^import .*$", "", connector, flags=re.MULTILINE)
    assert len([line for line in body.splitlines() if line.strip()]) <= 43


def test_get_info(shelf: RegisteredConnector, client: GrpcClient, tmp_path: Path) -> None:
    """It is a source and a sink of JSON documents, found by its scheme, with the id of its data."""
    info = client.get_info(GetInfoRequest())
    assert (info.db_type, info.id) == ("shelf", f"{tmp_path}/data")
    assert list(info.capabilities.source.supported_data_types) == [DATA_TYPE_JSON_ID]
    assert list(info.capabilities.sink.supported_data_types) == [DATA_TYPE_JSON_ID]
    assert shelf.matches("SHELF://x")


def test_write_and_list(client: GrpcClient) -> None:
    """Written documents are listed in pages, byte for byte, overwritten ones once; similar ids stay distinct."""
    documents = [b'{"id":5,"v":1}', b'{"id":"5"}', b'{"v":2.50,"id":"a"}', b'{"id":true}', b'{"id":""}']
    write(client, *documents)
    write(client, b'{"id":5.0,"v":2}')
    pages = read(client)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {data for page in pages for data in page} == {b'{"id":5.0,"v":2}', *documents[1:]}
    assert client.get_namespace_metadata(GetNamespaceMetadataRequest(namespace="ns")).count == 5
    assert client.get_namespace_metadata(GetNamespaceMetadataRequest(namespace="other")).count == 0


def test_updates(client: GrpcClient, floor: str) -> None:
    """Updates of one id are applied in order, deleting a missing document is fine; partial ones need the store."""

    def update(*changes: tuple[UpdateType, str, bytes]) -> None:
        updates = [Update(type=kind, id=[encode_id(key, "id")], data=data) for kind, key, data in changes]
        client.write_updates(WriteUpdatesRequest(namespace="ns", updates=updates, type=DATA_TYPE_JSON_ID))

    write(client, b'{"id":"a"}', b'{"id":"b"}')
    update(
        (UPDATE_TYPE_UPDATE, "a", b'{"id":"a","v":1}'),
        (UPDATE_TYPE_DELETE, "b", b""),
        (UPDATE_TYPE_INSERT, "b", b'{"id":"b","v":2}'),
        (UPDATE_TYPE_DELETE, "missing", b""),
    )
    assert {data for page in read(client) for data in page} == {b'{"id":"a","v":1}', b'{"id":"b","v":2}'}
    update((UPDATE_TYPE_INSERT, "a", b'{"id":"a"}'), (UPDATE_TYPE_DELETE, "a", b""))
    partial = (UPDATE_TYPE_PARTIAL_UPDATE, "b", b'{"v":3}')
    if floor == "store":
        update(partial)
        assert read(client) == [[b'{"id":"b","v":3}']]
    else:
        with pytest.raises(Unimplemented, match="partial"):
            update((UPDATE_TYPE_DELETE, "b", b""), partial)
        assert read(client) == [[b'{"id":"b","v":2}']]


def test_bad_requests(client: GrpcClient) -> None:
    """A bad document refuses its whole page; a foreign cursor and an unsupported type are refused, too."""
    with pytest.raises(InvalidArgument, match="no id"):
        write(client, b'{"id":1}', b'{"v":1}')
    assert read(client) == [[]]
    with pytest.raises(InvalidArgument, match="unsupported data type 1"):
        client.write_data(WriteDataRequest(namespace="ns", type=DATA_TYPE_MONGO_BSON))
    [partition] = client.generate_plan(GeneratePlanRequest(namespaces=["ns"], initial_sync=True)).partitions
    request = ListDataRequest(partition=partition, type=DATA_TYPE_JSON_ID, cursor=b"x")
    with pytest.raises(InvalidArgument, match=r"not a (After|PageCursor)"):
        client.list_data(request)
    with pytest.raises(Unimplemented):
        list(client.stream_updates(StreamUpdatesRequest()))


@pytest.mark.usefixtures("shelf")
def test_it_conforms(tmp_path: Path) -> None:
    """To the rules that a short connector easily breaks; the page says that it passes them all."""
    asked = ("list/complete", "list/ends-while-written", "list/page-boundaries", "write/read-back", "updates/model")
    words = [word for rule in asked for word in ("--rule", rule)]
    target = (tmp_path / "shelf", f"shelf://{tmp_path}/data")
    verify = (sys.executable, "-m", "dsync_kit.cli.kit", "verify", *target, "--profile", "quick", "--seed", "1")
    done = subprocess.run([*verify, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings(shelf: RegisteredConnector) -> None:
    """Its option has the guide's limit."""
    with pytest.raises(UsageError, match="--page-size: Input should be greater than 0"):
        shelf.settings.parse(["shelf://x", "--page-size", "0"], {})


def test_translation(tmp_path: Path, floor: str) -> None:
    """With the guide's translate_error, a locked or broken SQLite file is a temporary fault."""
    imports = "from dsync_kit.errors import ConnectorError, Unavailable\n"
    body, _, registration = CONNECTORS[floor].rpartition("\n\nCONNECTOR = ")
    source = f"{imports}{body.rstrip()}\n\n{TRANSLATION}\n\nCONNECTOR = {registration}"
    shelf = registered(tmp_path / "translated", source)
    connector = shelf.create(shelf.settings(uri=f"shelf://{tmp_path}/data"))
    assert connector.translate_error(ValueError()) is None
    with sqlite3.connect(tmp_path / "data") as db:
        db.execute("DROP TABLE shelf")
    db.close()
    expected = pytest.raises(Unavailable, match=r"SQLite cannot use .*no such table: shelf")
    with ConnectorServer(connector) as server, GrpcClient(server.address, insecure=True) as client, expected:
        write(client, b'{"id":1}')
