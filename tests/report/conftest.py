"""Results made by hand, of runs that never happened."""

import pytest

from dsync_kit.conformance.results.events import RunStarted
from dsync_kit.conformance.results.outcome import Failure, Outcome, Result, Status
from dsync_kit.conformance.results.rule_info import Level, Need, RuleInfo
from dsync_kit.report.contents import Report

FAILURE = Failure(
    message="the cursor stands still",
    expected="a next_cursor that differs from the request's",
    seen="cursor b'<b>[bold]7' again",
    hint="the last page repeats its cursor",
    example=(("documents", '[{"_id": "a"}]'), ("text", "```\x1b[31m</script><script>alert(1)</script>")),
    transcript=(
        '  1  WriteData(namespace=\'n\', data=[{"_id": "a"}], type=MONGO_BSON) → OK',
        "  2  ListData(partition={namespace='n', cursor=b'0123456789012345678901234567890123456789'}) → data=["
        + ", ".join(f'{{"_id": "document-{number}"}}' for number in range(4))
        + "]",
    ),
    reproducible=True,
    log=("WARNING bk: page 7 is odd",),
)

REPLAY = "dsync-kit verify 'grpc://127.0.0.1:1' --rule list/cursor-advances --profile quick --seed 7 --insecure"


def _rule(id_: str, level: Level = Level.MUST, needs: tuple[Need, ...] = ()) -> RuleInfo:
    return RuleInfo(id_, level, f"the sentence of {id_}", summary="What it checks.", needs=needs)


RULES = (
    _rule("info/db-type"),
    _rule("info/warns", Level.SHOULD),
    _rule("list/ends", needs=(Need.LISTING,)),
    _rule("list/cursor-advances", needs=(Need.LISTING,)),
    _rule("stream/ends", needs=(Need.UPDATES,)),
    _rule("write/large", needs=(Need.SINK,)),
    _rule("write/odd", needs=(Need.SINK,)),
)


def make_report(*outcomes: Outcome, strict: bool = False, interrupted: bool = False, problem: str = "") -> Report:
    """A report of these outcomes."""
    result = Result(
        target="grpc://127.0.0.1:1",
        db_type="example",
        seed=7,
        profile="quick",
        outcomes=outcomes,
        seconds=1.25,
        strict=strict,
        interrupted=interrupted,
        problem=problem,
        notes=("it refuses ids of the kind double",),
    )
    started = RunStarted(result.target, "example", "1", ("source (MONGO_BSON)",), 7, "quick", RULES, ())
    return Report.of(result, RULES, started)


PASSED = Outcome("info/db-type", Level.MUST, Status.PASSED, examples=1, seconds=0.01)
WARNED = Outcome("info/warns", Level.SHOULD, Status.FAILED, examples=2, failure=FAILURE, replay=REPLAY)
FOLLOWS = Outcome(
    "list/ends", Level.MUST, Status.FAILED, examples=2, failure=FAILURE, replay=REPLAY, cause="list/cursor-advances"
)
FAILED = Outcome(
    "list/cursor-advances", Level.MUST, Status.FAILED, examples=2, seconds=0.5, failure=FAILURE, replay=REPLAY
)
SKIPPED = Outcome("stream/ends", Level.MUST, Status.SKIPPED, reason="it streams no updates")
UNTESTED = Outcome("write/large", Level.MUST, Status.NOT_EXERCISED, examples=3, reason="it takes one document a call")
KNOWN = Outcome(
    "write/odd", Level.MUST, Status.KNOWN_FAILING, examples=2, reason="the store is odd", failure=FAILURE, replay=REPLAY
)


@pytest.fixture
def broken() -> Report:
    """A report with an outcome of nearly every kind, and data that looks like markup."""
    return make_report(PASSED, WARNED, FOLLOWS, FAILED, SKIPPED, UNTESTED, KNOWN)


@pytest.fixture
def conformant() -> Report:
    """A report in which nothing is wrong."""
    return make_report(PASSED, SKIPPED)
