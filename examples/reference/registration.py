"""How the commands find the reference connector."""

import threading
from weakref import WeakValueDictionary

from dsync_kit.registry import RegisteredConnector

from .connector import ReferenceConnector
from .settings import Settings
from .store import Store

_in_memory: WeakValueDictionary[str, Store] = WeakValueDictionary()
_lock = threading.Lock()


def create(settings: Settings) -> ReferenceConnector:
    """A connector on the data that its URI names; data in memory lasts as long as a connector in this process."""
    if settings.folder() is not None:
        return ReferenceConnector(settings)
    with _lock:
        store = _in_memory.setdefault(settings.uri, Store())
    return ReferenceConnector(settings, store)


CONNECTOR = RegisteredConnector(
    name="reference",
    schemes=("reference",),
    settings=Settings,
    create=create,
    usage="reference:// or reference:///path/to/folder",
    summary="a correct source and sink in memory, kept in a folder if one is given",
)
