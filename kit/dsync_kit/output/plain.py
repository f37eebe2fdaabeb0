"""Makes foreign text safe to show. It imports nothing: an error message may need it."""

from typing import Any

__all__ = ["encodable", "one_line", "printable", "printable_lines"]


def printable(text: str) -> str:
    """The text with its control characters escaped, so that data can't steer the terminal.

    Line ends and unpaired surrogates, which no encoding has, are escaped, too.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_lines(text: str) -> str:
    """The text with its control characters escaped, except line ends (also those of Windows)."""
    return "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))


def one_line(text: str) -> str:
    """The text with its control characters escaped, on one line: each run of white space becomes a single space."""
    return printable(" ".join(text.split()))


def encodable(value: Any) -> Any:
    """The value (also lists and the like) with unpaired surrogates escaped, which JSON readers refuse."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case list() | tuple():
            return [encodable(item) for item in value]
        case dict():
            return {encodable(name): encodable(item) for name, item in value.items()}
        case _:
            return value
