"""The real dsync drives connectors that the kit serves. `DSYNC_BIN` names its binary."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from dsync_kit.client import GrpcClient
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.documents import encode
from dsync_kit.protocol import DATA_TYPE_JSON_ID, GetNamespaceMetadataRequest, WriteDataRequest
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.registry import load_folder, packaged_folder
from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.server import ConnectorServer
from dsync_kit.targets.local import configure
from dsync_kit.testing import load_harness
from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.postgresql import PostgreSQL
from dsync_kit.testing.process import OwnedProcess
from dsync_kit.testing.seaweedfs import SeaweedFS

from .cli.test_serve import serving

DSYNC = os.environ.get("DSYNC_BIN", "")
DOCUMENTS = 6000  # /dev/fakesource: 2 namespaces of 3 partitions of 1,000

pytestmark = pytest.mark.skipif(not DSYNC, reason="DSYNC_BIN does not name dsync's binary")


def _dsync(*words: str) -> str:
    """Run dsync, and return its log, because its exit status is always 0."""
    (port,) = free_ports(1)
    command = [DSYNC, "--web-port", str(port), "--mode", "InitialSync", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=True)
    return done.stdout


@pytest.fixture(params=["s3", "file", "example"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a freshly scaffolded connector, over its scratch area."""
    folder = scaffold(Answers(scheme=request.param), output=tmp_path / "connector").folder
    connector = load_folder(folder)
    with ExitStack() as stack:
        settings, _ = configure(connector, stack.enter_context(load_harness(folder)().running()))
        yield stack.enter_context(ConnectorServer(connector.create(settings))).address


def test_dsync_copies_into_a_scaffolded_connector_and_out_of_it(address):
    """Every document of dsync's fake source arrives, and dsync reads all of them back."""
    _dsync("/dev/fakesource", f"grpc://{address}", "--insecure")
    with GrpcClient(address, insecure=True) as client:
        listed = Driver(client).listing([], DATA_TYPE_JSON_ID, expected=DOCUMENTS)
    assert len({(namespace, document) for namespace, document in listed}) == DOCUMENTS

    log = _dsync(f"grpc://{address}", "--insecure", "/dev/null", "--log-json")
    assert len(re.findall("write-data", log)) == DOCUMENTS


def test_dsync_copies_tables_of_postgresql(tmp_path):
    """From one table into another of the same form, every row arrives unchanged."""
    connector = load_folder(scaffold(Answers(scheme="postgresql"), output=tmp_path / "connector").folder)
    with PostgreSQL() as server, psycopg.connect(server.uri, autocommit=True) as client, ExitStack() as stack:
        client.execute(
            "CREATE TABLE a (id bigint PRIMARY KEY, name text, price numeric(10, 2), made timestamptz, j jsonb)"
        )
        client.execute("CREATE TABLE b (LIKE a INCLUDING ALL)")
        client.execute(
            "INSERT INTO a SELECT n, repeat('é', n % 50), n / 7.0, now() + n * interval '1 us', to_jsonb(n) "
            "FROM generate_series(1, 12000) n"
        )
        settings, _ = configure(connector, [server.uri])
        addresses = [stack.enter_context(ConnectorServer(connector.create(settings))).address for _ in range(2)]
        source, sink = (f"grpc://{address}" for address in addresses)
        _dsync("--namespace", "public.a:public.b", source, "--insecure", sink, "--insecure")
        assert client.execute("SELECT count(*) FROM b").fetchall() == [(12000,)]
        assert client.execute("SELECT * FROM a EXCEPT SELECT * FROM b").fetchall() == []


def test_duckdb_reads_what_dsync_has_left(tmp_path):
    """The README's query returns each document that dsync copied once."""
    folder = scaffold(Answers(scheme="file"), output=tmp_path / "connector").folder
    connector = load_folder(folder)
    settings, _ = configure(connector, [(tmp_path / "store").as_uri()])
    with ConnectorServer(connector.create(settings)) as server:
        _dsync("/dev/fakesource", f"grpc://{server.address}", "--insecure")
    found = re.search(r"```sql\n(.*?;)\n```", (folder / "README.md").read_text(), re.DOTALL)
    assert found is not None
    sql = found[1].replace("/tmp/file/shop.orders", str(tmp_path / "store" / "ns0")).replace("_id", "id")  # noqa: S108 - as the README has it
    rows = [row[0] for row in duckdb.connect().execute(sql).fetchall()]
    assert len(set(rows)) == len(rows) == DOCUMENTS // 2


