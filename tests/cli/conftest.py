"""Commands, run as a user runs them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsync_kit.registry import import_folder, packaged_folder
from dsync_kit.server import ConnectorServer

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dsync_kit(tmp_path: Path) -> Command:
    """`dsync-kit` in an empty folder."""

    def run(*words: str | Path, columns: int = 100, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dsync_kit.cli.kit", *map(str, words)]
        env = {**os.environ, "COLUMNS": str(columns), **environ}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the reference connector."""
    return packaged_folder("examples") / "reference"


@pytest.fixture
def broken_address(reference: Path) -> Iterator[str]:
    """The address of a connector whose GetInfo names no type, and that logs what is secret."""
    connector = import_folder(reference, "connector")
    settings = import_folder(reference, "settings").Settings(uri="reference://")

    class Nameless(connector.ReferenceConnector):  # type: ignore[name-defined, misc]
        def get_info(self, request: object) -> object:
            answer = super().get_info(request)
            answer.ClearField("db_type")
            return answer

    with ConnectorServer(Nameless(settings)) as server:
        yield server.address
