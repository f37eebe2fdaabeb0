"""The server that speaks MongoDB's protocol: it is real, keeps what it was given, and leaves nothing behind."""

import sys
import tempfile
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

from dsync_kit.errors import UsageError
from dsync_kit.testing.secantusdb import SecantusDB


def test_what_was_acknowledged_survives_a_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """During an outage nothing answers; after it documents are there, and change streams go on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with SecantusDB() as server, MongoClient(server.uri) as client:
        documents = client["shop"]["orders"]
        with documents.watch() as stream:
            documents.insert_many([{"_id": number} for number in range(50)])
            token = stream.next()["_id"]
        impatient = MongoClient(server.uri, serverSelectionTimeoutMS=200)
        with server.outage(), impatient, pytest.raises(ServerSelectionTimeoutError):
            impatient["shop"]["orders"].find_one()
        assert documents.count_documents({}) == 50
        with documents.watch(resume_after=token) as stream:
            assert stream.next()["documentKey"] == {"_id": 1}
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []
    server.stop()


def test_without_its_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither beside the interpreter nor on PATH."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="'secantusd-py' is not installed: run pip install secantusdb"):
        SecantusDB().start()


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And its temporary folder is gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = tmp_path / "secantusd-py"
    program.write_text("#!/bin/sh\necho no room left\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UsageError, match="SecantusDB did not come up: no room left"):
        SecantusDB().start()
    assert not list(tmp_path.glob("dsync-kit-*"))
