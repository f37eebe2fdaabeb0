"""All broken and all unusual connectors, in one list."""

from importlib import import_module
from pathlib import Path
from typing import Any

from .fault import Fault, Variant, judge

__all__ = ["FAULTS", "VARIANTS", "judge"]


def _collected(attribute: str, pattern: str) -> tuple[Any, ...]:
    modules = sorted(path.stem for path in Path(__file__).parent.glob(pattern))
    found = [entry for name in modules for entry in getattr(import_module(f".{name}", __package__), attribute)]
    names = [entry.name for entry in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two entries of the catalogue have one name: {sorted(twice)}")
    return tuple(found)


FAULTS: tuple[Fault, ...] = _collected("FAULTS", "faults_*.py")
VARIANTS: tuple[Variant, ...] = _collected("VARIANTS", "variants_*.py")
