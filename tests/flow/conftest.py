"""Runs without waits."""

import pytest

from dsync_kit.flow import retries


@pytest.fixture
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are repeated at once; another test checks how long dsync waits."""
    monkeypatch.setattr(retries, "WAITS", (0.001, 0.001, 0.001))
