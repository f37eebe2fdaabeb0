"""Compares the source with what it has acknowledged, and the destination with the source."""

from collections.abc import Iterable, Sequence

from bson import json_util

from dsync_kit.client import ConnectorApi
from dsync_kit.connector import CallContext
from dsync_kit.documents import canonical, decode_id, id_of
from dsync_kit.e2e.results import Mismatch
from dsync_kit.e2e.workload import Contents, Key
from dsync_kit.flow.comparing import Comparison
from dsync_kit.flow.engine import SHOWN_DIFFERENCES
from dsync_kit.flow.events import Difference
from dsync_kit.flow.listing import pages
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.negotiation import Types
from dsync_kit.flow.route import Route
from dsync_kit.incoming import key_of
from dsync_kit.protocol import BsonValue, DataType, GeneratePlanRequest, Partition

__all__ = ["different", "lost"]


def lost(source: ConnectorApi, namespaces: Sequence[str], data_type: DataType, expected: Contents) -> Mismatch:
    """What the source holds otherwise than it acknowledged. Raises ConnectorError if it cannot be listed."""
    found: dict[Key, bytes] = {}
    ids: dict[Key, BsonValue] = dict(expected.ids)
    for partition in _partitions(source, namespaces):
        for page in pages(source, partition, data_type):
            for data in page.data:
                part = id_of(data, data_type)[0]
                key = (partition.namespace, key_of(part, data_type))
                found[key] = canonical(data, data_type)
                ids.setdefault(key, part)
    wanted = expected.documents
    wrong = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    return Mismatch(len(wrong), tuple(_difference(key, ids[key], found, wanted) for key in wrong[:SHOWN_DIFFERENCES]))


def different(source: ConnectorApi, destination: ConnectorApi, namespaces: Sequence[str], types: Types) -> Mismatch:
    """What the destination holds otherwise than the source. Raises ConnectorError if an end cannot be listed."""
    stop = CallContext()
    route = Route(destination, types, NamespaceMap(), transform=None, stop=stop, listener=_unheard)
    with Comparison(source, destination, route, listers=2, stop=stop) as comparison:
        count, shown = comparison.run(_partitions(source, namespaces), [], _unheard, shown=SHOWN_DIFFERENCES)
    return Mismatch(count, tuple(shown))


def _partitions(source: ConnectorApi, namespaces: Sequence[str]) -> Sequence[Partition]:
    return source.generate_plan(GeneratePlanRequest(namespaces=namespaces, initial_sync=True)).partitions


def _difference(key: Key, part: BsonValue, found: Iterable[Key], wanted: Iterable[Key]) -> Difference:
    kind = "missing" if key not in found else "unexpected" if key not in wanted else "different"
    shown = json_util.dumps(decode_id(part), json_options=json_util.RELAXED_JSON_OPTIONS)
    return Difference(key[0], shown, kind)


def _unheard(_: object) -> None:
    """The comparison's own events are not shown."""
