"""StreamUpdates of a source that the kit cannot change: what followed a cursor once must follow it again."""

import time
from collections.abc import Sequence
from contextlib import suppress

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.sampling import sample, sampled_namespaces
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType, StreamUpdatesResponse

__all__ = ["resume_sample"]

_TRIED_CURSORS = 5


def resume_sample(case: Case) -> None:
    """Stream again from cursors of a source that cannot be changed: what came after them once must come again."""
    for data_type, messages in sample(case).items():
        # Of several messages with one cursor, the first one counts: the others come after the cursor.
        first: dict[bytes, int] = {}
        for place, message in enumerate(messages):
            first.setdefault(message.next_cursor, place)
        cursors = [cursor for cursor in first if cursor]
        for cursor in cursors[:: max(1, len(cursors) // _TRIED_CURSORS)]:
            after = first[cursor] + 1
            # Of several updates of one id, the last one is enough, and a repeated one need not be repeated again.
            missing = _changes(messages[after:], data_type, but=messages[:after])
            _comes_again(case, cursor, data_type, missing)


def _comes_again(case: Case, cursor: bytes, data_type: DataType, missing: set[tuple[str, bytes]]) -> None:
    """Check that a stream from a cursor is accepted, and has updates of all these documents."""
    expected, end = len(missing), time.monotonic() + case.subject.patience.seconds
    with case.driver.stream_updates(cursor, sampled_namespaces(case), data_type) as stream:
        seconds = 0.5  # long enough for a refusal
        while (message := stream.next(seconds)) is not None:
            missing -= _changes([message], data_type)
            if not missing:
                break
            seconds = max(0.0, end - time.monotonic())
        case.check(
            stream.error is None,
            "a cursor that the stream sent is refused",
            expected="the updates after it",
            seen=stream.error,
        )
    case.check(
        not missing,
        "a stream that resumes from a cursor lacks updates that had followed that cursor",
        expected=f"updates of the same {expected} documents",
        seen=f"none of {len(missing)} of them",
    )


def _changes(
    messages: Sequence[StreamUpdatesResponse], data_type: DataType, *, but: Sequence[StreamUpdatesResponse] = ()
) -> set[tuple[str, bytes]]:
    """The documents that messages change, by updates that other messages do not have. Other rules report bad ids."""
    known = {(message.namespace, update.SerializeToString()) for message in but for update in message.updates}
    changed = set()
    for message in messages:
        for update in message.updates:
            with suppress(InvalidArgument):
                if (message.namespace, update.SerializeToString()) not in known:
                    changed.add((message.namespace, key_of(update.id, data_type)))
    return changed
