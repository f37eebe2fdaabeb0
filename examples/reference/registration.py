"""How the commands find the reference connector."""

from dsync_kit.registry import RegisteredConnector

from .connector import ReferenceConnector
from .settings import Settings

CONNECTOR = RegisteredConnector(
    name="reference",
    schemes=("reference",),
    settings=Settings,
    create=ReferenceConnector,
    usage="reference:// or reference:///path/to/folder",
    summary="a correct source and sink in memory, kept in a folder if one is given",
)
