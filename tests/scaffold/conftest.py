"""Rendered connectors, and a real S3 server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.seaweedfs import SeaweedFS

# One of each object store, each choice of data types, and names as long as they may be.
ANSWERS = (
    Answers(scheme="s3"),
    Answers(scheme="gs", data_types=("bson",)),
    Answers(scheme="az", data_types=("json",)),
    Answers(scheme="file", data_types=("json", "bson")),
    Answers(scheme="memory", name="scratch"),
    Answers(
        scheme="a-scheme.of+thirty-characters-",
        name="a_name_of_thirty_characters_ab",
        archetype="object-store",
    ),
)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Answers], Path]:
    """Renders into a folder with the package's name, once for each set of answers."""
    root = tmp_path_factory.mktemp("rendered")

    def render(answers: Answers) -> Path:
        folder = root / f"dsync_connector_{answers.name or answers.scheme}"
        if not folder.exists():
            scaffold(answers, output=folder)
        return folder

    return render


@pytest.fixture(scope="module")
def seaweedfs() -> Iterator[SeaweedFS]:
    """A server for the tests of one module."""
    with SeaweedFS() as server:
        yield server
