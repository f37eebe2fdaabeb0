"""How long the kit waits in these tests."""

import pytest

from dsync_kit.conformance.case import hanging_up
from dsync_kit.conformance.rules.lsn import stream_lsn
from dsync_kit.conformance.subject import patience


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connectors here answer at once: an update that has not come after two seconds never comes."""
    for name in ("_MOST", "_LEAST"):
        monkeypatch.setattr(patience, name, 2.0)
    monkeypatch.setattr(patience, "_SHORT", 1.0)
    monkeypatch.setattr(stream_lsn, "_PATIENCE", 2.0)
    monkeypatch.setattr(hanging_up, "GRACE_SECONDS", 1.5)
