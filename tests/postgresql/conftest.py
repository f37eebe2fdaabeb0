"""One server for the tests of this folder."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest

from dsync_kit.testing.postgresql import PostgreSQL

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def client(server: PostgreSQL) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.uri, autocommit=True) as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"name{next(_NUMBERS)}"
