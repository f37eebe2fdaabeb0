"""A model of what a namespace should hold, and how a listing differs from it."""

from collections.abc import Iterable, Mapping, Sequence

from dsync_kit.conformance.calls.transcript import show_document
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.diagnosis import became, merged
from dsync_kit.conformance.verdicts.differences import Change, change_of
from dsync_kit.conformance.verdicts.inspection import document_key, key_of
from dsync_kit.documents import canonical
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, DataType, Update

__all__ = ["Model", "by_id"]

_SHOWN = 3


def by_id(documents: Iterable[bytes], data_type: DataType) -> dict[bytes, bytes]:
    """The listed documents by the keys of their ids.

    Raises Violation for bytes that are not a document of the type, and for an id that is listed twice.
    """
    found: dict[bytes, bytes] = {}
    for document in documents:
        try:
            key = document_key(document, data_type)
        except InvalidArgument as error:
            raise Violation(
                f"a listed document is not a {DataType.Name(data_type)} document",
                expected="a whole document with its id",
                seen=f"{show_document(document)} ({error.message})",
                owner=Owner.LIST_TYPE,
            ) from error
        if key in found:
            raise Violation(
                "the listing returned one id twice",
                expected="each document once: partitions do not overlap, pages do not repeat",
                seen=f"{show_document(found[key])} and {show_document(document)}",
                owner=Owner.LIST_IDS_UNIQUE,
            )
        found[key] = document
    return found


class Model:
    """The documents of one namespace by the keys of their ids."""

    def __init__(self, data_type: DataType, documents: Iterable[bytes] = ()) -> None:
        self.data_type = data_type
        self.documents: dict[bytes, bytes] = {}
        self.write(documents)

    @classmethod
    def listed(cls, data_type: DataType, documents: Iterable[bytes]) -> "Model":
        """A model of a listing, to compare with another. Raises Violation for bytes that are not a document."""
        model = cls(data_type)
        model.documents = by_id(documents, data_type)
        return model

    def copy(self) -> "Model":
        """An independent model with the same documents."""
        model = Model(self.data_type)
        model.documents = dict(self.documents)
        return model

    def write(self, documents: Iterable[bytes]) -> None:
        """Do what WriteData does: overwrite documents by id."""
        for document in documents:
            self.documents[document_key(document, self.data_type)] = document

    def apply(self, updates: Iterable[Update]) -> None:
        """Do what WriteUpdates does, except for PARTIAL_UPDATE."""
        for update in updates:
            if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
                raise ValueError("a partial update is not the model's business")
            key = key_of(update.id, self.data_type)
            if update.type == UPDATE_TYPE_DELETE:
                self.documents.pop(key, None)
            else:
                self.documents[key] = update.data

    def check(self, listed: Sequence[bytes], *, owner: str = "", what: str = "the listing") -> None:
        """Raise Violation unless `listed` equals the model, ignoring field order.

        If all documents are there but some have changed, the owner is by default the rule about what changed in them.
        """
        found = by_id(listed, self.data_type)
        missing = [document for key, document in self.documents.items() if key not in found]
        extra = [document for key, document in found.items() if key not in self.documents]
        try:
            changed = _changed(self.documents, found, self.data_type)
        except InvalidArgument as error:
            raise Violation(f"a listed document is malformed: {error.message}", owner=Owner.LIST_TYPE) from error
        if not (missing or extra or changed):
            return
        change = Change()
        if changed and not (missing or extra or owner):
            change = change_of(*changed[0], self.data_type)
        parts = []
        if missing:
            parts.append(f"{len(missing)} missing ({_some(missing)})")
        if extra:
            parts.append(f"{len(extra)} unexpected ({_some(extra)})")
        if changed:
            parts.append(
                f"{len(changed)} changed ("
                + "; ".join(f"{show_document(new)} instead of {show_document(old)}" for old, new in changed[:_SHOWN])
                + ")"
            )
        kept = (document for key, document in found.items() if key in self.documents)
        confused = became(missing, extra, self.data_type) or merged(missing, kept, self.data_type)
        raise Violation(
            f"{what} is not what was written: {_count(missing, extra, changed)}",
            expected=f"{len(self.documents)} documents: {_some(list(self.documents.values())) or 'none'}",
            seen=f"{len(found)} documents: {', '.join(parts)}",
            owner=owner or change.owner,
            rests_on=Evidence.IDS | Evidence.LISTING if confused else Evidence.LISTING,
            hint=confused or change.description,
            wrong=tuple(
                Wrong(expected, seen, self.data_type)
                for expected, seen in (
                    *((document, None) for document in missing),
                    *((None, document) for document in extra),
                    *changed,
                )
            ),
        )


def _changed(
    expected: Mapping[bytes, bytes], found: Mapping[bytes, bytes], data_type: DataType
) -> list[tuple[bytes, bytes]]:
    return [
        (document, found[key])
        for key, document in expected.items()
        if key in found
        and found[key] != document
        and canonical(found[key], data_type) != canonical(document, data_type)
    ]


def _count(missing: Sequence[object], extra: Sequence[object], changed: Sequence[object]) -> str:
    counts = ((missing, "missing"), (extra, "extra"), (changed, "changed"))
    return ", ".join(f"{len(found)} {name}" for found, name in counts if found)


def _some(documents: Sequence[bytes]) -> str:
    shown = ", ".join(show_document(document) for document in documents[:_SHOWN])
    return shown + (", …" if len(documents) > _SHOWN else "")
