"""The result as JUnit XML, which CI systems read: a suite for each area, a test case for each rule."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.output.plain import printable_lines
from dsync_kit.report.contents import Report
from dsync_kit.report.failure import failure_text

__all__ = ["render"]

_NOT_RUN = (Status.SKIPPED, Status.NOT_EXERCISED, Status.KNOWN_FAILING, Status.KNOWN_FLAKY)


def render(report: Report) -> str:
    """The report as an XML document.

    JUnit has no warnings: a violated SHOULD rule passes, with its text as output, unless SHOULD rules count, and so
    does a violated rule of a newer edition. Rules that were not exercised or are known to fail are skipped, with the
    reason.
    """
    result = report.result
    root = ET.Element(
        "testsuites", name=printable_lines(f"dsync-kit verify {result.target}"), time=f"{result.seconds:.3f}"
    )
    for area, outcomes in report.areas().items():
        _suite(root, area, outcomes, report)
    if result.problem or result.interrupted:
        _problem(root, report)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, area: str, outcomes: Sequence[Outcome], report: Report) -> None:
    suite = ET.SubElement(root, "testsuite", name=area, time=f"{sum(outcome.seconds for outcome in outcomes):.3f}")
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("seed", str(report.result.seed)),
        ("profile", report.result.profile),
        ("edition", report.result.edition.name),
    ):
        ET.SubElement(properties, "property", name=name, value=value)
    for outcome in outcomes:
        _case(suite, outcome, report)
    suite.set("tests", str(len(outcomes)))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(len(suite.findall(f"testcase/{tag}"))))


def _case(suite: ET.Element, outcome: Outcome, report: Report) -> None:
    classname = f"dsync-kit.{outcome.area}"
    case = ET.SubElement(suite, "testcase", name=outcome.rule, classname=classname, time=f"{outcome.seconds:.3f}")
    text = failure_text(
        outcome, report.rules.get(outcome.rule), report.consequences(outcome.rule), again=report.again(outcome.rule)
    )
    if outcome.status in _NOT_RUN:
        kind = "" if outcome.status is Status.SKIPPED else f"{outcome.status.replace('-', ' ')}: "
        ET.SubElement(case, "skipped", message=printable_lines(kind + outcome.reason))
    elif outcome.status is Status.ERRORED:
        ET.SubElement(case, "error", type="errored", message=printable_lines(outcome.reason)).text = printable_lines(
            text
        )
    elif outcome.status is Status.UNEXPECTEDLY_PASSING:
        ET.SubElement(case, "failure", type="unexpectedly-passing", message=printable_lines(outcome.reason))
    elif outcome.fails(strict=report.result.strict):
        message = f"a consequence of {outcome.cause}{_apart(outcome)}" if outcome.cause else _message(outcome)
        ET.SubElement(
            case, "failure", type=outcome.level.value, message=printable_lines(message)
        ).text = printable_lines(text)
    elif outcome.violated:
        ET.SubElement(case, "system-out").text = printable_lines(text)


def _problem(root: ET.Element, report: Report) -> None:
    suite = ET.SubElement(root, "testsuite", name="run", tests="1", failures="0", errors="1", skipped="0")
    case = ET.SubElement(suite, "testcase", name="run/finished", classname="dsync-kit.run")
    ET.SubElement(case, "error", type="not-judged", message=printable_lines(report.verdict()))


def _apart(outcome: Outcome) -> str:
    apart = outcome.apart
    return (
        f"; apart from {apart.feature}: {apart.status.replace('-', ' ')}" if apart is not None and apart.status else ""
    )


def _message(outcome: Outcome) -> str:
    return outcome.failure.message if outcome.failure else outcome.reason
