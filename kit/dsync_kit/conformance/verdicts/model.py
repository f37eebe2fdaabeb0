"""A model of what a namespace should hold, and how a listing differs from it."""

from collections.abc import Iterable, Mapping, Sequence

from dsync_kit.conformance.calls.transcript import show_document, show_id
from dsync_kit.conformance.documents.keys import document_key, key_of, same
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.diagnosis import became, merged
from dsync_kit.conformance.verdicts.differences import Change, change_of
from dsync_kit.documents import id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, DataType, Update
from dsync_kit.protocol.names import type_name

__all__ = ["Model", "by_id"]

_SHOWN = 3

_LOST = "nothing that was written is listed: it is not committed, or is read from another place"


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
                f"a listed document is not a {type_name(data_type)} document",
                expected="a whole document with its id",
                seen=f"{show_document(document)} ({error.message})",
                owner=Owner.LIST_TYPE,
            ) from error
        if key in found:
            raise Violation(
                f"the listing returned {show_id(id_of(document, data_type))} twice",
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
        kept = (document for key, document in found.items() if key in self.documents)
        confused = became(missing, extra, self.data_type) or merged(missing, kept, self.data_type)
        raise Violation(
            f"{what} is not what was written: {_differences(missing, extra, changed, self.data_type)}",
            expected=_some([*self.documents.values()], first=[*missing, *(old for old, _ in changed)]),
            seen=_some([*found.values()], first=[*(new for _, new in changed), *extra]),
            owner=owner or change.owner,
            rests_on=Evidence.IDS | Evidence.LISTING if confused else Evidence.LISTING,
            hint=confused or change.description or (_LOST if len(missing) > _SHOWN and not found else ""),
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
        if key in found and not same(found[key], document, data_type)
    ]


def _differences(
    missing: Sequence[bytes], extra: Sequence[bytes], changed: Sequence[tuple[bytes, bytes]], data_type: DataType
) -> str:
    """What differs: the kinds of differences with the ids, and the first change."""
    parts = []
    for found, name in ((missing, "missing"), (extra, "extra"), ([new for _, new in changed], "changed")):
        if found:
            more = ", …" if len(found) > _SHOWN else ""
            parts.append(f"{len(found)} {name} ({', '.join(_id(one, data_type) for one in found[:_SHOWN])}{more})")
    if changed and (how := change_of(*changed[0], data_type).shown):
        parts[-1] += f": {how}"
    return ", ".join(parts)


def _id(document: bytes, data_type: DataType) -> str:
    return show_id(id_of(document, data_type))


def _some(documents: Sequence[bytes], first: Sequence[bytes] = ()) -> str:
    """The number of documents, and a few of them: of `first`, if there are any."""
    if not documents:
        return "no documents"
    shown = (first or documents)[:_SHOWN]
    number = f"{len(documents):,} document{'s' * (len(documents) > 1)}"
    among = ", among them" if len(shown) < len(documents) and first else ""
    more = ", …" if len(documents) > len(shown) else ""
    return f"{number}{among}: {', '.join(map(show_document, shown))}{more}"
