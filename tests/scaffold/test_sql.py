"""The sql archetype: whatever the answers, a connector that is tidy, typed and complete, on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext, Connector
from dsync_kit.documents import decode
from dsync_kit.errors import PermissionDenied
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, GeneratePlanRequest, StreamUpdatesRequest
from dsync_kit.registry import load_folder
from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.targets.local import configure
from dsync_kit.testing.postgresql import PostgreSQL

from .checks import (
    SHAPES,
    SKIPPED,
    assert_conforms,
    assert_formatted_and_lints_clean,
    assert_no_dead_code,
    assert_no_template_left,
    assert_own_tests_pass,
    assert_typed,
    first_of,
    render_all,
    run,
)

# Which data types each shape is rendered with: all of them for the whole connector, and each with some other shape.
TYPES: dict[str, tuple[tuple[str, ...], ...]] = {
    "both": (("bson",), ("json",), ("bson", "json")),
    "copies": (("json",),),
    "streams": (("bson",), ("json",)),
    "reads": (("json",),),
    "writes": (("bson",), ("bson", "json")),
}
ALL = [
    Answers(
        scheme="postgresql", name=f"{name}_{'_'.join(types)}", data_types=types, source=source, sink=sink, stream=stream
    )
    for name, (source, sink, stream) in SHAPES.items()
    for types in TYPES[name]
]
ALL.append(Answers(scheme="postgresql", name="postgresql"))
ALL.append(Answers(scheme="postgres", name="postgres"))
ALL.append(Answers(scheme="a-scheme.of+thirty-characters-", name="a_name_of_thirty_characters_ab", archetype="sql"))
ANSWERS = {answers.name: answers for answers in ALL}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a connector for each of the answers, each in the folder of its package's name."""
    return render_all(ALL, tmp_path_factory.mktemp("sql"))


def test_nothing_of_the_template_is_left(rendered: Path) -> None:
    """No brackets of the template, and no gaps where something was left out."""
    assert_no_template_left(rendered)


def test_code_is_formatted_and_lints_clean(rendered: Path) -> None:
    """By the connector's own configuration: no import, name or argument is left over, whatever was left out."""
    assert_formatted_and_lints_clean(rendered)


def test_code_is_typed(rendered: Path) -> None:
    """mypy --strict has no complaints, not even about the tests."""
    assert_typed(rendered)


def test_it_is_read_in_fifteen_minutes(rendered: Path) -> None:
    """No module has more than 250 lines, and all of the connector's code has less than 1,620."""
    folder = rendered / "dsync_connector_postgresql"
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("*.py")}
    assert max(lines.values()) <= 250
    assert sum(lines.values()) < 1_620


def test_it_is_registered_by_its_schemes(rendered: Path) -> None:
    """By both of PostgreSQL's, whichever was requested, and by any other that was."""
    for name in ("postgresql", "postgres"):
        found = load_folder(rendered / f"dsync_connector_{name}")
        assert found.matches("postgresql://host/db")
        assert found.matches("Postgres://host/db")
    other = load_folder(rendered / "dsync_connector_a_name_of_thirty_characters_ab")
    assert other.matches("a-scheme.of+thirty-characters-://host")
    assert not other.matches("postgresql://host")


def test_options_are_those_that_apply(rendered: Path) -> None:
    """Each option is for a connector that reads, writes or streams, or for BSON."""
    flags = {
        name: [option.flag for option in load_folder(rendered / f"dsync_connector_{name}").settings.options()]
        for name in ("writes_bson", "reads_json", "streams_json")
    }
    reading = ["--page-size", "--partitions", "--password"]
    assert flags == {
        "writes_bson": ["--password", "--timestamps", "--session-replication-role"],
        "reads_json": reading,
        "streams_json": [*reading, "--slot", "--publication", "--create-slot", "--keep", "--ignore-truncate"],
    }


@pytest.mark.parametrize("name", ANSWERS)
def test_no_code_is_dead(rendered: Path, name: str) -> None:
    """Each constant, function and class of the connector is used, or exported to other modules in `__all__`."""
    assert_no_dead_code(rendered / f"dsync_connector_{name}")


@pytest.mark.parametrize("name", first_of("both_bson_json", "copies_json", "streams_bson", "writes_bson_json"))
def test_its_own_tests_pass(rendered: Path, name: str) -> None:
    """The tests of its code pass, on the server that its conformance.py starts; a warning is an error."""
    assert_own_tests_pass(rendered / f"dsync_connector_{name}", "tests")


@pytest.mark.parametrize("name", first_of("both_bson_json", "streams_json", "writes_bson_json"))
def test_it_conforms(rendered: Path, name: str, tmp_path: Path) -> None:
    """Rules that need each part of the harness pass where they apply; its own tests and the demonstration run all."""
    assert_conforms(rendered / f"dsync_connector_{name}", skipped=SKIPPED[name], folder=tmp_path)