def test_dsync_writes_to_our_null_and_reads_from_our_random(capsys):
    """/dev/null logs a line for each document of dsync's fake source; dsync lists all 20 pages of /dev/random."""
    null, random = (load_folder(packaged_folder("examples") / name) for name in ("null", "random"))
    settings, _ = configure(null, ["/dev/null", "--log-json"])
    with ConnectorServer(null.create(settings)) as server:
        _dsync("/dev/fakesource", f"grpc://{server.address}", "--insecure")
    assert capsys.readouterr().out.count('"write-data"') == DOCUMENTS

    settings, _ = configure(random, ["/dev/random", "--seed", "1"])
    with ConnectorServer(random.create(settings)) as server:
        log = _dsync(f"grpc://{server.address}", "--insecure", "/dev/null", "--log-json")
    assert len(re.findall("write-data", log)) == 20 * 500


def test_run_moves_data_out_of_and_into_dsyncs_own_connectors(tmp_path):
    """`dsync-kit run` reads dsync's fake source and writes to dsync's null, both behind `dsync serve`."""
    with ExitStack() as stack:
        source, _ = stack.enter_context(_dsync_serves(tmp_path, "/dev/fakesource"))
        sink, log = stack.enter_context(_dsync_serves(tmp_path, "/dev/null", "--log-json"))
        ends = [word for address in (source, sink) for word in (f"grpc://{address}", "--insecure")]
        done = subprocess.run(
            [sys.executable, "-m", "dsync_kit.cli.kit", "run", "--mode", "initial-sync", *ends],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"complete: {DOCUMENTS:,} documents" in done.stdout + done.stderr
    assert log.read_text().count("write-data") == DOCUMENTS


@contextmanager
def _dsync_serves(folder: Path, *words: str) -> Iterator[tuple[str, Path]]:
    """One of dsync's connectors at an address, and the file with its log."""
    (port,) = free_ports(1)
    address, log = f"127.0.0.1:{port}", folder / f"{port}.log"
    process = OwnedProcess([DSYNC, "serve", "--address", address, *words], log=log, environ=os.environ)
    try:
        with GrpcClient(address, insecure=True) as client:
            assert client.wait_until_ready(30), process.last_words()
        yield address, log
    finally:
        process.stop()


def test_dsync_takes_a_source_that_is_stopped_for_a_failure(tmp_path):
    """SIGTERM of the source's server while dsync follows it: dsync ends the flow, as it does whatever the code, and
    logs an error. Without an error, it would look like the end of the data."""
    log = tmp_path / "dsync.log"
    (port,) = free_ports(1)
    with serving("reference://", "--address", "127.0.0.1:0") as (source, _, address):
        with GrpcClient(address, insecure=True) as client:
            client.write_data(WriteDataRequest(namespace="n", data=[encode({"_id": 1}, BSON)], type=BSON))
        words = [f"grpc://{address}", "--insecure", "/dev/null"]
        dsync = OwnedProcess([DSYNC, "--web-port", str(port), *words], log=log, environ=os.environ)
        try:
            _wait_for(lambda: "starting to read change stream" in log.read_text(), dsync)
            source.terminate()
            _wait_for(lambda: not dsync.running, dsync)
        finally:
            dsync.stop()
    assert source.returncode == 0
    assert "Failed during stream updates: unavailable: the server is stopping" in log.read_text()


def test_dsync_does_not_notice_a_handover(tmp_path):
    """During a copy, a second server takes over the sink's address, and the first one stops: every document arrives,
    and dsync logs no error."""
    log, sink = tmp_path / "dsync.log", f"reference://{tmp_path}/sink"
    (port,) = free_ports(1)
    shared = (sink, "--reuse-port", "--address")
    with serving(*shared, "127.0.0.1:0") as (first, _, address), GrpcClient(address, insecure=True) as client:
        source = ["/dev/fakesource", "--num-docs-per-partition", "300"]
        words = ["--write-rate-limit", "250", *source, f"grpc://{address}", "--insecure"]
        command = [DSYNC, "--web-port", str(port), "--mode", "InitialSync", *words]
        dsync = OwnedProcess(command, log=log, environ=os.environ)
        try:
            _wait_for(lambda: _count(client) > 0, dsync)
            with serving(*shared, address):
                first.terminate()
                assert first.wait(timeout=30) == 0
                copied = _count(client)
                _wait_for(lambda: not dsync.running, dsync)
                assert 0 < copied < _count(client) == 1800
        finally:
            dsync.stop()
    assert "ERR" not in log.read_text()


def _count(client: GrpcClient) -> int:
    """The documents of /dev/fakesource that a sink holds."""
    namespaces = ("ns0", "ns1")
    return sum(client.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=name)).count for name in namespaces)


