"""A client that records its calls, and shows them as text."""

import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import bson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from google.protobuf.message import Message

from dsync_kit.client import ClientBase, ConnectorApi
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.documents.keys import key_in, key_of
from dsync_kit.documents import decode_id
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    GetByIdsRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Rpc,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.protocol.names import kind_name

__all__ = ["Call", "Keeper", "Note", "Recorder", "show_document", "show_id", "show_state"]

_WRITES = (WriteDataRequest, WriteUpdatesRequest)
_READS = (GeneratePlanRequest, ListDataRequest, GetByIdsRequest, GetNamespaceMetadataRequest)

_SHOWN_CALLS = 60
_SHOWN_ITEMS = 4
_SHOWN_CHARACTERS = 400
_CANCELLED = "cancelled by the caller"

_DISPLAY: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


@dataclass(slots=True)
class Call:
    """One call. It is kept as messages, and becomes text only when shown. `instance` names an instance other than the
    subject's first one."""

    rpc: Rpc
    request: Message
    instance: str = ""
    responses: list[Message] = field(default_factory=list)
    error: ConnectorError | None = None
    ended: str = ""

    @property
    def name(self) -> str:
        """The RPC, with the instance if that is not the first one."""
        return f"{self.instance}: {self.rpc.name}" if self.instance else self.rpc.name

    @property
    def unanswered(self) -> bool:
        """Whether its code means that nobody answered."""
        return self.error is not None and self.error.retryable

    def __str__(self) -> str:
        return self.shown()

    def shown(self, about: Collection[bytes] = ()) -> str:
        """As text. Long lists are shortened, but not by what has one of the ids with these keys."""
        data_type = getattr(self.request, "type", None)
        answers = [_fields(response, data_type, about) or "OK" for response in self.responses[:_SHOWN_ITEMS]]
        if len(self.responses) > _SHOWN_ITEMS:
            answers.append(f"… {len(self.responses) - _SHOWN_ITEMS} more messages")
        if self.error is not None:
            answers.append(str(self.error))
        if self.ended:
            answers.append(f"({self.ended})")
        return f"{self.name}({_fields(self.request, data_type, about)}) → {' · '.join(answers) or '(no answer yet)'}"


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the transcript about something other than an RPC."""

    text: str

    def __str__(self) -> str:
        return self.text

    def shown(self, _about: Collection[bytes] = ()) -> str:
        """The line, whatever the calls are about."""
        return self.text


class Keeper(Protocol):
    """Keeps account of what is written, so that it can be removed; used from several threads."""

    def sends(self, request: Message) -> None:
        """Note a WriteData or WriteUpdates that will be sent."""

    def acknowledges(self, request: Message) -> None:
        """Note that it was answered with OK."""


class Recorder(ClientBase):
    """Records the nine RPCs of `api`; safe to use from several threads.

    `other` returns a recorder of another instance of the connector, whose calls go into the same transcript. Reads wait
    until they must see what was written, according to `settling`. `check` is called with each request before it is
    sent, and may raise an exception for the caller; `put` returns the request to send in its place. `keeper` sees all
    writes as they are sent, whoever makes them.
    """

    def __init__(
        self,
        api: ConnectorApi,
        settling: Settling | None = None,
        *,
        name: str = "",
        entries: "_Entries | None" = None,
        check: Callable[[Message], None] | None = None,
        put: Callable[[Message], Message] | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._api = api
        self._settling = settling or Settling(0.0)
        self._name = name
        self._check = check
        self._put = put
        self._keeper = keeper
        self._entries = _Entries() if entries is None else entries

    def other(self, api: ConnectorApi, name: str, *, same_data: bool = True) -> "Recorder":
        """A recorder for another instance, `api`, whose calls appear in this transcript under `name`.

        `same_data` says whether it is an instance on the same data, so that the keeper is to see its writes.
        """
        return Recorder(
            api,
            self._settling if same_data else Settling(self._settling.seconds),
            name=name,
            entries=self._entries,
            check=self._check,
            put=self._put,
            keeper=self._keeper if same_data else None,
        )

    def note(self, text: str) -> None:
        """Add a line to the transcript about something other than an RPC."""
        self._entries.add(Note(text))

    def include(self, entries: Iterable[Call | Note]) -> None:
        """Add earlier calls to the transcript whose results are judged now."""
        self._entries.add(*entries)

    def entries(self) -> tuple[Call | Note, ...]:
        """The calls and notes so far, of all instances."""
        return self._entries.now()

    @property
    def calls(self) -> list[Call]:
        """The calls so far, of all instances."""
        return [entry for entry in self.entries() if isinstance(entry, Call)]

    def transcript(self, about: Collection[bytes] = ()) -> tuple[str, ...]:
        """The calls as numbered lines; if there are many, the first and the last ones.

        What has one of the ids with the keys `about` is shown even in long calls and answers.
        """
        calls = list(enumerate(self.entries(), 1))
        if len(calls) <= _SHOWN_CALLS:
            return tuple(f"{number:>3}  {call.shown(about)}" for number, call in calls)
        head, tail = calls[: _SHOWN_CALLS // 3], calls[-_SHOWN_CALLS * 2 // 3 :]
        lines = [f"{number:>3}  {call.shown(about)}" for number, call in head]
        lines.append(f"     … {len(calls) - len(head) - len(tail)} more calls …")
        return (*lines, *(f"{number:>3}  {call.shown(about)}" for number, call in tail))

    def until_silence(self) -> tuple[str, ...]:
        """The calls up to the first of the last ones, none of which was answered."""
        calls = self.calls
        unanswered = itertools.takewhile(lambda call: call.unanswered, reversed(calls))
        return tuple(str(call) for call in calls[: len(calls) - len(list(unanswered)) + 1])

    def _begin(self, rpc: Rpc, request: Message) -> Call:
        if self._check is not None:
            self._check(request)
        if self._put is not None:
            request = self._put(request)
        if self._keeper is not None and isinstance(request, _WRITES):
            self._keeper.sends(request)
        call = Call(rpc, request, self._name)
        self._entries.add(call)
        return call

    def _unary(self, rpc: Rpc, request: Message) -> Any:
        if isinstance(request, _READS):
            self._settling.wait(elsewhere=bool(self._name))
        call = self._begin(rpc, request)
        if isinstance(request, _WRITES):
            return self._write(call)
        return self._answer(call)

    def _write(self, call: Call) -> Message:
        self._settling.writes()
        try:
            response = self._answer(call)
        finally:
            self._settling.wrote(call.request, done=bool(call.responses))
        if self._keeper is not None:
            self._keeper.acknowledges(call.request)
        return response

    def _answer(self, call: Call) -> Message:
        try:
            response: Message = getattr(self._api, call.rpc.method)(call.request)
        except ConnectorError as error:
            call.error = error
            raise
        call.responses.append(response)
        return response

    def _stream(self, rpc: Rpc, request: Message) -> Any:
        call = self._begin(rpc, request)
        return _RecordedStream(getattr(self._api, rpc.method)(call.request), call)


class _Entries:
    """The entries of one example's recorders, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Call | Note] = []

    def add(self, *entries: Call | Note) -> None:
        with self._lock:
            self._entries.extend(entries)

    def now(self) -> tuple[Call | Note, ...]:
        with self._lock:
            return tuple(self._entries)


