"""Flows between pairs of archetypes and bundled connectors, seed after seed: `make e2e`."""

import os
from functools import cache
from pathlib import Path

import pytest

from dsync_kit.registry import packaged_folder
from dsync_kit.scaffold.rendering import Answers, scaffold

from .test_e2e import DSYNC, e2e

SEEDS = range(int(os.environ.get("SEEDS") or 1))
ARCHETYPES = ("s3", "mongodb", "postgresql", "mine")
"""An object store, a document database, tables, and the blank archetype over SQLite."""
PAIRS = (
    ("reference", "s3"),
    ("mine", "mongodb"),
    ("mongodb", "s3"),
    ("mongodb", "postgresql"),
    ("postgresql", "s3"),
    ("postgresql", "mine"),
    ("postgresql", "reference"),
)
MOVERS = (
    pytest.param((), id="run"),
    pytest.param(
        ("--dsync", DSYNC),
        id="dsync",
        marks=pytest.mark.skipif(not DSYNC, reason="DSYNC_BIN does not name dsync's binary"),
    ),
)


@cache
def _folder(name: str, place: Path) -> Path:
    """A connector's folder: bundled, or scaffolded here."""
    if name not in ARCHETYPES:
        return packaged_folder("examples") / name
    return scaffold(Answers(scheme=name), output=place / name).folder


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where connectors are scaffolded."""
    return tmp_path_factory.mktemp("connectors")


@pytest.mark.campaign
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mover", MOVERS)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_equal(tmp_path: Path, place: Path, pair: tuple[str, str], mover: tuple[str, ...], seed: int) -> None:
    """Whatever is killed, stopped or replaced, and whenever: both ends hold what the source acknowledged."""
    source, sink = (_folder(name, place) for name in pair)
    amounts = ("--kills", "4", "--stops", "2", "--documents", "500", "--changes", "120", "--quiet", "60")
    code, _, output = e2e(tmp_path, "--seed", str(seed), *amounts, *mover, source, sink)
    assert code == 0, output
