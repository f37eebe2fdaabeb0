"""Checks on namespaces: opaque strings, in which `.` separates parts by convention."""

from dsync_kit.errors import InvalidArgument

__all__ = ["namespace_parts"]


def namespace_parts(namespace: str) -> tuple[str, ...]:
    """Split a namespace at its dots, for a store whose names form a path.

    Raises InvalidArgument for names that such a store could resolve to another place: the empty namespace, an empty
    part (so `..`, too), `/`, `\\` and control characters; and for `:`, which dsync uses to map names.
    """
    parts = tuple(namespace.split("."))
    if not all(parts):
        raise InvalidArgument(f"the namespace {namespace!r} has an empty part: expected a name like 'db.collection'")
    for character in namespace:
        if character in "/\\:" or ord(character) < 0x20 or ord(character) == 0x7F:
            raise InvalidArgument(f"the namespace {namespace!r} holds {character!r}, which no namespace can hold here")
    return parts
