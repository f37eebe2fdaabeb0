"""How reports show rules that were judged again, reduced examples, and what namespaces hold."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from dsync_kit.conformance.results.events import AssumedSchema
from dsync_kit.conformance.results.features import Apart
from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.report import html, json_report, junit, markdown
from dsync_kit.report.contents import Report
from dsync_kit.report.terminal import report_lines

from .conftest import FAILED, FAILURE, PASSED, REPLAY, make_report

MIXED = "ids of mixed kinds"
SUMMARY = f"1 bug ({MIXED}); judged apart from it: 2 passed, 1 failed on their own, 1 not tried, for lack of time"
SCHEMA = {
    "$jsonSchema": {"bsonType": "object", "properties": {"_id": {"bsonType": "string"}, "a": {"bsonType": "long"}}}
}


def _consequence(rule: str, status: str) -> Outcome:
    cause = FAILED.rule
    return replace(
        FAILED,
        rule=rule,
        failure=FAILURE,
        replay=REPLAY,
        cause=cause,
        apart=Apart(MIXED, cause, status, confirmed=True),
    )


@pytest.fixture
def narrowed() -> Report:
    """One bug with four consequences, one of which fails on its own; and a rule with two of 25 examples."""
    report = make_report(
        replace(PASSED, examples=2, wanted=25),
        replace(FAILED, apart=Apart(MIXED, "", confirmed=True)),
        _consequence("list/ends", Status.PASSED),
        _consequence("stream/ends", Status.PASSED),
        _consequence("write/large", ""),
        replace(_consequence("write/odd", Status.FAILED), cause=""),
    )
    assert report.started is not None
    held = (
        AssumedSchema("public.t", "declared by t.json", SCHEMA),
        AssumedSchema("public.u", "unknown: all was refused"),
    )
    return replace(report, started=replace(report.started, documents=held))


def test_what_was_judged_again_is_summed_up(narrowed: Report) -> None:
    """What fails on its own is a failure beside the bug; the others are its consequences."""
    assert narrowed.again(FAILED.rule) == SUMMARY
    assert [outcome.rule for outcome in narrowed.failures()] == [FAILED.rule, "write/odd"]
    assert "2 MUST rules violated, 3 more as a consequence (2 pass apart from it)" in narrowed.verdict()


def test_what_is_not_confirmed_is_not_named_as_the_bug() -> None:
    """The consequences that passed without a feature say so; whether it is what matters is not known."""
    root = replace(FAILED, apart=Apart(MIXED, ""))
    passed, idle = (_consequence(f"list/{status}", status) for status in (Status.PASSED, Status.NOT_EXERCISED))
    unconfirmed = [replace(found, apart=Apart(MIXED, FAILED.rule, found.apart.status)) for found in (passed, idle)]
    report = make_report(root, *unconfirmed)
    assert report.again(FAILED.rule) == f"without {MIXED}: 1 passed, 0 failed on their own, 1 not exercised"
    assert make_report(root, unconfirmed[1]).again(FAILED.rule) == ""


def test_all_reports_say_it(narrowed: Report) -> None:
    """Terminal, Markdown, HTML and JUnit use the same words; JSON has fields as well."""
    terminal = " ".join("\n".join(line.plain for line in report_lines(narrowed, 200)).split())
    for text in (terminal, markdown.render(narrowed), html.render(narrowed)):
        assert SUMMARY in text
    cases = {case.get("name"): case for case in ET.fromstring(junit.render(narrowed)).iter("testcase")}  # noqa: S314
    assert SUMMARY in " ".join(str(cases[FAILED.rule].findtext("failure")).split())
    message = cases["list/ends"].find("failure")
    assert message is not None
    assert message.get("message") == f"a consequence of {FAILED.rule}; apart from {MIXED}: passed"
    rules = {rule["id"]: rule for rule in json.loads(json_report.render(narrowed))["rules"]}
    assert rules[FAILED.rule]["apart"] == {
        "feature": MIXED,
        "cause": "",
        "status": "",
        "confirmed": True,
        "summary": SUMMARY,
    }
    assert rules["write/odd"]["apart"] == {
        "feature": MIXED,
        "cause": FAILED.rule,
        "status": "failed",
        "confirmed": True,
    }
    assert "on its own" in terminal


def test_fewer_examples_are_said(narrowed: Report) -> None:
    """How many of how many, with the rules."""
    terminal = "\n".join(line.plain for line in report_lines(narrowed, 200))
    title, part = (
        "Fewer examples than planned, for lack of time: 1 of 6 rules; a longer profile has more",
        "less than a quarter of the planned examples: 1 rule",
    )
    assert f"{title}\n  {part}\n      info/db-type (2 of 25)" in terminal
    assert f"<summary>{title}</summary>\n\n- {part}: info/db-type (2 of 25)" in markdown.render(narrowed)
    assert "2 of 25 examples" in html.render(narrowed)
    first = json.loads(json_report.render(narrowed))["rules"][0]
    assert (first["examples"], first["examples_wanted"]) == (2, 25)


def test_many_rules_with_fewer_examples_are_counted_by_area() -> None:
    """Only those that had fewest are named, up to twelve: nobody reads seventy names."""
    fewest = [replace(PASSED, rule=f"plan/{n}", examples=2, wanted=25) for n in range(15)]
    fewer = [replace(PASSED, rule=f"{area}/{n}", examples=10, wanted=25) for area in ("list", "lsn") for n in range(3)]
    full = replace(PASSED, rule="info/stable", examples=25)
    title, parts = make_report(*fewest, *fewer, full).reduced()
    named = ", ".join(f"plan/{n} (2 of 25)" for n in range(12))
    assert title == "Fewer examples than planned, for lack of time: 21 of 22 rules; a longer profile has more"
    assert parts == [
        ("less than a quarter of the planned examples: 15 rules", f"{named} and 3 more"),
        ("less than half: 6 rules", "list 3, lsn 3"),
    ]


def test_a_verdict_that_rests_on_few_examples_says_so() -> None:
    """A slow connector that passes has hardly been tried: the last line says of how many rules that is true."""
    few = [replace(PASSED, rule=f"plan/{n}", examples=1, wanted=25) for n in range(3)]
    full = replace(PASSED, rule="info/stable", examples=25)
    said = " (3 with less than a quarter of the planned examples)"
    assert make_report(*few, full).verdict() == f"conformant: 4 rules passed{said}"
    assert make_report(few[0], full).verdict() == "conformant: 2 rules passed"


def test_what_namespaces_hold_is_said(narrowed: Report) -> None:
    """A line for each, with the origin; JSON has the schema itself."""
    for text in (markdown.render(narrowed), html.render(narrowed)):
        assert "public.t: 1 field beside the id (a), declared by t.json" in text
        assert "public.u: unknown: all was refused" in text
    documents = json.loads(json_report.render(narrowed))["documents"]
    assert documents["public.t"] == {"origin": "declared by t.json", "schema": SCHEMA}
    assert documents["public.u"]["schema"] is None
