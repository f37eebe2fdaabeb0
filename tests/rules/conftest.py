"""How long the kit waits in these tests."""

import pytest

from dsync_kit.conformance import subject
from dsync_kit.conformance.rules import lsn, resuming


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connectors here answer at once: what has not come after two seconds does not come."""
    for name in ("_PATIENCE", "_LEAST_PATIENCE"):
        monkeypatch.setattr(subject, name, 2.0)
    monkeypatch.setattr(subject, "_SHORT_PATIENCE", 1.0)
    monkeypatch.setattr(lsn, "_PATIENCE", 2.0)
    for module in (lsn, resuming):
        monkeypatch.setattr(module, "_GRACE_SECONDS", 1.5)
