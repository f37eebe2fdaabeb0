"""A connector over a data store: its author writes a dozen small methods, the RPCs are built from them.

Subclass `Source`, or `StreamingSource` where the store has a log of its changes, or `Sink`, or a source and a sink:

    class AcmeConnector(StreamingSource, Sink):
        ...

Python refuses to create a connector that lacks one of the methods. Those who need more control override an RPC, or
build on the parts: `follow` for streams, `first_page` for listings, `Outcome` for updates, and the cursors.
"""

from dsync_kit.store.connector import StoreConnector
from dsync_kit.store.cursors import UpdatesCursor
from dsync_kit.store.following import Bell, ChangeLog, follow
from dsync_kit.store.paging import even_ranges, first_page
from dsync_kit.store.sink import Sink
from dsync_kit.store.source import Source, SourceSettings
from dsync_kit.store.streaming import StreamingSource
from dsync_kit.store.updating import Outcome
from dsync_kit.store.values import Change, Document, Key, Listed, Place, Range

__all__ = [
    "Bell",
    "Change",
    "ChangeLog",
    "Document",
    "Key",
    "Listed",
    "Outcome",
    "Place",
    "Range",
    "Sink",
    "Source",
    "SourceSettings",
    "StoreConnector",
    "StreamingSource",
    "UpdatesCursor",
    "even_ranges",
    "first_page",
    "follow",
]