def _wait_for(reached: Callable[[], bool], dsync: OwnedProcess) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, dsync.last_words()
        time.sleep(0.05)


_TABLE = """
create table people (id bigint primary key, name varchar(20) not null, price numeric(10,2), flag bool);
insert into people values (1, 'Ann', 1.25, true), (2, 'Bob', null, null);
"""
_KNOWN = {
    "write/read-back": "passed",
    "write/accepts": "passed",
    "updates/update-missing": "passed",
    "stream/inserts": "passed",
    "schema/digits": "failed",
    "schema/repeated-id": "failed",
    "errors/missing-id": "failed",
}
"""What becomes of a table of PostgreSQL's behind dsync: numbers are rounded, and `_id` is not looked at."""


def test_the_kit_judges_a_table_behind_dsyncs_postgres(tmp_path):
    """A table whose form is found out has verdicts on reads, writes and streams, and fails the rules that it is known
    to fail."""
    report = tmp_path / "report.json"
    with ExitStack() as stack:
        url = stack.enter_context(_postgres(tmp_path))
        address, _ = stack.enter_context(_dsync_serves(tmp_path, url))
        rules = [word for rule in _KNOWN for word in ("--rule", rule)]
        words = ["--profile", "quick", "--seed", "1", "--insecure", "--namespace", "public.people", *rules]
        words += ["--report", f"json={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "dsync_kit.cli.kit", "verify", f"grpc://{address}", *words],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = {rule["id"]: rule["status"] for rule in json.loads(report.read_text())["rules"]}
    assert {rule: verdicts[rule] for rule in _KNOWN} == _KNOWN


@pytest.mark.campaign
@pytest.mark.parametrize("word", ["/dev/fakesource", "file", "s3"])
def test_a_bug_of_dsyncs_own_connectors_hides_little(tmp_path, word):
    """At least 80 % of the applicable rules reach a verdict of their own: they pass, fail for their own reason,
    or pass apart from the failure that explains them."""
    report = tmp_path / "report.json"
    with ExitStack() as stack:
        words = [word]
        if word == "file":
            (tmp_path / "data").mkdir()
            words = [f"file://{tmp_path}/data"]
        elif word == "s3":
            server = stack.enter_context(SeaweedFS())
            keys = ["--access-key-id", server.access_key_id, "--secret-access-key", server.secret_access_key]
            place = ["--region", server.region, "--endpoint", server.endpoint, "--use-path-style"]
            words = [f"s3://{server.make_bucket()}/prefix", *place, *keys]
        address, _ = stack.enter_context(_dsync_serves(tmp_path, *words))
        words = ["--profile", "quick", "--seed", "1", "--insecure", "--report", f"json={report}"]
        command = [sys.executable, "-m", "dsync_kit.cli.kit", "verify", f"grpc://{address}", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    applicable = [rule for rule in json.loads(report.read_text())["rules"] if rule["status"] != "skipped"]
    reached = [rule["id"] for rule in applicable if _has_verdict(rule)]
    assert len(reached) >= 0.8 * len(applicable), sorted({rule["id"] for rule in applicable} - set(reached))


def _has_verdict(rule: dict[str, Any]) -> bool:
    if rule.get("cause"):
        return (rule.get("apart") or {}).get("status") == "passed"
    return rule["status"] in ("passed", "failed", "flaky")


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL with the table `people`, as its URL; skips if none is installed."""
    programs = [found.parent for found in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not programs:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    if os.geteuid() == 0 and not _has_user("postgres"):
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    program, data = programs[-1], Path(tempfile.mkdtemp(prefix="dsync-kit-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(data, user)
    (port,) = free_ports(1)
    log = (folder / "postgres.log").open("wb")
    output = {"stdout": log, "stderr": subprocess.STDOUT, "user": user, "cwd": data}
    locale = ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([program / "initdb", "-D", data / "db", "-U", "postgres", *locale], check=True, **output)
    settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={data}", "wal_level=logical", "fsync=off"]
    server = subprocess.Popen(
        [program / "postgres", "-D", data / "db", "-p", str(port), *(word for one in settings for word in ("-c", one))],
        **output,
    )
    try:
        psql = [program / "psql", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
        deadline = time.monotonic() + 60
        while subprocess.run([*psql, "-c", "select 1"], check=False, **output).returncode != 0:
            assert time.monotonic() < deadline, (folder / "postgres.log").read_text()
            time.sleep(0.05)
        subprocess.run([*psql, "-c", _TABLE], check=True, **output)
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
        shutil.rmtree(data, ignore_errors=True)
        log.close()


def _has_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())
