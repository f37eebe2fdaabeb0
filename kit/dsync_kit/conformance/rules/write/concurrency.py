"""WriteData from several writers at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from dsync_kit.conformance.calls.transcript import show_document, show_id
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.documents import canonical, id_of

__all__ = ["RULES"]

_BOTH = (Need.SINK, Need.READING)

_FEWEST_WRITERS, _WRITERS = 4, 16
"""dsync writes with up to 16 writers, by default 4."""

_QUEUE_SECONDS = 8.0
"""A write should wait no longer for the others, if they are made one after another: if each is slow, there are fewer
writers."""

_ROUNDS = 3

_MARGIN = 10
"""Calls are so many times quicker on average than the slowest writes."""


@rule(
    "write/concurrent",
    "is safe when several writers call it at once",
    needs=(Need.SINK,),
    hint="writers share state without a lock, or there are more writers than pooled connections",
    after=("write/read-back", "write/several-pages", "write/large-page", "list/complete"),
    examples=0.5,
)
def concurrent(case: Case) -> None:
    """Pages from as many parallel writers as dsync may start are all there afterwards."""
    data_type = case.written_type()
    documents = case.numbered(240, data_type)
    namespace = case.namespace()
    pages = [documents[start : start + 5] for start in range(0, len(documents), 5)]
    writers, alone = _WRITERS, 0
    if case.subject.place.call_seconds * _WRITERS * _MARGIN > _QUEUE_SECONDS:
        # How long does one write take? Elsewhere, the first ones come at the same time, too: they make the namespace.
        began, alone = time.monotonic(), 1
        case.write(namespace, pages[0], data_type)
        writers = int(max(_FEWEST_WRITERS, min(_WRITERS, _QUEUE_SECONDS / max(time.monotonic() - began, 0.001))))
    written = pages[: _ROUNDS * writers]
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda page: case.write(namespace, page, data_type), written[alone:]))
    model = Model(data_type, [document for page in written for document in page])
    case.expect_if_read(namespace, model, f"{writers} writers wrote at once")


@rule(
    "write/concurrent-overwrites",
    "is safe when several writers call it at once",
    needs=_BOTH,
    hint="looking up the id and inserting are two steps, so two writers both insert",
    after=("write/overwrites", "write/concurrent", "write/idempotent"),
    examples=0.5,
    about=FeatureKind.WRITTEN_AGAIN,
)
def concurrent_overwrites(case: Case) -> None:
    """If writers write the same ids at once, each id has one document, exactly as one of them wrote it."""
    data_type = case.data_type()
    namespace = case.namespace()
    versions = [case.numbered(20, data_type, writer=writer) for writer in range(6)]
    at_once = threading.Barrier(len(versions))

    def write(page: list[bytes]) -> None:
        at_once.wait()
        case.write(namespace, page, data_type)

    with ThreadPoolExecutor(len(versions)) as pool:
        list(pool.map(write, versions))
    found = by_id(case.read(namespace, data_type, expected=20), data_type)
    allowed: dict[bytes, set[bytes]] = {}
    for document in (document for version in versions for document in version):
        allowed.setdefault(document_key(document, data_type), set()).add(canonical(document, data_type))
    wrote = f"{len(versions)} writers wrote the same {len(allowed)} documents at once"
    case.check(
        found.keys() == allowed.keys(),
        f"after {wrote}, documents are missing, or there are others",
        expected=f"{len(allowed)} documents",
        seen=f"{len(allowed.keys() & found.keys())} of them, and {len(found.keys() - allowed.keys())} others",
    )
    for key, document in found.items():
        if canonical(document, data_type) not in allowed[key]:
            raise Violation(
                f"after {wrote}, {show_id(id_of(document, data_type))} is not as any of them wrote it",
                expected="the document as one of the writers wrote it, whole",
                seen=show_document(document),
            )


RULES = (
    concurrent,
    concurrent_overwrites,
)
