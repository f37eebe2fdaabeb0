"""The console on which commands print, whatever the environment says about the terminal."""

import os

from rich.console import Console

__all__ = ["open_console"]

_SIZES = {"COLUMNS": range(20, 1000), "LINES": range(1, 1000)}


def open_console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr. It prints plain text, without interpreting markup.

    COLUMNS and LINES only count if they are plausible: 0, a million or a word are ignored.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _SIZES or _is_size(name, value)}
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, _environ=environ)


def _is_size(name: str, value: str) -> bool:
    return value.isdecimal() and len(value) < 10 and int(value) in _SIZES[name]
