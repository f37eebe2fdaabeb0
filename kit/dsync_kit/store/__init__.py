"""Connectors over a data store: you write a dozen small methods, and the SDK builds the RPCs from them.

Subclass `Source` (or `StreamingSource` if the store keeps a log of its changes), `Sink`, or both:

    class AcmeConnector(StreamingSource, Sink):
        ...

Python refuses to create a connector that lacks one of the methods. If you need more control, override an RPC, or use
the parts: `follow` for streams, `first_page` for listings, `Outcome` for updates, and the cursors.
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
