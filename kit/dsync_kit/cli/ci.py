"""`dsync-kit ci`: verifies the connectors that a change touches, and reports the results to the CI system."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from rich.console import Console

from dsync_kit.bounds.patience import CALL_SECONDS
from dsync_kit.cli.exit_codes import ExitCode, say_error
from dsync_kit.conformance.results.outcome import Result
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.gate.changes import Change, find_change
from dsync_kit.output.plain import printable, printable_lines
from dsync_kit.output.workflow_commands import WorkflowCommands
from dsync_kit.project.editions import edition_for, seed_for
from dsync_kit.readme.section import is_stale
from dsync_kit.report import summary
from dsync_kit.report.annotations import annotations
from dsync_kit.report.contents import Report
from dsync_kit.report.files import ReportError, ReportFile, console_beside, write_reports
from dsync_kit.targets.earlier import was_there
from dsync_kit.usage import UsageError

__all__ = ["Gate", "ci"]

_NAME = "{name}"
"""Stands for the connector's name in the path of a report."""

_SUMMARY_BYTES = 1_000_000
"""The most bytes of a step's summary: GitHub does not show a longer one."""

_MODULES = ("connector.py", "registration.py", "conformance.py", "pyproject.toml")
"""The files that annotations can point to, the best first."""

_SEVERITY = (ExitCode.OK, ExitCode.NOT_JUDGED, ExitCode.USAGE, ExitCode.VIOLATED)
"""From best to worst: being broken for certain is worse than being unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the user asked for."""

    base: str | None = None
    connectors: str | None = None
    shared: Sequence[str] = ()
    profile: str = "standard"
    seed: int | None = None
    rules: Sequence[str] = ()
    edition: str | None = None
    against: str | None = None
    strict: bool = False
    reports: Sequence[str] = ()
    timeout: float = CALL_SECONDS
    settle: float | None = None
    jobs: int | None = None
    list_only: bool = False


def ci(asked: Gate) -> int:
    """Verify each touched connector; returns the worst exit code.

    Raises UsageError for an impossible request, before anything is verified.
    """
    _check(asked)
    change = find_change(
        Path.cwd(), os.environ, base=asked.base, connectors=asked.connectors, shared=tuple(asked.shared)
    )
    if asked.list_only:
        return _list(change)
    files = [ReportFile.parse(text) for text in asked.reports]
    console = console_beside(files)
    whole = [file for file in files if file.format == "markdown" and _NAME not in file.path]
    each = [file for file in files if file not in whole]
    _check_names(each, change)
    problems: list[str] = []
    reports: dict[PurePosixPath, Report] = {}
    with WorkflowCommands(console.file) as commands:
        if not change.touched and not change.unjudged:
            known = f"{len(change.connectors)} known" if change.connectors else "the repository holds none"
            console.print(f"no connector is touched ({known}; compared with {change.base})", soft_wrap=True)
        misused: list[str] = []
        stale: list[str] = []
        for folder, report in _judged(asked, change, console, misused):
            reports[folder] = report
            stale += [_shown(change, folder)] if _is_stale(asked, change.root / folder, report) else []
            named = [replace(file, path=file.path.replace(_NAME, change.name(folder))) for file in each]
            problems += write_reports(named, report)
            commands.give(_annotations(change, folder, report))
        for folder, report in reports.items():
            console.print(printable(f"{_shown(change, folder)}: {report.verdict()}"), soft_wrap=True)
        problems += _summarise(change, reports, whole)
        for problem in problems:
            say_error(problem)
        for name in stale:
            say_error(f"{name}/README.md is out of date: run `dsync-kit docs {name}`, and commit it")
    codes = [ExitCode(report.result.exit_code) for report in reports.values()]
    # However the loop ended, connectors that were not reached have not passed.
    complete = len(codes) == len(change.touched) + len(change.unjudged)
    codes += [ExitCode.USAGE] * bool(misused)
    codes += [ExitCode.VIOLATED] * bool(stale)
    codes += [] if complete and not problems else [ExitCode.NOT_JUDGED]
    return max(codes, key=_SEVERITY.index, default=ExitCode.OK)


def _is_stale(asked: Gate, folder: Path, report: Report) -> bool:
    """Whether the generated part of the README is out of date; unknown, so False, after a partial run."""
    if asked.rules or report.started is None or report.result.problem or report.result.interrupted:
        return False
    return is_stale(folder, report)


def _list(change: Change) -> int:
    """Print the touched folders. It is an error if some cannot be verified: a script must not think them untouched."""
    for folder in change.touched:
        print(_shown(change, folder))
    for folder, reason in change.unjudged.items():
        say_error(f"{_shown(change, folder)}: {reason}")
    return ExitCode.NOT_JUDGED if change.unjudged else ExitCode.OK


