"""The documents in test_data: valid ones are stored, invalid ones are refused."""

import base64
from collections.abc import Iterator
from pathlib import Path

import bson
import pytest
from bson import json_util
from bson.codec_options import DatetimeConversion

from dsync_kit.client import LocalClient
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
    GetNamespaceMetadataRequest,
    WriteDataRequest,
)
from dsync_kit.registry import load_folder

FOLDER = Path(__file__).parents[1]
OPTIONS = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def documents(*kinds: str) -> Iterator[tuple[bytes, DataType]]:
    """Every document in folders of test_data, with its type."""
    for path in sorted(path for kind in kinds for path in (FOLDER / "test_data" / kind).iterdir()):
        for line in path.read_bytes().split(b"\n"):
            match path.suffix:
                case ".jsonl" if line:
                    yield line, DATA_TYPE_JSON_ID
                case ".ejsonl" if line:
                    yield bson.encode(json_util.loads(line.decode(), json_options=OPTIONS)), DATA_TYPE_MONGO_BSON
                case ".base64" if line:
                    yield base64.b64decode(line), DATA_TYPE_MONGO_BSON


@pytest.fixture
def api() -> Iterator[LocalClient]:
    connector = load_folder(FOLDER)
    made = connector.create(connector.settings.parse(["reference://"], {})[0])
    yield LocalClient(made)
    made.teardown()


def test_valid_documents_and_edge_cases_are_kept(api: LocalClient) -> None:
    """Each of them, in a separate namespace."""
    for number, (document, data_type) in enumerate(documents("valid", "edge")):
        name = f"valid{number}"
        api.write_data(WriteDataRequest(namespace=name, data=[document], type=data_type))
        assert api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=name)).count == 1


@pytest.mark.parametrize(("document", "data_type"), list(documents("invalid")))
def test_invalid_documents_are_refused(api: LocalClient, document: bytes, data_type: DataType) -> None:
    """With INVALID_ARGUMENT, whatever is wrong with them."""
    with pytest.raises(InvalidArgument):
        api.write_data(WriteDataRequest(namespace="invalid", data=[document], type=data_type))
