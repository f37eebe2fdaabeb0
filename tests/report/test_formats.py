"""The reports for programs and for CI systems."""

import json
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.results.situations import Meeting, Situation
from dsync_kit.report import html, json_report, junit, markdown, summary
from dsync_kit.report.annotations import annotations
from dsync_kit.report.contents import Report
from dsync_kit.report.terminal import report_lines

from .conftest import FAILED, FAILURE, KNOWN, PASSED, REPLAY, SKIPPED, WARNED, make_report


def test_json(broken: Report) -> None:
    """It has the fields that programs rely on, with statuses in kebab case."""
    contents = json.loads(json_report.render(broken))
    assert contents["schema"] == "dsync-kit/report/1"
    assert (contents["target"], contents["db_type"], contents["seed"]) == ("grpc://127.0.0.1:1", "example", 7)
    assert (contents["profile"], contents["conformant"], contents["exit_code"]) == ("quick", False, 1)
    assert contents["counts"]["not-exercised"] == 1
    assert contents["notes"] == ["it refuses ids of the kind double"]
    rules = {rule["id"]: rule for rule in contents["rules"]}
    assert rules["list/ends"]["cause"] == "list/cursor-advances"
    assert rules["write/large"] == {
        "id": "write/large",
        "level": "MUST",
        "sentence": "the sentence of write/large",
        "since": "2026.1",
        "counts_from": "",
        "status": "not-exercised",
        "examples": 3,
        "examples_wanted": 3,
        "reason": "it takes one document a call",
        "seconds": 0.0,
        "notes": [],
        "cause": "",
        "why": "",
        "apart": None,
        "failure": None,
    }
    failure = rules["list/cursor-advances"]["failure"]
    assert failure["transcript"] == list(FAILURE.transcript)
    assert failure["example"][0] == {"label": "documents", "value": '[{"_id": "a"}]'}
    assert failure["replay"] == REPLAY


def test_json_of_a_run_that_did_not_begin() -> None:
    """An unreachable connector also gives a report."""
    contents = json.loads(json_report.render(make_report(problem="nothing answers")))
    assert (contents["exit_code"], contents["problem"], contents["rules"]) == (3, "nothing answers", [])


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - we wrote it


