"""The server that speaks MongoDB's protocol: it is real, keeps its data, and leaves nothing behind."""

import tempfile
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from dsync_kit.bounds import scratch
from dsync_kit.testing.secantusdb import SecantusDB


def test_what_was_acknowledged_survives_a_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """During an outage nothing answers; after it, documents are there, and change streams continue."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_MEMORY", tmp_path)
    with SecantusDB() as server, MongoClient(server.uri) as client:
        documents = client["shop"]["orders"]
        with documents.watch() as stream:
            documents.insert_many([{"_id": number} for number in range(50)])
            token = stream.next()["_id"]
        impatient = MongoClient(server.uri, serverSelectionTimeoutMS=200)
        with server.outage(), impatient, pytest.raises(AutoReconnect):
            impatient["shop"]["orders"].find_one()
        assert documents.count_documents({}) == 50
        with documents.watch(resume_after=token) as stream:
            assert stream.next()["documentKey"] == {"_id": 1}
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []
    server.stop()


def test_it_throttles_on_request() -> None:
    """While the context is open, three commands are refused after the first one; before and afterwards, none is."""
    with SecantusDB(durable=False) as server, MongoClient(server.uri) as client:
        documents = client["shop"]["orders"]

        def refused() -> bool:
            try:
                documents.insert_one({})
            except OperationFailure as error:
                return error.code == 16500
            return False

        assert not refused()
        with server.throttle():
            assert [refused() for _ in range(6)] == [False, True, True, True, False, False]
        with server.throttle():
            assert not refused()
        assert not refused()
