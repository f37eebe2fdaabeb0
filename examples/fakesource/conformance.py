"""How the kit runs this connector: it needs no backend, and its stream is accelerated."""

from collections.abc import Sequence

from dsync_kit.testing import Harness

__all__ = ["HARNESS"]


class FakeSourceHarness(Harness):
    def start(self) -> Sequence[str]:
        return ["/dev/fakesource", "--num-docs-per-partition", "40", "--batch-size", "15", "--stream-tick", "10ms"]


HARNESS = FakeSourceHarness
