"""How long the kit waits in these tests."""

import pytest

from dsync_kit.conformance.case import hanging_up
from dsync_kit.conformance.rules.lsn import stream_lsn
from dsync_kit.conformance.subject import patience


def shorten(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """An update that has not come after so many seconds never comes; the kit usually waits ten."""
    for name in ("_MOST", "_LEAST"):
        monkeypatch.setattr(patience, name, seconds)
    monkeypatch.setattr(patience, "_SHORT", seconds / 2)
    monkeypatch.setattr(stream_lsn, "_PATIENCE", seconds)
    monkeypatch.setattr(hanging_up, "GRACE_SECONDS", 1.5)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connectors here answer at once, and correct ones must not fail on a busy machine."""
    shorten(monkeypatch, 2.0)
