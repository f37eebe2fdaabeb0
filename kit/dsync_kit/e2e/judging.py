"""Compares the source with what it has acknowledged, and the destination with the source."""

from dsync_kit.e2e.contents import Contents, Key
from dsync_kit.e2e.results import Mismatch
from dsync_kit.flow.comparing import shown_id
from dsync_kit.flow.engine import SHOWN_DIFFERENCES
from dsync_kit.flow.events import Difference

__all__ = ["mismatch"]


def mismatch(expected: Contents, found: Contents) -> Mismatch:
    """The documents that differ from what was expected."""
    wrong = expected.differing(found.digests)
    return Mismatch(len(wrong), tuple(_difference(key, expected, found) for key in wrong[:SHOWN_DIFFERENCES]))


def _difference(key: Key, expected: Contents, found: Contents) -> Difference:
    missing, unexpected = key not in found.digests, key not in expected.digests
    return Difference(key[0], shown_id(key[1]), "missing" if missing else "unexpected" if unexpected else "different")
