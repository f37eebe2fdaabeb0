"""dsync-kit: add a connector to dsync, and know that it is right."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("dsync-kit")
except PackageNotFoundError:  # a source tree on sys.path, not installed
    __version__ = "0.0.0"
