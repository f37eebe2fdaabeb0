"""Fits long lines of data into a few columns."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from dsync_kit.output.plain import printable

__all__ = ["elide", "field", "hanging"]

_NARROWEST = 20
_RAGGED = 0.4
"""How full a line must be to end at a space; data without spaces breaks anywhere, as on a terminal."""


def elide(text: str, most: int) -> str:
    """A text cut to about `most` characters: its beginning and its end."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 4
    return f"{text[:head]} …({len(text) - head - tail:,} characters)… {text[-tail:]}"


def hanging(text: str, width: int, *, indent: int = 0, hang: int = 0, most: int = 0, style: str = "") -> Iterator[Text]:
    """The text in lines of at most `width` columns, the first indented by `indent`, the others by `hang`.

    `most` limits the number of lines; 0 means no limit.
    """
    rest = printable(text)
    if most:
        rest = elide(rest, (max(_NARROWEST, width - hang) - 4) * most)
    margin = indent
    while True:
        head, rest = _split(rest, max(_NARROWEST, width - margin))
        yield Text(" " * margin).append(head, style)
        if not rest:
            return
        margin = hang


def field(label: str, text: str, width: int, *, column: int, most: int = 0, style: str = "") -> Iterator[Text]:
    """A dim label of `column` columns, and a text beside it."""
    for index, line in enumerate(hanging(text, width, indent=column, hang=column, most=most, style=style)):
        if index == 0:
            yield Text().append(f"{label:<{column}}", "dim").append(line.plain[column:], style)
        else:
            yield line


def _split(text: str, columns: int) -> tuple[str, str]:
    """As much of the text as fits into `columns`, and the rest."""
    if cell_len(text) <= columns:
        return text, ""
    used = cut = 0
    for char in text:
        used += cell_len(char)
        if used > columns:
            break
        cut += 1
    space = text.rfind(" ", 0, cut + 1)
    if space >= cut * _RAGGED:
        return text[:space].rstrip(), text[space:].lstrip()
    cut = max(1, cut)
    return text[:cut], text[cut:]
