"""Tells a changed value from another version: a document that was written elsewhere, or earlier, was not converted."""

from collections.abc import Sequence

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.calls.written import versions_of
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.verdicts.differences import change_of
from dsync_kit.documents import same_document

__all__ = ["blame_no_value"]


def blame_no_value(violation: Violation, calls: Sequence[Call]) -> None:
    """Only suspect the owner of a violation about a changed value if the document is another version that was sent."""
    changed = next((one for one in violation.wrong if one.expected and one.seen), None)
    if changed is None or not violation.owner:
        return
    change = change_of(changed.expected, changed.seen, changed.data_type)
    if violation.owner == change.owner and _was_sent(changed, calls):
        violation.owner, violation.suspect = "", violation.owner
        if violation.hint == change.description:
            violation.hint = ""


def _was_sent(changed: Wrong, calls: Sequence[Call]) -> bool:
    seen, data_type = changed.seen or b"", changed.data_type
    return any(same_document(sent, seen, data_type) for sent in versions_of(seen, data_type, calls))
