"""What is secret in a command line is neither shown nor kept."""

from pathlib import Path

import pytest

from dsync_kit.cli.verify import Verification
from dsync_kit.conformance.kept import KeptFailure
from dsync_kit.conformance.outcome import Failure, Outcome, Status
from dsync_kit.conformance.rule import Level

REGISTRATION = """
from pydantic import SecretStr

from dsync_kit.connector import Connector
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings, option


class Settings(ConnectorSettings):
    region: str = option("", help="where")
    access_key: SecretStr | None = option(None, help="who")


CONNECTOR = RegisteredConnector(
    name="keyed", schemes=("keyed",), settings=Settings, create=lambda settings: Connector(), usage="keyed://"
)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector's folder, in the current one."""
    (tmp_path / "keyed").mkdir()
    (tmp_path / "keyed" / "registration.py").write_text(REGISTRATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "shown", "kept"),
    [
        (["--access-key", "canary", "--region", "x"], "--access-key *** --region x", ("--region", "x")),
        (["-access-key=canary"], "-access-key=***", ()),
        (["keyed://user:canary@h"], "keyed://user:***@h", ("keyed://user:***@h",)),
        (["--region", "--access-key", "canary"], "--region --access-key ***", None),
    ],
)
def test_options(options: list[str], shown: str, kept: tuple[str, ...] | None) -> None:
    """The command that runs a rule anew has stars instead, the kept file leaves it out."""
    asked = Verification("keyed", options=options)
    command = asked.replay("list/ends", 1).replace("'", "")
    assert command.endswith(f"-- {shown}")
    failure = Failure("", "", "", "", (), (), "", True, choices="AA==")
    asked.keep(Outcome("list/ends", Level.MUST, Status.FAILED, failure=failure), 1)
    found = KeptFailure.load("list/ends")
    assert "canary" not in str(found)
    assert kept is None or found.options == kept
