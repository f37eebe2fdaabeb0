"""Namespaces as paths: how they are split, and which are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsync_kit.errors import InvalidArgument
from dsync_kit.namespaces import namespace_parts


@pytest.mark.parametrize(
    ("namespace", "parts"),
    [
        ("a", ("a",)),
        ("db.collection", ("db", "collection")),
        ("a.b.c", ("a", "b", "c")),
        ("données.表", ("données", "表")),
        ("a b.-_~%20", ("a b", "-_~%20")),
    ],
)
def test_parts(namespace: str, parts: tuple[str, ...]) -> None:
    """A namespace is split only at its dots."""
    assert namespace_parts(namespace) == parts


@pytest.mark.parametrize("namespace", ["", ".", "..", "a..b", ".a", "a.", "a.../b"])
def test_empty_parts(namespace: str) -> None:
    """An empty part, and so every `..`, is refused, and the message has the namespace."""
    with pytest.raises(InvalidArgument, match=re.escape(repr(namespace)) + " has an empty part"):
        namespace_parts(namespace)


@pytest.mark.parametrize("character", ["/", "\\", ":", "\0", "\n", "\x1f", "\x7f"])
def test_characters_that_lead_elsewhere(character: str) -> None:
    """Separators of paths and control characters are refused, and the message shows which."""
    with pytest.raises(InvalidArgument, match=re.escape(f"holds {character!r}")):
        namespace_parts(f"a.b{character}c")


@given(st.text())
def test_any_text(namespace: str) -> None:
    """An accepted namespace's parts join to the original, and none is empty; everything else is INVALID_ARGUMENT."""
    try:
        parts = namespace_parts(namespace)
    except InvalidArgument:
        return
    assert ".".join(parts) == namespace
    assert all(parts)
    assert not {"/", "\\", ":", ".."} & set(parts)
