"""Compares the source with what it has acknowledged, and the destination with the source."""

from bson import json_util

from dsync_kit.documents import decode_id
from dsync_kit.e2e.contents import Contents, Key
from dsync_kit.e2e.results import Mismatch
from dsync_kit.flow.engine import SHOWN_DIFFERENCES
from dsync_kit.flow.events import Difference
from dsync_kit.protocol import BsonValue

__all__ = ["mismatch"]


def mismatch(expected: Contents, found: Contents) -> Mismatch:
    """What is found otherwise than expected."""
    wrong = expected.differing(found.digests)
    ids = {**found.ids, **expected.ids}
    return Mismatch(len(wrong), tuple(_difference(key, ids[key], expected, found) for key in wrong[:SHOWN_DIFFERENCES]))


def _difference(key: Key, part: BsonValue, expected: Contents, found: Contents) -> Difference:
    missing, unexpected = key not in found.digests, key not in expected.digests
    shown = json_util.dumps(decode_id(part), json_options=json_util.RELAXED_JSON_OPTIONS)
    return Difference(key[0], shown, "missing" if missing else "unexpected" if unexpected else "different")
