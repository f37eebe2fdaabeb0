"""How the kit runs this connector: it needs no backend, and nothing can be read back."""

from collections.abc import Sequence

from dsync_kit.testing import Harness

__all__ = ["HARNESS"]


class NullHarness(Harness):
    def start(self) -> Sequence[str]:
        return ["/dev/null"]


HARNESS = NullHarness
