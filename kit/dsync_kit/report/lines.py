"""Long lines of data in a narrow place."""

from collections.abc import Iterator

from rich.box import Box
from rich.text import Text

__all__ = ["OPEN_ENDED", "elide", "hanging"]

# A rule above and below, nothing at the sides: what is in between can be copied.
OPEN_ENDED = Box("────\n    \n────\n    \n────\n────\n    \n────\n")


def elide(text: str, most: int) -> str:
    """At most about `most` characters of a text: its beginning and its end."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 4
    return f"{text[:head]} …({len(text) - head - tail:,} characters)… {text[-tail:]}"


def hanging(text: str, width: int, *, indent: int, hang: int, most: int, style: str = "") -> Iterator[Text]:
    """The text on lines of `width` columns: the first is indented by `indent`, the `most` others by `hang`.

    Data has few places to break at, so it breaks anywhere, as a terminal would.
    """
    rest = Text(elide(printable(text), (width - hang) * most), style=style)
    room, margin = max(20, width - indent), indent
    while True:
        head, rest = _split(rest, room)
        yield Text(" " * margin) + head
        if not rest.plain:
            return
        room, margin = max(20, width - hang), hang


def printable(text: str) -> str:
    """The text with its control characters escaped, so that data can't steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _split(text: Text, columns: int) -> tuple[Text, Text]:
    if text.cell_len <= columns:
        return text, Text()
    cut, used = 0, 0
    for cut, char in enumerate(text.plain):  # noqa: B007 - where it ends is the result
        used += Text(char).cell_len
        if used > columns:
            break
    head, rest = text.divide([max(1, cut)])
    return head, rest
