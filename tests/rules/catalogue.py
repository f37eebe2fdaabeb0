"""All broken and all unusual connectors: one list, whichever module they are in."""

from importlib import import_module
from pathlib import Path

from . import (
    variants_documents,
    variants_ids,
    variants_info,
    variants_list,
    variants_namespaces,
    variants_stream,
)
from .fault import Fault, Variant, judge

__all__ = ["FAULTS", "VARIANTS", "judge"]


def _collected(attribute: str, pattern: str) -> tuple[Fault, ...]:
    modules = sorted(path.stem for path in Path(__file__).parent.glob(pattern))
    found = [entry for name in modules for entry in getattr(import_module(f".{name}", __package__), attribute)]
    names = [entry.name for entry in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two entries of the catalogue have one name: {sorted(twice)}")
    return tuple(found)


FAULTS = _collected("FAULTS", "faults_*.py")
VARIANTS: tuple[Variant, ...] = (
    *variants_documents.VARIANTS,
    *variants_list.VARIANTS,
    *variants_namespaces.VARIANTS,
    *variants_ids.VARIANTS,
    *variants_info.VARIANTS,
    *variants_stream.VARIANTS,
)
