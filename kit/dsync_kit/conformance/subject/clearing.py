"""Leaves a store as it was before the run, as far as the connector deletes."""

from collections.abc import Sequence

from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.documents.strategies import removals
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType

__all__ = ["clear"]


def clear(subject: Subject) -> None:
    """Remove documents that were kept for several examples."""
    for namespace, data_type, documents in subject.remembered.take_kept():
        if subject.removes:
            _remove(subject, namespace, data_type, documents)
        else:
            subject.kept([namespace])
    if not subject.liveness.hung:
        _put_back(subject)
    if not subject.liveness.hung:  # otherwise nothing could be removed, and the journal stays
        subject.journal.end(subject.remembered.remains)


def _put_back(subject: Subject) -> None:
    """Restore documents that were in an offered namespace before the run, and are gone.

    A store that confuses the ids '1' and 1 overwrites its owner's document, and deletes it with the kit's.
    """
    subject.settling.wait()
    for namespace, (data_type, before) in subject.remembered.first.items() if subject.declared.is_sink else ():
        gone: list[bytes] = []
        try:
            listed = subject.data.read(namespace, data_type, driver=subject.driver)
            there = {document_key(document, data_type) for document in listed}
            gone = [_as_written(subject, namespace, before[key], data_type) for key in before.keys() - there]
            if gone:
                subject.data.load(namespace, gone, data_type, driver=subject.driver)
                subject.remembered.put_back[namespace] = len(gone)
            if left := len(there - before.keys()):
                subject.remembered.remain(namespace, f"documents that were not there before: {left:,}")
        except (ConnectorError, Violation) as error:
            what = f"{len(gone)} documents that were there before are gone" if gone else "it cannot be listed"
            subject.remembered.remain(namespace, f"{what}: {error}")


def _as_written(subject: Subject, namespace: str, document: bytes, data_type: DataType) -> bytes:
    """A document that was listed, without the fields that the store computes."""
    family = subject.family_of(namespace)
    return family.holding(data_type).as_written(document) if family is not None else document


def _remove(subject: Subject, namespace: str, data_type: DataType, documents: Sequence[bytes]) -> None:
    """Delete documents that the kit wrote. Those that cannot be deleted are remembered for the report."""
    try:
        subject.data.change(
            namespace, removals(documents, data_type), data_type, driver=subject.remembered.removing(subject.driver)
        )
    except ConnectorError as error:
        subject.remembered.remain(namespace, str(error))
