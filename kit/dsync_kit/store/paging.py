"""Cuts listings into pages, and namespaces into ranges."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from dsync_kit.store.values import Document, Listed, Place, Range, closed_after

__all__ = ["PAGE_BYTES", "even_ranges", "first_page"]

PAGE_BYTES = 8 << 20
"""The most bytes on a page: both ends hold a page in memory as a whole."""


def first_page(
    listed: Iterable[Listed], size: int, *, max_bytes: int = PAGE_BYTES
) -> tuple[list[Document], Place | None]:
    """The first page of a listing, and the place after which the next page begins (None if there is none).

    A page has at most `size` documents and `max_bytes` bytes, but at least one document, and extends to a document
    after which it can end. At most one document beyond the page is read.
    """
    page: list[Document] = []
    place: Place | None = None
    size_in_bytes = 0
    with closed_after(listed) as entries:
        for entry in entries:
            size_in_bytes += len(entry.document.data)
            if place is not None and (len(page) >= size or size_in_bytes > max_bytes):
                return page, place
            page.append(entry.document)
            place = entry.place
    return page, None


def even_ranges(start: int, end: int, parts: int) -> Sequence[Range]:
    """The numbers after `start`, up to and including `end`, as 1 to `parts` ranges of about the same length."""
    parts = max(1, min(parts, end - start))
    bounds = [start + index * (end - start) // parts for index in range(parts + 1)]
    return [Range(*bound) for bound in pairwise(bounds)]
