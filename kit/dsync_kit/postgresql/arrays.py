"""Arrays as PostgreSQL writes them: `{a,"b c",NULL}`, in braces within braces if they have several dimensions."""

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["array_items", "array_text", "quoted", "text_array"]

_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^{},"]+)|([{}])', re.DOTALL)


def array_items(text: bytes) -> list[Any]:
    """The elements of an array as texts, None for NULL; lists in lists if it has several dimensions.

    Raises ValueError for an array whose subscripts do not begin with 1: lists cannot say with which they begin.
    """
    if text[:1] != b"{":
        raise ValueError("an array whose subscripts do not begin with 1")
    top: list[Any] = []
    stack = [top]
    for found in _TOKEN.finditer(text):
        quoted, bare, brace = found.groups()
        if brace == b"{":
            stack.append([])
            stack[-2].append(stack[-1])
        elif brace == b"}":
            stack.pop()
        elif bare is not None:
            stack[-1].append(None if bare == b"NULL" else bare)
        else:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL))
    items: list[Any] = top[0]
    return items


def array_text(elements: Sequence[str]) -> str:
    """The array of elements that are written as PostgreSQL writes them: quoted texts, NULL, or arrays."""
    return "{" + ",".join(elements) + "}"


def text_array(texts: Sequence[str | None]) -> str:
    """The array of these texts; None is NULL."""
    if texts and None not in texts:
        # Most texts need no escapes, which is seen in all of them at once.
        joined = '","'.join(texts)  # type: ignore[arg-type]
        if "\\" not in joined and joined.count('"') == 2 * (len(texts) - 1):
            return f'{{"{joined}"}}'
    return array_text(["NULL" if text is None else quoted(text) for text in texts])


def quoted(text: str) -> str:
    """A text as an element of an array."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
