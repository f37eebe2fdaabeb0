"""Ids and namespaces that are different, but easily confused."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId
from hypothesis import strategies as st

from dsync_kit.conformance.documents.choosing import many
from dsync_kit.conformance.documents.dimensions import ALIKE
from dsync_kit.conformance.documents.strategies import Draw, merge_key

__all__ = [
    "IDS_OF_OTHER_KINDS",
    "LOOK_ALIKE_IDS",
    "SIMILAR_IDS",
    "Groups",
    "allowed",
    "namespaces",
    "of_parts",
    "some_of",
]

Groups = Sequence[Sequence[tuple[str, Any]]]
"""Groups of ids: the kind and the value of each."""

IDS_OF_OTHER_KINDS: Groups = (
    (("string", "5"), ("int32", 5), ("integer", 5)),
    (("string", "5"), ("int64", Int64(5))),
    (("string", "5.5"), ("double", 5.5)),
    (("int64", Int64(86_400_000)), ("date", DatetimeMS(86_400_000))),
    (("string", "true"), ("boolean", True)),
    (("int32", 1), ("boolean", True)),
    (("string", "64736e632d6b69742d696431"), ("object-id", ObjectId("64736e632d6b69742d696431"))),
    (("string", "abc"), ("binary", Binary(b"abc", 0))),
    (("string", "1.10"), ("decimal", Decimal128("1.10"))),
    (("binary", Binary(b"dsync-kit-id", 0)), ("object-id", ObjectId(b"dsync-kit-id"))),
)
"""Ids that look the same, but have different types."""

SIMILAR_IDS: Groups = (
    (("binary", Binary(b"abc", 0)), ("binary", Binary(b"abc", 128))),
    (("int64", Int64(2**53)), ("int64", Int64(2**53 + 1))),
    (("integer", 1), ("integer", 1.5)),
    (("object-id", ObjectId("64736e632d6b69742d696431")), ("object-id", ObjectId("64736e632d6b69742d696432"))),
    *(tuple(("string", text) for text in texts) for texts in ALIKE.values.values()),
    (("document", {"a": "x", "b": "y"}), ("document", {"a": "x", "b": ""})),
    (("string", "k\0a"), ("string", "k\0b")),
)
"""Ids of one type."""

LOOK_ALIKE_IDS: Groups = (*IDS_OF_OTHER_KINDS, *SIMILAR_IDS)


_SEPARATORS = ("", "-", "_", ":", "/", "|", ",", ".", " ", "#", "~", "::")


def of_parts(identifier: Any) -> Groups:
    """Ids with the parts of this one, if it has several: alike in one part, or equal once the parts are joined."""
    if not isinstance(identifier, dict):
        return ()
    texts = [name for name, value in identifier.items() if isinstance(value, str)]
    found = [({**identifier, name: text} for text in alike) for name in texts for alike in ALIKE.values.values()]
    for one, other in pairwise(identifier):
        first, second = identifier[one], identifier[other]
        pairs = _joined(first, second)
        found += [({**identifier, one: value, other: rest} for value, rest in pair) for pair in pairs]
    return [[("document", value) for value in group] for group in found]


def _joined(first: Any, second: Any) -> list[tuple[tuple[Any, Any], tuple[Any, Any]]]:
    """Pairs of values of these types that are equal once they are joined."""
    match first, second:
        case (bool(), _) | (_, bool()):
            return []
        case str(), str():
            return [((f"x{between}y", "z"), ("x", f"y{between}z")) for between in _SEPARATORS]
        case str(), int():
            return [(("x1", type(second)(2)), ("x", type(second)(12)))]
        case int(), str():
            return [((type(first)(1), "2x"), (type(first)(12), "x"))]
        case int(), int():
            return [((type(first)(1), type(second)(12)), (type(first)(11), type(second)(2)))]
    return []


def namespaces(name: str) -> list[tuple[str, str]]:
    """Pairs of namespaces that are easily taken for the same, or for parts of each other."""
    long = name + "x" * 64
    # Not f"{name}0": if the name ends with a number, that may be one of the kit's later names.
    others = [f"{name}-0", f"{name}x", f"{name}.x", f"x{name}", f"x.{name}", name.swapcase()]
    others += [f"{name} ", f" {name}", f"{name}.", name.replace(".", "..")]
    others += [f"{name}:x", f"{name}/x", f"{name}|x", f"{name}%x", f"{name}#x"]
    # Texts that URLs, case folding and Unicode normalisation make equal.
    others += [name.replace("_", "%5F"), name.replace("k", "\u212a"), name.replace("c", "\uff43"), f"{name}\u200b"]
    patterns = [(f"{name}*", f"{name}xyz"), (f"{name}[x]", f"{name}x"), (f"{name}%", f"{name}xyz")]
    separated = [(name.replace("_", first), name.replace("_", other)) for first, other in ("_-", "_.", "-.")]
    alike = [(f"{name}-{one}", f"{name}-{other}") for texts in ALIKE.values.values() for one, other in pairwise(texts)]
    return [
        *((name, other) for other in others if other != name),
        *separated,
        *patterns,
        (long, f"{long}y"),
        *alike,
    ]


def allowed(groups: Groups, allows: Callable[[str, Any], bool]) -> list[list[Any]]:
    """The ids of the groups whose kinds and values are allowed, without groups of fewer than two such ids."""
    of_these = ([value for kind, value in group if allows(kind, value)] for group in groups)
    return [group for group in of_these if len(set(map(merge_key, group))) > 1]


def some_of(groups: list[list[Any]]) -> Draw:
    """Lists of most of the groups; empty if there are none."""
    return many(groups) if groups else st.just([])
