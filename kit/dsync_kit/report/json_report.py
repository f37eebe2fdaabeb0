"""The result as JSON, for programs: schema `dsync-kit/report/1`."""

import json
from typing import Any

from dsync_kit.conformance.results.outcome import Failure, Outcome
from dsync_kit.output.plain import encodable
from dsync_kit.report.contents import Report

__all__ = ["SCHEMA", "render"]

SCHEMA = "dsync-kit/report/1"


def render(report: Report) -> str:
    """The report as one JSON object, with a line end."""
    result = report.result
    contents = {
        "schema": SCHEMA,
        "version": report.kit_version,
        "target": result.target,
        "db_type": result.db_type,
        "connector_version": report.connector_version,
        "capabilities": list(report.capabilities),
        "seed": result.seed,
        "profile": result.profile,
        "strict": result.strict,
        "edition": {"name": result.edition.name, "origin": result.edition.origin},
        "conformant": result.conformant,
        "exit_code": result.exit_code,
        "verdict": report.verdict(),
        "problem": result.problem,
        "interrupted": result.interrupted,
        "seconds": round(result.seconds, 3),
        "counts": {status.value: count for status, count in result.counts().items()},
        "notes": list(result.notes),
        "documents": {
            one.namespace: {"origin": one.origin, "schema": one.schema}
            for one in (report.started.documents if report.started else ())
        },
        "explored": [
            {"first": found.first, "meeting": found.meeting.value, "second": found.second, "count": count}
            for found, count in report.reached()
        ],
        "rules": [_outcome(report, outcome) for outcome in result.outcomes],
    }
    return json.dumps(encodable(contents), ensure_ascii=False, indent=2) + "\n"


def _outcome(report: Report, outcome: Outcome) -> dict[str, Any]:
    rule = report.rules.get(outcome.rule)
    return {
        "id": outcome.rule,
        "level": outcome.level.value,
        "sentence": rule.sentence if rule else "",
        "since": rule.since if rule else "",
        "counts_from": outcome.counts_from,
        "status": outcome.status.value,
        "examples": outcome.examples,
        "examples_wanted": outcome.wanted or outcome.examples,
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
        "notes": list(outcome.notes),
        "cause": outcome.cause,
        "why": outcome.why,
        "apart": _apart(report, outcome),
        "failure": _failure(outcome.failure, outcome.replay) if outcome.failure else None,
    }


def _apart(report: Report, outcome: Outcome) -> dict[str, Any] | None:
    """Apart from which feature the rule was judged again; for the rule with that failure, the results of the others."""
    if outcome.apart is None:
        return None
    apart = outcome.apart
    described = {
        "feature": apart.feature,
        "cause": apart.cause,
        "status": apart.status,
        "confirmed": apart.confirmed,
    }
    return described | ({"summary": summary} if (summary := report.again(outcome.rule)) else {})


def _failure(failure: Failure, replay: str) -> dict[str, Any]:
    return {
        "message": failure.message,
        "expected": failure.expected,
        "seen": failure.seen,
        "hint": failure.hint,
        "example": [{"label": label, "value": value} for label, value in failure.example],
        "transcript": list(failure.transcript),
        "log": list(failure.log),
        "replay": replay,
        "reproducible": failure.reproducible,
        "again": failure.again,
    }
