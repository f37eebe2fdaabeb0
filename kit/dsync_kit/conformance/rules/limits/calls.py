"""Many calls, one after another: what a store does with them behind the scenes changes nothing."""

import time

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.strategies import removals, update_to
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.protocol import UPDATE_TYPE_UPDATE

__all__ = ["RULES"]

_MOST_CALLS = 300
_FEWEST_CALLS = 40
_SECONDS = 1.5
"""The calls should take no longer, so that a slow connector has fewer of them; times the profile's bulk."""

_MOST_SECONDS = 10.0
"""No more calls are made after this many seconds, times the profile's bulk."""

_ONCE = 0.02


@rule(
    "limits/many-calls",
    "OK means **durable**: the page is never sent again",
    needs=(Need.SINK, Need.LOADING, Need.READING),
    hint="what many calls leave behind is merged wrongly: after a compaction, a full segment or a new log file, "
    "documents are lost or outdated, or deleted ones are back",
    after=("write/overwrites", "updates/model", "limits/many-documents"),
    examples=_ONCE,
    fills=0.05,
)
def many_calls(case: Case) -> None:
    """After 300 small calls (fewer for a slow connector), what they wrote, changed and deleted is as they left it."""
    data_type = case.data_type()
    together = case.draw(st.sampled_from([3, 1, 6]), "documents of a page that others write, too")
    count = _affordable(case)
    rounds = count // 3
    once = case.numbered(rounds, data_type, prefix="once")
    versions = [
        [case.document(value, {"n": version}, data_type) for version in range(together + 1)]
        for value in case.numbered_ids(rounds + together, data_type)
    ]
    namespace, model = case.namespace(), Model(data_type)
    began, calls = time.monotonic(), 0
    for number in range(rounds):
        if time.monotonic() - began > _MOST_SECONDS * case.bulk:
            break
        # Pages overlap: some calls in a row write a document, then it is changed or deleted, and then left alone. One
        # document of each page is in no other call, so that no call can be lost without a trace.
        page = [once[number], *(versions[at][number + together - 1 - at] for at in range(number, number + together))]
        case.write(namespace, page, data_type)
        model.write(page)
        calls += 1
        last = versions[number][together]
        updates = [update_to(UPDATE_TYPE_UPDATE, last, data_type)] if case.declared.can_change else []
        for update in [*updates, *(removals([last], data_type) if case.deletes and number % 2 else [])]:
            case.update(namespace, [update], data_type)
            model.apply([update])
            calls += 1
    case.expect(namespace, model, f"the listing after {calls} calls")


def _affordable(case: Case) -> int:
    """How many calls there is time for."""
    seconds = case.subject.place.call_seconds
    affordable = _SECONDS * case.bulk / seconds if seconds else _MOST_CALLS
    return int(max(_FEWEST_CALLS, min(_MOST_CALLS * case.bulk, affordable)))


RULES = (many_calls,)