class _RecordedStream:
    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call

    def __iter__(self) -> Iterator[Message]:
        try:
            for message in self._stream:
                self._call.responses.append(message)
                yield message
        except ConnectorError as error:
            if self._call.ended != _CANCELLED:  # messages after hanging up mean nothing
                self._call.error = error
            raise
        self._call.ended = self._call.ended or "end of the stream"

    def cancel(self) -> None:
        self._call.ended = self._call.ended or _CANCELLED
        self._stream.cancel()


def _fields(message: Any, data_type: int | None = None, about: Collection[bytes] = ()) -> str:
    """The set fields of a message as keyword arguments; documents as JSON, according to their type."""
    data_type = getattr(message, "type", data_type) if hasattr(message, "data") else data_type
    parts = []
    for descriptor, value in message.ListFields():
        if descriptor.is_repeated:
            items = _chosen(value, data_type, about)
            shown = [_value(descriptor, item, data_type) for item in items]
            if len(value) > len(items):
                shown.append(f"… {len(value) - len(items)} more")
            parts.append(f"{descriptor.name}=[{', '.join(shown)}]")
        else:
            parts.append(f"{descriptor.name}={_value(descriptor, value, data_type)}")
    return ", ".join(parts)


def _chosen(items: Sequence[Any], data_type: Any, about: Collection[bytes]) -> list[Any]:
    """The first items of a long list, or else those that have one of these keys, in their order."""
    if len(items) <= _SHOWN_ITEMS or not about or data_type is None:
        return list(items[:_SHOWN_ITEMS])
    chosen = [item for item in items if _key(item, data_type) in about][:_SHOWN_ITEMS]
    return chosen or list(items[:_SHOWN_ITEMS])


