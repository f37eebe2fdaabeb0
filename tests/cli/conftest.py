"""Commands, run as a user runs them."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from dsync_kit.registry import import_folder, packaged_folder
from dsync_kit.server import ConnectorServer

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dsync_kit(tmp_path: Path, forked: Command) -> Command:
    """`dsync-kit` in an empty folder."""

    def run(*words: str | Path, columns: int = 100, **environ: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "COLUMNS": str(columns), **environ}
        return forked([*map(str, words)], cwd=tmp_path, env=env)

    return run


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the reference connector."""
    return packaged_folder("examples") / "reference"


@pytest.fixture
def broken_address(reference: Path) -> Iterator[str]:
    """The address of a connector whose GetInfo names no type."""
    connector, settings = _reference(reference)

    class Nameless(connector.ReferenceConnector):  # type: ignore[name-defined, misc]
        def get_info(self, request: object) -> object:
            answer = super().get_info(request)
            answer.ClearField("db_type")
            return answer

    with ConnectorServer(Nameless(settings)) as server:
        yield server.address


class Alterable(Protocol):
    """A connector that can be repaired."""

    broken: bool
    address: str


@pytest.fixture
def altering(reference: Path) -> Iterator[Alterable]:
    """A connector that alters written documents until it is repaired."""
    connector, settings = _reference(reference)

    class Altering(connector.ReferenceConnector):  # type: ignore[name-defined, misc]
        broken = True
        address = ""

        def insertion(self, document: bytes, data_type: int) -> object:
            return super().insertion(document.replace(b"a", b"A") if self.broken else document, data_type)

    altering = Altering(settings)
    with ConnectorServer(altering) as server:
        altering.address = server.address
        yield altering


def _reference(folder: Path) -> tuple[Any, Any]:
    return import_folder(folder, "connector"), import_folder(folder, "settings").Settings(uri="reference://")


SIGNALLED = """
import signal, threading
from dsync_kit.registry import RegisteredConnector, import_folder, packaged_folder

folder = packaged_folder("examples") / "reference"
settings = import_folder(folder, "registration").CONNECTOR.settings


class Signalled(import_folder(folder, "connector").ReferenceConnector):
    def stream_updates(self, request, context):
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        return super().stream_updates(request, context)


CONNECTOR = RegisteredConnector(
    name="signalled", schemes=("signalled",), settings=settings, create=Signalled, usage="signalled://"
)
"""


@pytest.fixture
def signalled(tmp_path: Path) -> Path:
    """A connector's folder, `signalled://`: StreamUpdates sends SIGTERM to the thread that runs it."""
    folder = tmp_path / "signalled"
    folder.mkdir()
    (folder / "registration.py").write_text(SIGNALLED, encoding="utf-8")
    return folder