def test_junit(broken: Report) -> None:
    """A suite for each area, a case for each rule; a warning is not a failure, and untested rules are skipped."""
    root = parsed(junit.render(broken))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7",
        "failures": "2",
        "errors": "0",
        "skipped": "3",
    }
    assert [suite.get("name") for suite in root] == ["info", "list", "stream", "write"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["list/cursor-advances"].find("failure")
    assert failure is not None
    assert failure.get("message") == "the cursor stands still"
    assert "ListData(partition=" in (failure.text or "")
    follows = cases["list/ends"].find("failure")
    assert follows is not None
    assert follows.get("message") == "a consequence of list/cursor-advances"
    assert cases["info/warns"].find("failure") is None
    assert [element.get("message") for element in root.iter("skipped")] == [
        "it streams no updates",
        "not exercised: it takes one document a call",
        "known failing: the store is odd",
    ]


def test_junit_counts_warnings_where_they_count() -> None:
    """With --strict, a SHOULD rule is a failure."""
    assert parsed(junit.render(make_report(PASSED, WARNED, strict=True))).get("failures") == "1"


def test_junit_of_a_run_that_did_not_begin() -> None:
    """A run that judged nothing is an error, not an empty success."""
    assert parsed(junit.render(make_report(problem="nothing answers\x00"))).get("errors") == "1"


def test_markdown(broken: Report) -> None:
    """It has the verdict, a table by area, and each failure folded."""
    text = markdown.render(broken)
    assert text.startswith("## ❌ not conformant: 1 MUST rule violated")
    assert "| area | passed | failed | known | not exercised | skipped |" in text
    assert "| list |  | 2 |  |  |  |" in text
    summary = "<details><summary><b>list/cursor-advances</b> (MUST): the cursor stands still · 1 consequence</summary>"
    assert summary in text


def test_markdown_encloses_what_looks_like_markdown(broken: Report) -> None:
    """Data with a fence does not end its block."""
    assert "````text\n" in markdown.render(broken)


@pytest.mark.parametrize("text", ["<b>", "a|b", "*a*", "[x](y)", "`x`"])
def test_markdown_escapes(text: str) -> None:
    """A problem reported by a connector is plain text."""
    heading = markdown.render(make_report(problem=text)).splitlines()[0]
    assert text not in heading


def test_html_is_one_page(broken: Report) -> None:
    """It needs nothing from elsewhere."""
    page = html.render(broken)
    assert "src=" not in page
    assert "<link" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_html_escapes_data(broken: Report) -> None:
    """A connector's text is not part of the page's markup."""
    page = html.render(broken)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "b&#39;&lt;b&gt;[bold]7&#39;" in page


def test_html_has_every_rule_once(broken: Report) -> None:
    """Each rule can be linked to, failures first."""
    page = html.render(broken)
    places = {outcome.rule: page.index(f'id="{outcome.rule}"') for outcome in broken.result.outcomes}
    assert sorted(places, key=lambda rule: places[rule])[:2] == ["list/cursor-advances", "info/warns"]
    assert all(page.count(f'id="{rule}"') == 1 for rule in places)


def test_html_of_a_run_that_did_not_begin() -> None:
    """The reason is the page's heading."""
    assert "<h1>not judged: nothing answers</h1>" in html.render(make_report(problem="nothing answers"))


def test_a_failure_is_open_and_its_consequence_is_not(broken: Report) -> None:
    """The reader sees one bug once."""
    page = html.render(broken)
    assert 'id="list/cursor-advances" data-area="list" data-status="failed" open>' in page
    assert 'id="list/ends" data-area="list" data-status="failed">' in page


def test_a_passing_run_has_nothing_open() -> None:
    """Nothing asks for attention if nothing is wrong."""
    assert " open>" not in html.render(make_report(PASSED))
    assert " open>" in html.render(make_report(PASSED, FAILED))


HOSTILE = (
    "it is odd\n\n# heading\n\n![x](https://example.com/x.png) <img src=x> \ud800 \x1b[31m \x00 \x85 \u202e `a` ```\r\n"
)
"""What a connector may say: Markdown and HTML of all kinds, half of a surrogate pair, what steers a terminal."""

EVERYWHERE = replace(
    FAILURE,
    message=HOSTILE,
    expected=HOSTILE,
    seen=HOSTILE,
    hint=HOSTILE,
    example=(("text", HOSTILE),),
    transcript=(f"  1  ListData() → {HOSTILE}",),
    log=(HOSTILE,),
)


@pytest.fixture
def hostile() -> Report:
    """A report in which every text that a connector influences is hostile."""
    report = make_report(
        replace(PASSED, notes=(HOSTILE,)),
        replace(FAILED, failure=EVERYWHERE, replay=HOSTILE),
        replace(WARNED, failure=EVERYWHERE, replay=HOSTILE),
        replace(SKIPPED, reason=HOSTILE),
        replace(KNOWN, reason=HOSTILE, failure=EVERYWHERE, replay=HOSTILE),
        Outcome("write/large", Level.MUST, Status.ERRORED, reason=HOSTILE),
    )
    result = replace(report.result, target=HOSTILE, db_type=HOSTILE, notes=(HOSTILE,))
    assert report.started is not None
    started = replace(report.started, version=HOSTILE, db_type=HOSTILE, capabilities=(HOSTILE,))
    return replace(report, result=result, started=started)


RENDERERS: dict[str, Callable[[Report], str]] = {
    "json": json_report.render,
    "junit": junit.render,
    "markdown": markdown.render,
    "html": html.render,
    "summary": lambda report: summary.render({HOSTILE: report}, HOSTILE, left=[HOSTILE]),
    "annotations": lambda report: "\n".join(annotations(report, "connector.py", "")),
    "terminal": lambda report: "\n".join(line.plain for line in report_lines(report, 100)),
}


@pytest.mark.parametrize("name", RENDERERS)
def test_no_control_characters(hostile: Report, name: str) -> None:
    """Every format can be encoded, and has only line ends; the text stays readable. JSON is data."""
    text = RENDERERS[name](hostile)
    assert text.encode("utf-8")
    if name == "json":
        return
    assert {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs")} <= {"\n"}
    assert r"\ud800" in text.replace("\\\\", "\\")


def test_json_keeps_what_was_said(hostile: Report) -> None:
    """JSON escapes control characters; only text that other readers can't hold has changed."""
    rules = {rule["id"]: rule for rule in json.loads(json_report.render(hostile))["rules"]}
    assert rules["stream/ends"]["reason"] == HOSTILE.replace("\ud800", r"\ud800")


def test_junit_stays_xml(hostile: Report) -> None:
    """It can be parsed."""
    assert parsed(junit.render(hostile)).get("failures") == "1"


@pytest.mark.parametrize("name", ["markdown", "summary"])
def test_markdown_has_no_structure_of_a_connectors(hostile: Report, name: str) -> None:
    """For a Markdown reader, no heading or picture comes from a connector, and all blocks are closed."""
    shown = MarkdownIt("commonmark").enable("table").render(RENDERERS[name](hostile))
    assert shown.count("<h1>") == (name == "summary")
    assert shown.count("<h2>") == 1
    assert "<img" not in shown
    assert "<a " not in shown
    assert shown.count("<details>") == shown.count("</details>") > 0


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "2) a", "> a", "    a"])
def test_markdown_has_no_lists_of_a_connectors(text: str) -> None:
    """A reason that begins like a list item, or another block, is text."""
    shown = MarkdownIt("commonmark").render(markdown.render(make_report(PASSED, replace(SKIPPED, reason=text))))
    assert shown.count("<li>") == shown.count("<ul>") == 2
    assert "<ol" not in shown
    assert "<blockquote>" not in shown


EXPLORED = (
    (Situation("list", Meeting.THEN, "write a page"), 3),
    (Situation("count", Meeting.AT_ONCE, "list"), 12),
)


def test_what_was_explored() -> None:
    """JSON has each situation, the page a table for each way in which operations met."""
    outcome = Outcome("write/large", Level.MUST, Status.PASSED, examples=1, reached=EXPLORED)
    report = make_report(outcome, replace(outcome, rule="write/odd", reached=EXPLORED[:1]))
    explored = json.loads(json_report.render(report))["explored"]
    assert {"first": "list", "meeting": "one after the other", "second": "write a page", "count": 6} in explored
    assert {"first": "count", "meeting": "at once", "second": "list", "count": 12} in explored
    page = html.render(report)
    assert page.count('<table class="explored">') == 2
    assert '<td title="list, write a page">6</td>' in page


def test_nothing_was_explored(broken: Report) -> None:
    """Without explorers, there is no table, and an empty list."""
    assert json.loads(json_report.render(broken))["explored"] == []
    assert 'class="explored"' not in html.render(broken)