def listed(connector: Connector, name: str) -> list[dict[str, Any]]:
    """The documents of a namespace, in the order of the listing."""
    api = LocalClient(connector)
    plan = api.generate_plan(GeneratePlanRequest(namespaces=[name], initial_sync=True))
    listing = (page for part in plan.partitions for page in pages(api, part, DATA_TYPE_MONGO_BSON))
    return [decode(document, DATA_TYPE_MONGO_BSON) for page in listing for document in page.data]


def test_what_is_read_depends_on_no_setting_of_the_user(rendered: Path) -> None:
    """A policy that hides rows is an error. Time limits, formats and a search path that leaves out the schema of citext
    change nothing: its keys are compared without case, so no page leaves a row out."""
    registered = load_folder(rendered / "dsync_connector_both_bson")
    with PostgreSQL() as server, psycopg.connect(server.uri, autocommit=True) as client, ExitStack() as stack:
        client.execute("CREATE ROLE reader LOGIN; CREATE SCHEMA apart; GRANT USAGE ON SCHEMA apart TO reader")
        client.execute("CREATE EXTENSION citext SCHEMA apart")
        client.execute("CREATE TABLE t (id apart.citext PRIMARY KEY, at timestamptz DEFAULT '2026-01-31 12:00:00+00')")
        client.execute("INSERT INTO t SELECT chr(n) || n FROM generate_series(65, 122) n")
        client.execute("CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
        client.execute("GRANT SELECT ON t, hidden TO reader")
        for setting in ("statement_timeout = '1min'", "datestyle = 'SQL, DMY'", "timezone = 'Asia/Tokyo'"):
            client.execute(f"ALTER ROLE reader SET {setting}".encode())
        uri = server.uri.replace("//postgres@", "//reader@")
        connector: Any = registered.create(configure(registered, [uri, "--page-size=5"])[0])
        stack.callback(connector.teardown)
        with connector._database.connection() as connection:
            assert connection.execute("SHOW statement_timeout").fetchall() == [("0",)]
        found = listed(connector, "public.t")
        assert {document["_id"] for document in found} == {f"{chr(n)}{n}" for n in range(65, 123)}
        assert len(found) == 58
        assert {document["at"] for document in found} == {"2026-01-31 12:00:00+00"}
        with pytest.raises(PermissionDenied, match="row-level security"):
            listed(connector, "public.hidden")


def test_a_commit_that_nobody_sees_yet_is_not_passed_over(rendered: Path) -> None:
    """The log shows a transaction before it is visible, here because it waits for a standby. Its rows, which are read
    again for a computed column, arrive once it is visible."""
    folder = rendered / "dsync_connector_both_bson"
    with PostgreSQL() as server, psycopg.connect(server.uri, autocommit=True) as client, ExitStack() as stack:
        client.execute("CREATE TABLE t (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)")
        registered = load_folder(folder)
        settings, _ = configure(registered, [server.uri, "--create-slot"])
        connector = registered.create(settings)
        stack.callback(connector.teardown)
        plan = connector.generate_plan(GeneratePlanRequest(namespaces=["public.t"], updates=True))
        client.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        client.execute("SELECT pg_reload_conf()")
        context = CallContext()
        pool = stack.enter_context(ThreadPoolExecutor())
        stack.callback(context.cancel)
        request = StreamUpdatesRequest(cursor=plan.updates_partitions[0].cursor, type=DATA_TYPE_MONGO_BSON)
        streamed = pool.submit(
            lambda: next(answer for answer in connector.stream_updates(request, context) if answer.updates)
        )
        # The reload has arrived where a session sees it.
        while client.execute("SHOW synchronous_standby_names").fetchall() != [("nobody",)]:
            pass
        writer = stack.enter_context(psycopg.connect(server.uri, autocommit=True))
        writing = pool.submit(lambda: writer.execute("INSERT INTO t VALUES (1, 2)"))
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        sent = "SELECT 1 FROM pg_stat_replication WHERE sent_lsn >= pg_current_wal_flush_lsn()"
        while not (client.execute(waiting).fetchall() and client.execute(sent).fetchall()):
            assert not writing.done()
        client.execute("ALTER SYSTEM RESET synchronous_standby_names")
        client.execute("SELECT pg_reload_conf()")
        writing.result(timeout=30)
        (update,) = streamed.result(timeout=30).updates
        assert decode(update.data, DATA_TYPE_MONGO_BSON) == {"_id": 1, "n": 2, "twice": 4}


@pytest.mark.campaign
def test_fifty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """Both servers, both connectors and what moves the data are killed five times each in the copy, and five times each
    in the stream. They come back by themselves, and both ends are equal."""
    folder = scaffold(Answers(scheme="postgresql"), output=tmp_path / "postgresql").folder
    amounts = ("--kills", "50", "--documents", "3000", "--changes", "400", "--quiet", "60")
    run("dsync_kit.cli.kit", "e2e", "--seed", "1", *amounts, folder, folder, cwd=tmp_path)