def _key(item: Any, data_type: DataType) -> bytes | None:
    """The key of an update's or a document's id; None if it has none."""
    with suppress(ConnectorError):
        if isinstance(item, Update):
            return key_of(item.id, data_type)
        return key_in(item, data_type) if isinstance(item, bytes) else None
    return None


def _value(descriptor: Any, value: Any, data_type: int | None) -> str:
    if isinstance(value, Update):
        unset = f" unset {list(value.partial_update_unset)}" if value.partial_update_unset else ""
        data = " " + show_document(value.data) if value.data else ""
        return f"{kind_name(value.type)} {show_id(list(value.id))}{data}{unset}"
    if descriptor.enum_type is not None:
        known = descriptor.enum_type.values_by_number.get(value)  # any number can be sent and returned
        return known.name.removeprefix("DATA_TYPE_") if known else str(value)
    if isinstance(value, Message):
        return "{" + _fields(value, data_type) + "}"
    if isinstance(value, bytes):
        return show_document(value) if descriptor.name == "data" else _short(repr(value))
    return _short(repr(value))


def show_document(data: bytes, data_type: DataType | None = None) -> str:
    """A document as (Extended) JSON, shortened; bytes that are not a document as bytes."""
    if not data:
        return "(empty)"
    # BSON begins with its length: one of 91 or 123 bytes with the character "[" or "{".
    bson_like = data_type == DATA_TYPE_MONGO_BSON or int.from_bytes(data[:4], "little") == len(data)
    if not bson_like and data.lstrip()[:1] in (b"{", b"["):
        text = data.decode("utf-8", "replace")
        return _short(text if data[:1] in (b"{", b"[") and "\n" not in text else repr(text))
    if len(data) > 100_000:  # decoding it is not worth the time
        return f"({len(data):,} bytes)"
    try:
        return _short(json_util.dumps(_decode(data), json_options=json_util.CANONICAL_JSON_OPTIONS))
    except Exception:
        return _short(repr(data))  # rules send garbage, which may come back


def show_state(document: bytes | None) -> str:
    """A document as `show_document` shows it; None is a missing one."""
    return "no such document" if document is None else show_document(document)


def _decode(data: bytes) -> dict[str, Any]:
    return bson.decode(data, _DISPLAY)


def show_id(parts: list[BsonValue]) -> str:
    """An id as its values; as bytes if it cannot be decoded."""
    shown = []
    for part in parts:
        try:
            shown.append(repr(decode_id(part)))
        except ConnectorError:
            shown.append(f"type {part.type} {bytes(part.data)!r}")
    return _short(shown[0] if len(shown) == 1 else f"({', '.join(shown)})")


def _short(text: str) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[: _SHOWN_CHARACTERS // 2]}…({len(text):,} characters)…{text[-_SHOWN_CHARACTERS // 8 :]}"
