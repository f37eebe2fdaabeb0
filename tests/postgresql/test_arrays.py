"""Arrays as PostgreSQL writes them."""

from collections.abc import Sequence

import pytest

from dsync_kit.postgresql.arrays import array_items, text_array


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        [None],
        ["a", "b c", "{},"],
        ['"'],
        ['","'],
        ["a", '","', "b"],
        ["\\"],
        ['\\"', None, "NULL", "\n"],
    ],
)
def test_texts_survive_in_an_array(texts: Sequence[str | None]) -> None:
    """Quotes, backslashes and what looks like the end of an element, too."""
    expected = [None if text is None else text.encode() for text in texts]
    assert array_items(text_array(texts).encode()) == expected
