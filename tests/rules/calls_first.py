"""Connectors of which several methods do the same before anything else: they wait, or refuse the call."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["calls_first"]

C = TypeVar("C", bound=type)


def calls_first(before: Callable[[Any], object], *methods: str) -> Callable[[C], C]:
    """A decorator: each of these methods of a class first calls `before` with the connector."""

    def change(connector: C) -> C:
        for name in methods:
            setattr(connector, name, _after(before, getattr(connector, name)))
        return connector

    return change


def _after(before: Callable[[Any], object], method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def both(self: Any, *arguments: Any) -> Any:
        before(self)
        return method(self, *arguments)

    return both
