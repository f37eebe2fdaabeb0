"""Secrets in a command line are neither shown nor kept."""

import json
from pathlib import Path

import pytest

from dsync_kit.cli.verify import Verification
from dsync_kit.client import GrpcClient
from dsync_kit.conformance.results.outcome import Failure, Finding, Status
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.running.keeping.kept import KeptFailure
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import ListDataRequest
from dsync_kit.targets.resolving import find_connector
from dsync_kit.targets.typed import TypedOptions

from .conftest import Command
from .test_serve import serving

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


LEAKY = """
import logging

from pydantic import SecretStr

from dsync_kit.connector import Connector
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import Capabilities, GeneratePlanResponse, GetInfoResponse, Partition
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings, option


class Settings(ConnectorSettings):
    password: SecretStr | None = option(None, help="the password")
    broken: bool = option(False, help="it cannot be made")


class Leaky(Connector):
    def __init__(self, settings):
        self.told = f"{settings.uri} with {settings.password.get_secret_value()}"
        if settings.broken:
            raise RuntimeError(self.told)

    def get_info(self, request):
        logging.getLogger("leaky").warning("connecting to %s", self.told)
        source = Capabilities.Source(supported_data_types=[1], default_plan=True)
        return GetInfoResponse(id=self.told, db_type="leaky", capabilities=Capabilities(source=source))

    def generate_plan(self, request):
        return GeneratePlanResponse(partitions=[Partition(namespace="n")])

    def list_data(self, request):
        raise InvalidArgument(f"cannot list {self.told}")

    def teardown(self):
        raise RuntimeError(f"cannot close {self.told}")


CONNECTOR = RegisteredConnector(
    name="leaky", schemes=("leaky",), settings=Settings, create=Leaky, usage="leaky://HOST"
)
"""
TYPED = ("leaky", "leaky://user:canary@host/db", "--password", "canary")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector's folder, in the current one."""
    (tmp_path / "keyed").mkdir()
    (tmp_path / "keyed" / "registration.py").write_text(REGISTRATION, encoding="utf-8")
    (tmp_path / "leaky").mkdir()
    (tmp_path / "leaky" / "registration.py").write_text(LEAKY, encoding="utf-8")
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
    """The command that runs a rule again has stars instead, and the kept file omits them."""
    asked = Verification("keyed", options=options)
    typed = TypedOptions.of(options, find_connector("keyed")[0].settings)
    command = asked.replay("list/ends", 1, typed).replace("'", "")
    assert command.endswith(f"-- {shown}")
    failure = Failure("", "", "", "", (), (), True, choices="AA==")
    asked.keep(Finding("list/ends", Level.MUST, Status.FAILED, failure=failure), 1, typed)
    found = KeptFailure.load("list/ends")
    assert "canary" not in str(found)
    assert kept is None or found.options == kept


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("broken", [[], ["--broken"]])
def test_secrets_that_a_connector_reveals_are_not_shown(dsync_kit: Command, form: str, broken: list[str]) -> None:
    """Even if a connector redacts nothing, its errors, log, constructor and teardown reveal no secret."""
    done = dsync_kit("run", "--log-format", form, *TYPED, *broken, "/dev/null")
    assert done.returncode == (3 if broken else 1)
    assert "canary" not in done.stdout + done.stderr
    assert "leaky://user:***@host/db" in done.stderr
    if broken:
        assert "RuntimeError" in done.stderr
        assert "registration.py, line" in done.stderr
        assert "Traceback" not in done.stderr
    if form == "json":
        assert all(json.loads(line)["event"] for line in done.stderr.splitlines())


def test_a_state_and_its_errors_tell_no_secret(dsync_kit: Command, tmp_path: Path) -> None:
    """If an id holds a password, neither the file nor the refusal of another run has it."""
    dsync_kit("run", "--state", "s", *TYPED, "/dev/null", "--id", "n")
    other = dsync_kit("run", "--state", "s", "leaky", "leaky://u:canary@other", *TYPED[2:], "/dev/null", "--id", "n")
    assert other.returncode == 2
    assert "belongs to another run" in other.stderr
    assert "canary" not in other.stderr
    assert b"canary" not in (tmp_path / "s").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["run", "grpc://user:canary@127.0.0.1:9", "/dev/null"],
        ["verify", "grpc://user:canary@127.0.0.1:9"],
        ["verify", "grpc://127.0.0.1:9", "--", "--password", "canary"],
        ["run", "exec:./none --password canary", "/dev/null"],
        ["run", "exec:./none --password=canary {address}", "/dev/null"],
        ["verify", "exec:./none --api-key canary {address}"],
        ["serve", *TYPED, "--broken", "--address", "127.0.0.1:0"],
        ["verify", *TYPED[:1], "--", *TYPED[1:], "--broken"],
    ],
)
def test_what_was_typed_is_not_repeated(dsync_kit: Command, words: list[str]) -> None:
    """An error quotes the given words without their secrets."""
    done = dsync_kit(*words)
    assert done.returncode in (2, 3)
    assert "error" in done.stderr or "not judged" in done.stdout
    assert "canary" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_reveals_no_secret() -> None:
    """Over gRPC, too, a connector's secrets are replaced by stars."""
    with serving(*TYPED, "--address", "127.0.0.1:0") as (process, _, address):
        with GrpcClient(address, insecure=True) as client, pytest.raises(InvalidArgument) as caught:
            client.list_data(ListDataRequest())
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert "cannot list leaky://user:***@host/db with ***" in str(caught.value)
    assert "cannot close" in log
    assert "canary" not in log
