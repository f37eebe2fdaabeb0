"""Text that came from elsewhere, made safe for where it is shown. Loads nothing: an error message may need it."""

from typing import Any

__all__ = ["encodable", "one_line", "printable", "printable_lines"]


def printable(text: str) -> str:
    """The text with its control characters escaped, so that data can't steer the terminal.

    Line ends are escaped, too, and so is half of a surrogate pair, which no encoding has.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines: its line ends stay, those of Windows as any others."""
    return "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))


def one_line(text: str) -> str:
    """The same on one line, where white space of any kind and length is a single space."""
    return printable(" ".join(text.split()))


def encodable(value: Any) -> Any:
    """The value with each half of a surrogate pair in it escaped, which JSON readers refuse; it may hold lists and so
    on."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case list() | tuple():
            return [encodable(item) for item in value]
        case dict():
            return {encodable(name): encodable(item) for name, item in value.items()}
        case _:
            return value
