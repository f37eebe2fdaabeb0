"""Annotations, the badge and the summary of several connectors, from results made by hand."""

import re
from xml.etree import ElementTree

import pytest

from dsync_kit.conformance.results.outcome import Failure, Outcome, Result, Status
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.report import badge, summary
from dsync_kit.report.annotations import annotations
from dsync_kit.report.contents import Report

SOURCE = (
    "import os\n\nclass Example:\n\n    def get_info(self):\n        ...\n\n    def write_data(self):\n        ...\n"
)


def failure(message: str) -> Failure:
    """A failure with this message."""
    return Failure(message, "", "", "", (), (), reproducible=True)


def report(*outcomes: Outcome, strict: bool = False, problem: str = "") -> Report:
    """The report of these outcomes."""
    return Report.of(Result("x", "y", 1, "quick", outcomes, 1.0, strict=strict, problem=problem), ())


def failed(rule: str, message: str = "it fails", level: Level = Level.MUST, cause: str = "") -> Outcome:
    """A violated rule."""
    return Outcome(rule, level, Status.FAILED, failure=failure(message), cause=cause, replay="dsync-kit verify x")


PASSED = Outcome("info/stable", Level.MUST, Status.PASSED)


@pytest.mark.parametrize(
    ("rule", "line"), [("info/db-type", 5), ("write/accepts", 8), ("stream/opens", 3), ("packaging/readme", 3)]
)
def test_an_annotation_is_where_the_rule_is_about(rule: str, line: int) -> None:
    """It is at the method of the rule's area or, without one, at the class."""
    [found] = annotations(report(failed(rule)), "a/connector.py", SOURCE)
    assert found.startswith(f"::error file=a/connector.py,line={line},title=dsync-kit%3A {rule} (MUST)::it fails%0A")


def test_an_annotation_is_escaped() -> None:
    """Data cannot end the command, or begin another one."""
    [found] = annotations(report(failed("x/y", "100 %\r\n::error::, or: so")), "a,b:c\n%/connector.py", "")
    assert found == (
        "::error file=a%2Cb%3Ac%0A%25/connector.py,line=1,title=dsync-kit%3A x/y (MUST)"
        "::100 %25%0A::error::, or: so%0Areplay: dsync-kit verify x"
    )


def test_consequences_have_no_annotation_of_their_own() -> None:
    """GitHub shows only a few annotations, so consequences have none."""
    outcomes = (failed("a/a"), failed("a/b", cause="a/a"), failed("a/c", level=Level.SHOULD), PASSED)
    levels = [found.split()[0] for found in annotations(report(*outcomes), "connector.py", SOURCE)]
    assert levels == ["::error", "::warning"]
    strict = [found.split()[0] for found in annotations(report(*outcomes, strict=True), "connector.py", SOURCE)]
    assert strict == ["::error", "::error"]


def test_what_could_not_be_judged_is_an_error() -> None:
    """The annotation has the reason."""
    [found] = annotations(report(problem="nothing answers"), "connector.py", SOURCE)
    assert found == "::error file=connector.py,line=1,title=dsync-kit%3A not judged::not judged: nothing answers"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (report(PASSED), "conformant · 1 rule"),
        (report(*[PASSED] * 1234), "conformant · 1,234 rules"),
        (report(PASSED, failed("a/a")), "not conformant"),
        (report(problem="<&"), "not judged"),
    ],
)
def test_the_badge(made: Report, text: str) -> None:
    """It is an image with the text, also for screen readers, that loads nothing and runs nothing."""
    image = badge.render(made)
    root = ElementTree.fromstring(image)  # noqa: S314 - our own
    texts = ["".join(found.itertext()) for found in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["dsync", text]
    assert root.get("aria-label") == f"dsync: {text}"
    assert not re.search(r"href|script|style|@import|data:", image)
    assert image.count("http") == 1  # the namespace


def test_the_badges_text_fits() -> None:
    """No text is wider than its field."""
    root = ElementTree.fromstring(badge.render(report(PASSED)))  # noqa: S314 - our own
    rects = [int(str(rect.get("width"))) for rect in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    lengths = [int(str(text.get("textLength"))) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(rects) == int(str(root.get("width")))
    assert all(length < width for length, width in zip(lengths, rects, strict=True))


def test_a_summary_that_is_too_long_keeps_its_table() -> None:
    """GitHub shows no page of more than 1 MiB, so details are dropped first."""
    reports = {"a": report(failed("a/a", "x" * 3000)), "b": report(PASSED)}
    whole = summary.render(reports, "main", left=["c"])
    short = summary.render(reports, "main", left=["c"], most=2000)
    assert len(whole.encode()) > 2000 > len(short.encode())
    table = whole.partition("\n\n## ")[0]
    assert short.startswith(table)
    assert "| `c` | ⚠️ not reached |" in table
    assert "The details are too long for this page" in short
    assert summary.render(reports, "main", left=["c"], most=100_000) == whole
    shortest = summary.render(reports, "main", left=["c"], most=120)
    assert "see the log for the results of 3 connectors" in shortest
    assert len(shortest.encode()) <= 120
    assert summary.render(reports, "main", most=0) == summary.render({}, "main", most=10) == ""
