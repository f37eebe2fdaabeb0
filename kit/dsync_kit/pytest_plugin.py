"""The rules as pytest tests. pytest always loads this module when it starts, so heavy imports wait until needed.

from dsync_kit.pytest_plugin import conformance_tests

test_conformance = conformance_tests(__file__)
"""

import logging
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dsync_kit.conformance.case.rule import Rule
    from dsync_kit.conformance.results.outcome import Outcome
    from dsync_kit.conformance.running.engine import Session
    from dsync_kit.conformance.running.options import RunOptions

__all__ = ["conformance_tests"]


def conformance_tests(file: str) -> Callable[..., None]:
    """A test for each rule, for the connector in the parent of the folder that `file` is in.

    A rule that does not apply is skipped, with the reason. A known failure is an expected failure (xfail), and so is a
    violated SHOULD rule unless --dsync-strict is given, and a violated rule of a newer edition than the connector's.

    When the last test of the module has run, the rules that a failure explains are judged again, apart from what its
    smallest example shows. That changes no test's outcome; the summary at the end of the run has the results.
    """
    from dsync_kit.conformance.rules import RULES

    folder = Path(file).resolve().parents[1]

    @pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES])
    def test_conformance(rule: "Rule", dsync_sessions: "_Sessions") -> None:
        _report(dsync_sessions, folder, rule)

    return test_conformance


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. The profile can also be set as DSYNC_PROFILE, or as dsync_profile in pytest's configuration.

    An invalid dsync_documents or dsync_settle in the configuration ends the run with exit code 2.
    """
    group = parser.getgroup("dsync-kit", "conformance of dsync connectors")
    group.addoption("--dsync-profile", metavar="PROFILE", help="quick (the default), standard or thorough")
    group.addoption("--dsync-seed", metavar="N", type=int, default=0, help="the same seed gives the same run (0)")
    group.addoption("--dsync-edition", metavar="EDITION", help="the rules' edition; else its pyproject.toml's")
    group.addoption("--dsync-strict", action="store_true", help="a SHOULD rule that is violated is a failure")
    parser.addini("dsync_profile", "quick, standard or thorough", default="quick")
    parser.addini("dsync_documents", "document schemas: lines [NAMESPACE=]FILE, from the root folder", type="linelist")
    parser.addini("dsync_settle", "seconds by which reads lag behind writes; left out, it is found out")


_NARROWED = pytest.StashKey[dict[str, list[str]]]()
"""What was judged again, by folder."""

_OUTPUT = "dsync_narrowed"
"""Under this name a worker of xdist hands it over."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was judged again, in a worker of xdist."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = session.config.stash.get(_NARROWED, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of xdist hands over. A worker knows only the failures of its own tests."""
    for folder, lines in getattr(node, "workeroutput", {}).get(_OUTPUT, {}).items():
        node.config.stash.setdefault(_NARROWED, {}).setdefault(folder, []).extend(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what came of the rules that were judged again."""
    for folder, lines in config.stash.get(_NARROWED, {}).items():
        terminalreporter.section(f"{folder}: judged apart from what failed", sep="=")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def dsync_sessions(request: pytest.FixtureRequest) -> "Iterator[_Sessions]":
    """The connectors under test. Each starts when its first rule runs, and stops with the module."""
    with _Sessions(request.config) as sessions:
        yield sessions


class _Sessions:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._stack = ExitStack()
        self._opened: dict[Path, Session | str] = {}

    def __enter__(self) -> "_Sessions":
        return self

    def __exit__(self, *details: Any) -> None:
        try:
            for folder, session in self._opened.items():
                if not isinstance(session, str) and (lines := _judged_again(session)):
                    self._config.stash.setdefault(_NARROWED, {})[os.path.relpath(folder)] = lines
        finally:
            self._stack.__exit__(*details)

    @property
    def strict(self) -> bool:
        return bool(self._config.getoption("--dsync-strict"))

    def of(self, folder: Path) -> "Session":
        """The session of a folder's connector. Fails the test if the connector does not start."""
        if folder not in self._opened:
            self._opened[folder] = self._open(folder)
        found = self._opened[folder]
        if isinstance(found, str):
            pytest.fail(found, pytrace=False)
        return found

    def _open(self, folder: Path) -> "Session | str":
        from dsync_kit.conformance.running.engine import Session
        from dsync_kit.errors import UsageError
        from dsync_kit.targets.resolving import resolve
        from dsync_kit.usage import TargetError

        try:
            options = self._options(folder)
            session = Session(self._stack.enter_context(resolve(str(folder)).open()), options)
        except (UsageError, TargetError) as error:
            return str(error)
        self._stack.callback(session.close)
        return session

    def _options(self, folder: Path) -> "RunOptions":
        from dsync_kit.conformance.results.profile import PROFILES
        from dsync_kit.conformance.rules import RULES
        from dsync_kit.conformance.running.options import RunOptions
        from dsync_kit.conformance.subject.holds.declared_schemas import declared_documents
        from dsync_kit.errors import UsageError
        from dsync_kit.project.editions import edition_for

        config = self._config
        files = config.getini("dsync_documents")
        try:
            documents = declared_documents(files, config.rootpath)
        except UsageError as error:
            pytest.exit(f"dsync_documents: {error}", returncode=2)
        settle = _seconds(config.getini("dsync_settle"))
        option = config.getoption("--dsync-profile") or os.environ.get("DSYNC_PROFILE")
        profile = str(option or config.getini("dsync_profile"))
        if profile not in PROFILES:
            raise UsageError(f"there is no profile {profile!r}: expected one of {', '.join(PROFILES)}")
        seed = config.getoption("--dsync-seed")
        words = ["dsync-kit", "verify", os.path.relpath(folder), "--profile", profile, "--seed", str(seed)]
        words += [word for file in files for word in ("--documents", file)]
        words += ["--settle", f"{settle:g}"] if settle is not None else []
        return RunOptions(
            rules=RULES,
            profile=PROFILES[profile],
            seed=seed,
            documents=documents,
            edition=edition_for(folder, config.getoption("--dsync-edition")),
            settle=settle,
            strict=self.strict,
            database=config.rootpath / ".dsync-kit" / "examples" / folder.name,
            command=lambda rule: shlex.join([*words, "--rule", rule]),
        )


def _seconds(text: str) -> float | None:
    """The seconds of `dsync_settle`; None if it is not set. An invalid value ends the run with exit code 2."""
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = -1.0
    if seconds is not None and not 0 <= seconds < float("inf"):
        pytest.exit(f"dsync_settle: given {text!r}: expected seconds, 0 or more", returncode=2)
    return seconds


def _judged_again(session: "Session") -> list[str]:
    """Judge again what failures hide, if they hide anything; the results, and the failures that were hidden."""
    from dsync_kit.conformance.results.outcome import Result
    from dsync_kit.report.contents import Report
    from dsync_kit.report.failure import failure_text

    with _pytest_hears_no_log():
        for _ in session.narrow():
            pass
    started = session.started()
    result = Result(started.target, started.db_type, started.seed, started.profile, session.outcomes, seconds=0.0)
    report = Report.of(result, started.rules)
    lines = [f"{found.rule}: {again}" for found in report.failures() if (again := report.again(found.rule))]
    own = [found for found in report.failures() if found.apart is not None and found.apart.cause]
    return lines + [failure_text(found, report.rules[found.rule]) for found in own]


def _report(sessions: _Sessions, folder: Path, rule: "Rule") -> None:
    """Judge a rule, and report its outcome to pytest."""
    from dsync_kit.conformance.results.outcome import Status

    session = sessions.of(folder)
    if session.problem:
        pytest.skip(session.problem)
    with _pytest_hears_no_log():
        outcome = session.judge(rule)
    match outcome.status:
        case Status.PASSED:
            return
        case Status.SKIPPED:
            pytest.skip(outcome.reason)
        case Status.NOT_EXERCISED:
            pytest.skip(f"not exercised: {outcome.reason}")
        case Status.KNOWN_FAILING | Status.KNOWN_FLAKY:
            pytest.xfail(outcome.reason)
        case Status.FAILED | Status.FLAKY if not outcome.fails(strict=sessions.strict):
            counts = f"counts from edition {outcome.counts_from}" if outcome.counts_from else outcome.level.value
            pytest.xfail(f"{counts}: {_message(outcome)}")
        case _:
            pytest.fail(_text(outcome, rule), pytrace=False)


@contextmanager
def _pytest_hears_no_log() -> Iterator[None]:
    """Keep pytest from showing the log of every example: a failure shows the log of the smallest one."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers = handlers


def _message(outcome: "Outcome") -> str:
    return outcome.failure.message if outcome.failure else outcome.reason


def _text(outcome: "Outcome", rule: "Rule") -> str:
    from dsync_kit.report.failure import failure_text

    return failure_text(outcome, rule)
