"""Pages and rendered code import the protocol in only one way."""

import re

import pytest

from .commands import ROOT

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "skills/**/*.md",
        "template/**/*.jinja",
        "examples/**/*.py",
        "examples/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
OTHER_WAYS = re.compile(r"import dsync_kit\.protocol|from dsync_kit import .*\bprotocol\b|protocol\.adiom|_pb2\b")


def test_the_protocol_is_imported_by_its_names() -> None:
    """`from dsync_kit.protocol import …`, never as a module with a short name."""
    assert len(PAGES) > 100
    assert [str(path.relative_to(ROOT)) for path in PAGES if OTHER_WAYS.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("line", ["from dsync_kit import protocol as p", "import dsync_kit.protocol", "import x_pb2"])
def test_every_other_way_is_seen(line: str) -> None:
    """Whatever name it gets."""
    assert OTHER_WAYS.search(line)
