"""How the kit runs this connector: it needs no backend, and its stream is shortened."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from dsync_kit.testing import Harness

__all__ = ["HARNESS"]


_MADE_UP = "each read makes other documents up: that is what /dev/random is for"


class RandomHarness(Harness):
    # Each of these reads a partition twice, and expects the same documents.
    known_failures: ClassVar[Mapping[str, str]] = {
        "plan/stripped-partition": _MADE_UP,
        "plan/repeatable": _MADE_UP,
        "plan/self-contained": _MADE_UP,
        "list/repeatable": _MADE_UP,
        "list/restart-mid-way": _MADE_UP,
        "list/interleaved": _MADE_UP,
        "list/parallel": _MADE_UP,
    }

    def start(self) -> Sequence[str]:
        return ["/dev/random", "--docs-per-partition", "50", "--interval", "10ms", "--duration", "500ms"]


HARNESS = RandomHarness
