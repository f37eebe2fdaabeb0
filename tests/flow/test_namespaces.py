"""Which namespaces are copied, and under which names."""

import pytest

from dsync_kit.errors import UsageError
from dsync_kit.flow.namespaces import NamespaceMap


def test_names_and_pairs() -> None:
    """`a,b.c,d:e` requests a, b.c and d, and names d e; the option may be repeated."""
    names = NamespaceMap.parse(["a,b.c", "d:e"])
    assert names.requested == ["a", "b.c", "d"]
    assert [names.destination(name) for name in ("a", "b.c", "d", "other")] == ["a", "b.c", "e", "other"]
    assert NamespaceMap.parse([]).requested == []


def test_parts_of_what_was_asked_for() -> None:
    """`a:b` maps a.c to b.c; a longer given name takes precedence; a name with only the same beginning is unchanged."""
    names = NamespaceMap.parse(["a:b,a.c.d:x"])
    assert [names.destination(name) for name in ("a.c", "a.c.d", "a.c.d.e", "ab")] == ["b.c", "x", "x.e", "ab"]


@pytest.mark.parametrize("text", ["", "a,,b", ":b", "a:", "a:b:c"])
def test_what_is_not_a_name(text: str) -> None:
    """Anything else is a usage error that says what was expected."""
    with pytest.raises(UsageError, match="expected NAME or SOURCE:DESTINATION"):
        NamespaceMap.parse([text])


@pytest.mark.parametrize("text", ["a:c,b:c", "a,b:a"])
def test_two_that_become_one(text: str) -> None:
    """Two namespaces with the same destination name would overwrite each other's documents."""
    with pytest.raises(UsageError, match="overwrite each other's documents"):
        NamespaceMap.parse([text])


def test_one_name_twice() -> None:
    """The same pair twice counts once; two names for one namespace are an error."""
    assert NamespaceMap.parse(["a:b", "a:b"]).requested == ["a"]
    with pytest.raises(UsageError, match="'a' is given twice"):
        NamespaceMap.parse(["a:b", "a:c"])
