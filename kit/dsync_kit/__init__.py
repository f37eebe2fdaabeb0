"""dsync-kit: write a connector for dsync, and prove it correct."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("dsync-kit")
except PackageNotFoundError:  # not installed: a source tree on sys.path
    __version__ = "0.0.0"