def _check(asked: Gate) -> None:
    """Refuse wrong options here; otherwise each connector would seem to be at fault."""
    if asked.profile not in PROFILES:
        raise UsageError(f"there is no profile {asked.profile!r}: expected one of {', '.join(PROFILES)}")
    if asked.rules:
        from dsync_kit.conformance.rules import RULES
        from dsync_kit.conformance.running.options import select

        select(RULES, asked.rules)


def _check_names(files: Sequence[ReportFile], change: Change) -> None:
    """Refuse the same report path for several connectors: their reports would overwrite each other."""
    for file in files:
        if _NAME not in file.path and (count := len({*change.connectors, *change.unjudged})) > 1:
            raise UsageError(
                f"--report {file.format}={file.path}: the repository holds {count} connectors, "
                f"but such a report holds only one: put {_NAME} into the file's name, as the connector's name"
            )


def _judged(
    asked: Gate, change: Change, console: Console, misused: list[str]
) -> Iterator[tuple[PurePosixPath, Report]]:
    """The result of each touched connector, until interrupted.

    Those whose conformance.py makes an impossible request are added to `misused`.
    """
    for folder, reason in change.unjudged.items():
        yield folder, _not_judged(asked, _shown(change, folder), reason)
    for number, folder in enumerate(change.touched, start=1):
        shown = _shown(change, folder)
        console.print(f"\n{printable(shown)} ({number} of {len(change.touched)})\n", style="bold", soft_wrap=True)
        report = _verify(asked, shown, console, misused)
        console.print()
        yield folder, report
        if report.result.interrupted:
            return


def _verify(asked: Gate, target: str, console: Console, misused: list[str]) -> Report:
    """The result of one connector. One that cannot be loaded counts as not judged."""
    began = time.monotonic()
    try:
        # New processes for each connector: earlier ones may have changed theirs.
        with Crew(asked.jobs) as crew:
            # Imported here: loading it takes longer than finding out that no connector is touched.
            from dsync_kit.cli.verify import Verification, judge

            wanted = Verification(
                target,
                profile=asked.profile,
                seed=_seed(asked, target),
                rules=asked.rules,
                edition=asked.edition,
                against=_against(asked, target),
                strict=asked.strict,
                timeout=asked.timeout,
                settle=asked.settle,
            )
            return judge(wanted, console, crew)
    except UsageError as error:
        misused.append(target)
        console.print(f"not judged: {printable_lines(str(error))}", soft_wrap=True)
        return _not_judged(asked, target, str(error), time.monotonic() - began)


def _against(asked: Gate, target: str) -> str | None:
    """What to compare a connector with; a new one has no earlier version."""
    return asked.against if asked.against is not None and was_there(Path(target), asked.against) else None


def _seed(asked: Gate, target: str) -> int:
    """The requested seed, else a constant one: the same change must always get the same verdict."""
    folder = Path(target)
    return seed_for(folder, edition_for(folder, asked.edition)) if asked.seed is None else asked.seed


def _not_judged(asked: Gate, target: str, reason: str, seconds: float = 0.0) -> Report:
    return Report.of(Result(target, "", 0, asked.profile, (), seconds, strict=asked.strict, problem=reason), ())


def _annotations(change: Change, folder: PurePosixPath, report: Report) -> Iterator[str]:
    """The annotations, at the connector's module or, if that is gone, at its folder."""
    place = change.root / folder
    path = next((place / name for name in _MODULES if (place / name).is_file()), place)
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or change.root).resolve()
    file = path.relative_to(workspace if path.is_relative_to(workspace) else change.root).as_posix()
    return annotations(report, file, path.read_text(encoding="utf-8", errors="replace") if path.is_file() else "")


def _summarise(change: Change, reports: Mapping[PurePosixPath, Report], files: Sequence[ReportFile]) -> list[str]:
    """Write a Markdown summary of all connectors to the files, and to GitHub's summary of the step.

    Returns messages about those that cannot be written.
    """
    problems = []
    named = {_shown(change, folder): report for folder, report in reports.items()}
    left = [_shown(change, folder) for folder in change.touched if folder not in reports]
    for file in files:
        try:
            file.write_text(summary.render(named, change.base, left=left))
        except ReportError as error:
            problems.append(str(error))
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(page).open("a", encoding="utf-8") as page_file:
                # Other commands of the step may have written some already.
                room = _SUMMARY_BYTES - os.fstat(page_file.fileno()).st_size - 1
                text = summary.render(named, change.base, left=left, most=room)
                page_file.write(f"{text}\n" if text else "")
        except OSError as error:
            problems.append(f"GITHUB_STEP_SUMMARY is {page}, which cannot be written to: {error.strerror}")
    return problems


def _shown(change: Change, folder: PurePosixPath) -> str:
    """The folder's path as its user would write it, from the current folder."""
    return printable(os.path.relpath(change.root / folder))
