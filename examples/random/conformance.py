"""How the kit runs this connector: it needs no backend, and its stream is made short."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from dsync_kit.testing import Harness

__all__ = ["HARNESS"]


class RandomHarness(Harness):
    known_failures: ClassVar[Mapping[str, str]] = {
        "list/repeatable": "each read makes other documents up: that is what /dev/random is for",
    }

    def start(self) -> Sequence[str]:
        return ["/dev/random", "--docs-per-partition", "50", "--interval", "10ms", "--duration", "500ms"]


HARNESS = RandomHarness
