"""What all tests share: how workers divide them, how much of the campaigns is run, what their commands keep."""

import gc
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from jinja2 import Environment
from xdist.scheduler import LoadFileScheduling

from .forked import Forked

# Hypothesis draws constants of this checkout's modules, too. Commands that each run in a folder of their own would
# read all modules again.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis"))

FIRST = [
    "tests/rules/test_faults_found.py",
    "tests/cli/test_verify.py",
    "tests/ci/test_ci.py",
    "tests/plugin/test_pytest_plugin.py",
    "tests/rules/test_catalogue.py",
    "tests/cli/test_run.py",
    "examples/reference/tests/test_conformance.py",
    "tests/cli/test_apart.py",
    "tests/scaffold/test_rendered.py",
    "tests/cli/test_streams.py",
    "tests/scaffold/test_blank.py",
    "tests/ci/test_action.py",
    "tests/docs/test_commands.py",
    "tests/rules/test_stream.py",
    "tests/scaffold/test_sql.py",
    "tests/scaffold/test_document.py",
    "tests/spark/test_in_spark.py",
    "tests/docs/test_tutorial.py",
    "tests/e2e/test_e2e.py",
    "tests/update/test_adopt.py",
    "tests/cli/test_jobs.py",
    "tests/cli/test_replay.py",
    "tests/update/test_update.py",
    "tests/cli/test_serve.py",
    "tests/cli/test_run_crash.py",
    "tests/rules/test_narrowing.py",
    "tests/rules/test_exploring.py",
]
"""The files that take 20 seconds or more, with the longest first: if one came last, the other workers would be idle."""

PARTS = {"tests/rules/test_faults_found.py": 2}
"""Files that would keep a single worker busy for the whole run, and how many workers share their tests. They mostly
wait, so while these workers wait, the others have both cores."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--campaign-share N`."""
    parser.addoption("--campaign-share", type=int, default=1, metavar="N", help="run one test of N of each campaign")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep every Nth test with the marker `campaign`, and all others; put the files that take longest first."""
    items.sort(key=lambda item: FIRST.index(file) if (file := item.nodeid.partition("::")[0]) in FIRST else len(FIRST))
    share = config.getoption("--campaign-share")
    campaign = [item for item in items if item.get_closest_marker("campaign")]
    left_out = {item for index, item in enumerate(campaign) if index % share}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: the garbage collector need not visit them each time."""
    gc.freeze()


class _Files(LoadFileScheduling):
    """Each file is run by one worker, which makes its fixtures once, except for those that are shared."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return f"{file} {zlib.crc32(nodeid.encode()) % PARTS.get(file, 1)}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Files | None:
    """The scheduler for `--dist loadfile`, which keeps the order of the files."""
    if config.getvalue("dist") != "loadfile":
        return None
    if missing := [name for name in FIRST if not (config.rootpath / name).is_file()]:
        raise pytest.UsageError(f"tests/conftest.py names files that do not exist: {', '.join(missing)}")
    config.option.loadscopereorder = False
    return _Files(config, log)


@pytest.fixture(scope="session")
def forked() -> "Iterator[Callable[..., CompletedProcess[str]]]":
    """Runs `dsync-kit` in processes that need not import it."""
    with Forked() as forked:
        yield forked.run


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Compile a template of Jinja's once: connectors are rendered dozens of times, each time from the same texts.

    Copier makes an environment for each connector, all with the same options.
    """
    known: dict[tuple[Any, ...], Any] = {}
    compile_ = Environment.compile

    def compile_once(self: Environment, source: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(source, str):  # it is parsed already
            return compile_(self, source, *args, **options)
        key = (type(self), tuple(self.extensions), source, args, tuple(options.items()))
        if key not in known:
            known[key] = compile_(self, source, *args, **options)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", compile_once)
        yield
