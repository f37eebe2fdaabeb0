"""Finds out what a namespace holds, by writing to it and reading back; leaves it as it was."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grpc import StatusCode

from dsync_kit.client import CallTimeout
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.documents.finding.attempts import Answer
from dsync_kit.conformance.documents.finding.probing import SchemaFinding, probed
from dsync_kit.conformance.documents.keys import document_key, key_in
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.documents import decode, encode, id_field, same_document
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DataType

__all__ = ["Namespace", "find"]

_LOOKED_AT = 200
"""The most existing documents from which a schema is inferred."""

_WATCHED, _PAUSE = 1.0, 0.1
"""For so many seconds, and with so long pauses, a namespace is watched to see whether others write to it."""


@dataclass(frozen=True)
class Namespace:
    """A namespace to probe. Without `read`, it cannot be read back. All its functions raise ConnectorError.

    `answers` says whether the connector still answers other calls after it has refused a document as if that would
    pass: then it is a refusal, with a wrong code.
    """

    name: str
    write: Callable[[bytes], None]
    read: Callable[[], list[bytes]] | None
    remove: Callable[[Sequence[bytes]], None]
    answers: Callable[[], bool] = lambda: False
    settling: Settling = field(default_factory=lambda: Settling(0.0))


def find(namespace: Namespace, data_type: DataType) -> SchemaFinding:
    """Find out what a namespace holds. The documents written for this are deleted, if the connector deletes.

    Raises ConnectorError if the connector cannot be reached.
    """
    attempts = _Attempts(namespace, data_type)
    try:
        finding = probed(
            attempts.attempt,
            data_type,
            documents=list(attempts.there.values())[:_LOOKED_AT],
            namespace=namespace.name,
            taken=attempts.taken,
        )
    finally:
        live = attempts.clean_up()
    if live:
        return replace(finding, schema=None, notes=("others write to it at the same time",), live=True)
    missing = attempts.missing if finding.schema is None else ""
    return replace(finding, notes=(f"it does not exist ({missing})",), missing=True) if missing else finding


class _Attempts:
    """The documents that are written to a namespace, beside those that are `there` already, by their keys."""

    def __init__(self, namespace: Namespace, data_type: DataType) -> None:
        self._namespace = namespace
        self._type = data_type
        self._id_field = id_field(data_type)
        self._written: list[bytes] = []
        self.missing = ""
        """The last message if every write was answered with NOT_FOUND: then the namespace does not exist."""
        self._found = False
        self.there = self._keyed()
        namespace.settling.noted(namespace.name, data_type, self.there)
        self.taken = Taken.of(self.there.values(), data_type)

    def attempt(self, document: Mapping[str, Any]) -> Answer:
        """Write a document. Raises ConnectorError if the connector cannot be reached."""
        try:
            data = encode(dict(document), self._type)
            key = document_key(data, self._type)
        except InvalidArgument as error:
            return Answer(refusal=error.message)
        if document[self._id_field] in self.taken:
            return Answer(refusal="a document with this id is there already")
        try:
            self._namespace.write(data)
        except ConnectorError as error:
            if error.retryable and (isinstance(error, CallTimeout) or not self._namespace.answers()):
                raise
            self._found = self._found or error.code is not StatusCode.NOT_FOUND
            self.missing = "" if self._found else str(error)
            return Answer(refusal=error.message or error.code.name)
        self._found, self.missing = True, ""
        self._written.append(data)
        if self._namespace.read is None:
            return Answer(readable=False)
        return Answer(look=lambda: self._appears(key))

    def clean_up(self) -> bool:
        """Delete what was written, and write again what that has changed.

        Returns whether others write to the namespace, too: what they have changed stays as it is.
        """
        listed = self._keyed()
        # An acknowledged but dropped document may have an id that the store can neither hold nor delete.
        readable = self._namespace.read is not None
        held = [one for one in self._written if not readable or document_key(one, self._type) in listed]
        lost = [one for one in self._written if readable and document_key(one, self._type) not in listed]
        self._namespace.remove([*held, *self._strays(listed, lost)])
        changed = self._changed(self.there, listed) if self._written else []
        if changed and self._goes_on_changing():
            return True
        for before in changed:
            # A store that makes ids from other fields has confused a document of the kit with this one.
            self._namespace.write(before)
        return False

    def _goes_on_changing(self) -> bool:
        """Whether documents that were there first change, or go, within a second in which the kit writes nothing."""
        last, end = self._keyed(), time.monotonic() + _WATCHED
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            if self._changed({key: last[key] for key in self.there if key in last}, now := self._keyed()):
                return True
            last = now
        return False

    def _keyed(self) -> dict[bytes, bytes]:
        """The listed documents by key."""
        return {document_key(document, self._type): document for document in self._listed()}

    def _changed(self, before: Mapping[bytes, bytes], now: Mapping[bytes, bytes]) -> list[bytes]:
        """The documents that were there before, and are not there any more, or not as they were."""
        return [
            document
            for key, document in before.items()
            if key not in now or not same_document(now[key], document, self._type)
        ]

    def _appears(self, key: bytes) -> dict[str, Any] | None:
        """The document with this key, as soon as it is listed."""

        def look() -> bytes | None:
            return next((listed for listed in self._listed() if document_key(listed, self._type) == key), None)

        found = self._namespace.settling.appears(look)
        return None if found is None else decode(found, self._type)

    def _strays(self, listed: Mapping[bytes, bytes], lost: Sequence[bytes]) -> list[bytes]:
        """The listed documents that have all the fields of a lost one, but an id that the store has made from them."""
        new = [document for key, document in listed.items() if key not in self.there] if lost else []
        return [document for document in new if any(self._differs_by_id(document, one) for one in lost)]

    def _differs_by_id(self, listed: bytes, written: bytes) -> bool:
        """Whether a listed document has the fields of a written one."""
        fields, wanted = decode(listed, self._type), decode(written, self._type)
        like_it = encode({**fields, self._id_field: wanted[self._id_field]}, self._type)
        return same_document(like_it, written, self._type)

    def _listed(self) -> list[bytes]:
        """The listed documents, without anything else; empty if listing fails: the rules about listings report that."""
        try:
            listed = self._namespace.read() if self._namespace.read is not None else []
        except ConnectorError as error:
            if error.retryable:
                raise
            return []
        return [document for document in listed if _is_whole(document, self._type)]


def _is_whole(document: bytes, data_type: DataType) -> bool:
    try:
        decode(document, data_type)
    except InvalidArgument:
        return False
    return key_in(document, data_type) is not None
