"""For a connector's `conformance.py` and tests: the harness, and real servers on loopback."""

from dsync_kit.testing.harness import Harness, load_harness

__all__ = ["Harness", "load_harness"]
