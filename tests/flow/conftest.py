"""Runs without waiting."""

import pytest

from dsync_kit.flow import retries


@pytest.fixture
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are repeated at once: how long dsync waits is tested by itself."""
    monkeypatch.setattr(retries, "WAITS", (0.001, 0.001, 0.001))
