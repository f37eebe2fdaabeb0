"""Long lines of data in a narrow column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from dsync_kit.output.plain import printable
from dsync_kit.report.lines import elide, hanging


@given(st.text(), st.integers(30, 120), st.integers(0, 8), st.integers(0, 8))
def test_no_line_is_wider_than_the_place(text: str, width: int, indent: int, hang: int) -> None:
    """Whatever the text, including wide characters, its lines fit."""
    assert all(cell_len(line.plain) <= width for line in hanging(text, width, indent=indent, hang=hang))


@given(st.text(alphabet="ab{}\U0001f600", min_size=1), st.integers(30, 120))
def test_nothing_gets_lost(text: str, width: int) -> None:
    """Data without spaces is complete and in order."""
    assert "".join(line.plain for line in hanging(text, width)) == text


def test_lines_break_at_spaces_where_there_are_some() -> None:
    """Words stay whole."""
    lines = [line.plain for line in hanging("one two three four five six seven", 20, indent=2, hang=4)]
    assert lines == ["  one two three four", "    five six seven"]


@pytest.mark.parametrize("text", ["\x1b[31mred", "two\nlines", "bell\a", "\u202eturned", "\ud800"])
def test_data_cannot_steer_the_terminal(text: str) -> None:
    """Control characters are shown escaped."""
    assert printable(text).isprintable()


def test_a_long_text_keeps_both_ends() -> None:
    """The beginning and the end are shown, with the number of characters left out."""
    shown = elide("a" * 500 + "z" * 500, 100)
    assert shown.startswith("aaa")
    assert shown.endswith("zzz")
    assert "(909 characters)" in shown


def test_a_text_takes_at_most_so_many_lines() -> None:
    """One value cannot fill the screen."""
    assert len(list(hanging("x" * 10_000, 80, most=4))) <= 5
