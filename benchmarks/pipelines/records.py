"""The records that every pipeline moves: flat, about 200 bytes as JSON, made on request."""

from collections.abc import Iterator
from typing import Any

_CITIES = ("Amsterdam", "Belgrade", "Cordoba", "Dakar", "Edinburgh", "Fukuoka", "Geneva", "Hanoi")


def record(number: int, key: str = "id") -> dict[str, Any]:
    """The record with this number; `key` is the name of its id."""
    return {
        key: f"{number:012x}",
        "number": number,
        "name": f"customer {number}",
        "email": f"customer{number}@example.com",
        "city": _CITIES[number % 8],
        "balance": number * 0.25,
        "active": number % 3 == 0,
        "created": "2026-05-17T09:30:00Z",
        "note": "flat, with few surprises",
    }


def records(count: int) -> Iterator[dict[str, Any]]:
    """The first `count` of them."""
    return map(record, range(count))
