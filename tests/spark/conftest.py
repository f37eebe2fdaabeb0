"""Connectors behind addresses."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dsync_kit.registry import import_folder, packaged_folder
from dsync_kit.server import ConnectorServer

from .using import Served

REFERENCE = packaged_folder("examples") / "reference"


@pytest.fixture
def served() -> Iterator[Served]:
    """A reference connector, in memory, with small pages and three partitions in each namespace."""
    with _served(page_size=10, partitions=3) as one:
        yield one


@pytest.fixture
def other() -> Iterator[Served]:
    """Another one, with other data."""
    with _served() as one:
        yield one


@contextmanager
def _served(**options: int) -> Iterator[Served]:
    settings = import_folder(REFERENCE, "settings").Settings(**options)
    connector = import_folder(REFERENCE, "connector").ReferenceConnector(settings)
    with ConnectorServer(connector, "127.0.0.1:0") as server:
        yield Served(server.address, connector)
