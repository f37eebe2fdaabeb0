"""Connectors whose WriteUpdates applies something else than what was sent."""

import time
from collections.abc import Sequence
from typing import Any

from grpc import StatusCode

from dsync_kit.documents import decode, decode_id, encode, encode_id, id_field, id_key
from dsync_kit.errors import ConnectorError, InvalidArgument, NotFound
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    DataType,
    Update,
    WriteUpdatesRequest,
)

from .altering import read_document, write_document
from .fault import REFERENCE, STORE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector
Change = STORE.Change


class _Sent(Reference):
    """A connector that applies other updates than those that were sent."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        updates = self.sent(request, list(request.updates))
        return super().write_updates(
            WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=updates)
        )

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return updates

    def stored(self, request: WriteUpdatesRequest, update: Update) -> bytes | None:
        """The document with the update's id, if there is one."""
        part = self.update_id(update, request.type)
        found = self.store.collection(request.namespace, request.type).documents.get(self.position(part, request.type))
        return found.data if found is not None else None


@broken("updates/insert-missing")
class InsertsAreIgnored(_Sent):
    """A branch for UPDATE, one for DELETE, and none for INSERT: the copy supposedly brings new documents."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [update for update in updates if update.type != UPDATE_TYPE_INSERT]


@broken("updates/insert-existing")
class InsertFailsOnAConflict(_Sent):
    """Plain INSERT: an update that is replayed after a restart stops the flow for good."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_INSERT and self.stored(request, update) is not None:
                raise ConnectorError("E11000 duplicate key error collection", StatusCode.ALREADY_EXISTS)
        return updates


@broken("updates/insert-existing")
class InsertKeepsTheOld(_Sent):
    """INSERT IGNORE: the newer document is silently dropped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [
            update for update in updates if update.type != UPDATE_TYPE_INSERT or self.stored(request, update) is None
        ]


@broken("updates/update-missing")
class UpdatesWithoutUpsert(_Sent):
    """UPDATE … WHERE id = …: no row matches, and nobody counts."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [
            update
            for update in updates
            if update.type != UPDATE_TYPE_UPDATE or self.stored(request, update) is not None
        ]


@broken("updates/update-missing")
class UpdateOfWhatIsMissingFails(_Sent):
    """A missing document is an error of the store, as the update of a search index answers 404."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_UPDATE and self.stored(request, update) is None:
                raise NotFound("document missing")
        return updates


@broken("updates/replaces-whole")
class UpdatesAreMerged(_Sent):
    """$set with all fields of the new document: fields that it lacks stay."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_UPDATE and (old := self.stored(request, update)) is not None:
                whole = {**read_document(old, request.type), **read_document(update.data, request.type)}
                update.data = write_document(whole, request.type)
        return updates


@broken("updates/delete")
class DeletesByRawText(_Sent):
    """The id's bytes are taken as the text, including its length and NUL: nothing is found."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_DELETE and update.id[0].type == 2:
                raw = update.id[0].data.decode("utf-8", "replace")
                update.id[0].data = encode_id(raw).data
        return updates


@broken("updates/delete")
class DeletesAreMarks(_Sent):
    """A deleted document gets a mark, and is still listed."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_DELETE and (old := self.stored(request, update)) is not None:
                update.type = UPDATE_TYPE_UPDATE
                update.data = write_document({**read_document(old, request.type), "_deleted": True}, request.type)
        return updates


@broken("updates/delete")
class DeletesAreIgnored(_Sent):
    """Documents deleted in the source stay in the sink: an append-only table."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [update for update in updates if update.type != UPDATE_TYPE_DELETE]


@broken("updates/id-kinds", "special input")
class DeletesByPrefix(_Sent):
    """All keys that begin with the key are deleted, like a folder."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        more = []
        known = self.store.collection(request.namespace, request.type).documents
        for update in updates:
            more.append(update)
            if update.type == UPDATE_TYPE_DELETE and update.id and update.id[0].type == 2:
                ids = [REFERENCE.id_of(stored.data, request.type)[0] for stored in known.values()]
                text = decode_id(update.id[0])
                more += [
                    Update(id=[part], type=UPDATE_TYPE_DELETE)
                    for part in ids
                    if part.type == 2 and decode_id(part).startswith(text)
                ]
        return more


@broken("updates/delete", "special input")
class DeletesTextIdsOnly(_Sent):
    """The id is decoded as a text, and other ids are skipped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [update for update in updates if update.type != UPDATE_TYPE_DELETE or update.id[0].type == 2]


@broken("updates/delete-missing")
class DeleteOfWhatIsMissingFails(_Sent):
    """A delete that finds nothing is an error of the store."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_DELETE and self.stored(request, update) is None:
                raise NotFound("the key does not exist")
        return updates


class _Grouped(_Sent):
    """A connector that sorts the updates of a call."""

    first: tuple[int, ...] = ()

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return sorted(updates, key=lambda update: update.type not in self.first)


@broken("updates/order-in-call", "special input")
class UpsertsBeforeDeletes(_Grouped):
    """Two batches, first upserts, then deletes: an id that is deleted and inserted again is gone."""

    first = (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_PARTIAL_UPDATE)


@broken("updates/order-in-call", "special input")
class DeletesBeforeUpserts(_Grouped):
    """Two batches, first deletes, then upserts: an id that is inserted and deleted again comes back."""

    first = (UPDATE_TYPE_DELETE,)


@broken("updates/order-in-call", "special input")
class FirstOfAnIdWins(_Sent):
    """A call is reduced to one update for each id, and the first one is kept."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        kept: dict[bytes, Update] = {}
        for update in updates:
            kept.setdefault(id_key(update.id), update)
        return list(kept.values())


@broken("updates/order-in-call", "special input")
class ReversedBatches(_Sent):
    """Updates are popped from the end of a list."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return updates[::-1]


@broken("updates/order-in-call", "special input")
class InsertAndDeleteCancelOut(_Sent):
    """An INSERT and a DELETE of one id within a call are both dropped: the previous document stays."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        last = {id_key(update.id): update.type for update in updates}
        inserted = {id_key(update.id) for update in updates if update.type == UPDATE_TYPE_INSERT}
        gone = {key for key in inserted if last[key] == UPDATE_TYPE_DELETE}
        return [update for update in updates if id_key(update.id) not in gone]


@broken("updates/order-in-call", "special input")
class RepeatedIdFails(_Sent):
    """One statement for the whole call, which may not touch a row twice."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        if len({id_key(update.id) for update in updates}) < len(updates):
            raise RuntimeError("MERGE command cannot affect row a second time")
        return updates


class _Tombs(_Sent):
    """A connector that remembers what was deleted."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.deleted: set[tuple[str, bytes]] = set()


@broken("updates/order-across-calls", "special input")
class DeletedIdsNeverReturn(_Tombs):
    """A tombstone outlives the document: a later insert is dropped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        kept = [update for update in updates if (request.namespace, id_key(update.id)) not in self.deleted]
        self.deleted |= {
            (request.namespace, id_key(update.id)) for update in updates if update.type == UPDATE_TYPE_DELETE
        }
        return kept


@broken("updates/order-across-calls", "special input")
class FirstVersionIsCached(_Sent):
    """A cache of written ids saves a lookup in the store: the second UPDATE is skipped."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.written: set[tuple[str, bytes]] = set()

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        kept = []
        for update in updates:
            key = (request.namespace, id_key(update.id))
            if update.type == UPDATE_TYPE_DELETE or key not in self.written:
                kept.append(update)
            (self.written.discard if update.type == UPDATE_TYPE_DELETE else self.written.add)(key)
        return kept


@broken("updates/model", "special input")
class ChunksOutOfOrder(_Sent):
    """Chunks of four updates are applied by a pool, and the last one is the fastest."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return updates[4:] + updates[:4]


@broken("updates/model", "special input")
class OneWriteForEachId(_Sent):
    """Updates are grouped by id, and a group of more than two is reduced to its first and last."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        groups: dict[bytes, list[Update]] = {}
        for update in updates:
            groups.setdefault(id_key(update.id), []).append(update)
        keys = list(groups)
        if len(keys) > 2:  # the last group's updates overtake those of the first
            groups[keys[0]] = groups[keys[0]][::-1]
        return [update for group in groups.values() for update in group]


@broken("updates/model", "special input")
class SameContentIsSkipped(_Sent):
    """A hash of the last write is compared, and a DELETE in between is not considered."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.hashes: dict[tuple[str, bytes], bytes] = {}

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        kept = []
        for update in updates:
            key = (request.namespace, id_key(update.id))
            if update.type == UPDATE_TYPE_DELETE or self.hashes.get(key) != update.data:
                kept.append(update)
            if update.data:
                self.hashes[key] = update.data
        return kept


@broken("updates/repeated-call", "special input")
class RepeatedCallIsAConflict(_Sent):
    """Calls have an idempotency key made from their content, and a second one is refused as a duplicate."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.seen: set[bytes] = set()

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        key = request.SerializeToString()
        if key in self.seen:
            raise ConnectorError("this batch has been processed", StatusCode.ALREADY_EXISTS)
        self.seen.add(key)
        return updates


@broken("updates/replay", "special input")
class SeenUpdatesAreStale(_Sent):
    """An update that was seen before counts as late, and is skipped: the replay after a DELETE loses it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.seen: dict[str, set[bytes]] = {}

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        seen = self.seen.setdefault(request.namespace, set())
        kept = [u for u in updates if u.type == UPDATE_TYPE_DELETE or u.SerializeToString() not in seen]
        seen |= {update.SerializeToString() for update in updates}
        return kept


@broken("updates/leaves-others", "special input")
class DeletesInEveryNamespace(_Sent):
    """DELETE without the namespace in its condition."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.type == UPDATE_TYPE_DELETE:
                position = self.position(update.id[0], request.type)
                with self.store.writing():
                    for name in self.store.namespaces():
                        if position in self.store.collection(name, request.type).documents:
                            self.store.commit(name, request.type, [Change(position, update)])
        return updates


@broken("updates/delete")
class DeletesTheLast(_Sent):
    """A delete by an index that is out of step by one: another document goes."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        known = self.store.collection(request.namespace, request.type).documents
        for update in updates:
            if update.type == UPDATE_TYPE_DELETE and self.stored(request, update) is not None:
                last = list(known.values())[-1]
                update.id[0].CopyFrom(REFERENCE.id_of(last.data, request.type)[0])
        return updates


@broken("updates/empty-call")
class EmptyCallFails(_Sent):
    """The store refuses an empty batch."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        if not updates:
            raise ValueError("documents must be a non-empty list")
        return updates


@broken("updates/id-name")
class IdNameRequired(_Sent):
    """It looks for the part of the id named `_id`, and finds none if the name is empty."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        for update in updates:
            if update.id[0].name != id_field(request.type):
                raise InvalidArgument(f"the id has no part named {id_field(request.type)!r}")
        return updates


@broken("updates/id-name")
class UnnamedIdIsNoId(_Sent):
    """An id without a name does not match: the update is skipped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [update for update in updates if update.id[0].name]


class _Alike(_Sent):
    """A connector that finds an update's document by its own kind of key."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        known = self.store.collection(request.namespace, request.type).documents
        for update in updates:
            self.update_id(update, request.type)
            wanted = self.key(decode_id(update.id[0]), update.id[0])
            for stored in known.values():
                part = REFERENCE.id_of(stored.data, request.type)[0]
                if self.key(decode_id(part), part) == wanted:
                    update.id[0].CopyFrom(part)
                    if update.data:
                        document = read_document(update.data, request.type)
                        name = id_field(request.type)
                        document[name] = read_document(stored.data, request.type)[name]
                        update.data = write_document(document, request.type)
                    break
        return updates

    def key(self, value: Any, part: Any) -> object:
        return value


@broken("updates/id-kinds", "special input")
class UpdatesByText(_Alike):
    """The id of an update is compared as text: "5" changes 5."""

    def key(self, value: Any, part: Any) -> object:
        return str(value)


@broken("updates/id-kinds", "rare")
class UpdatesByFoldedText(_Alike):
    """LIKE, or a collation that ignores case: an update of `A` changes `a`."""

    def key(self, value: Any, part: Any) -> object:
        return value.casefold() if isinstance(value, str) else (part.type, part.data)


@broken("updates/id-kinds", "rare")
class UpdatesByBytes(_Alike):
    """The bytes of an id without its type: a long changes a date."""

    def key(self, value: Any, part: Any) -> object:
        return part.data


@broken("updates/many", "special input")
class CallCutAtFiveHundred(_Sent):
    """A call exceeds the store's batch: the rest is dropped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return updates[:500]


@broken("updates/many", "special input")
class ChunksInReverse(_Sent):
    """A recursion over chunks of 500 begins at the end."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        chunks = [updates[start : start + 500] for start in range(0, len(updates), 500)]
        return [update for chunk in reversed(chunks) for update in chunk]


@broken("updates/concurrent", "rare")
class UpdatesReadModifyWrite(Reference):
    """A namespace is one object: two writers read it, and the second one overwrites the first."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        before = dict(self.store.collection(request.namespace, request.type).documents)
        time.sleep(0.001)
        with self.store.writing():
            now = self.store.collection(request.namespace, request.type).documents
            lost = [
                Change(
                    position, Update(id=REFERENCE.id_of(old.data, request.type), type=UPDATE_TYPE_UPDATE, data=old.data)
                )
                for position, old in before.items()
                if position not in now or now[position].data != old.data
            ]
            self.commit(request.namespace, request.type, lost)
        return super().write_updates(request)


@broken("updates/concurrent", "rare")
class BatchOfTheInstance(Reference):
    """The batch is collected in an attribute: two writers fill the same one, and the first to send it empties it."""

    batch: Sequence[Update] = ()

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        self.batch = list(request.updates)
        time.sleep(0.001)
        batch, self.batch = self.batch, []
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=batch))


class _Partial(_Sent):
    """A connector that treats partial updates as something else."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [
            taken
            for update in updates
            for taken in (self.partial(request, update) if update.type == UPDATE_TYPE_PARTIAL_UPDATE else [update])
        ]

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        return [update]


@broken("updates/partial")
class PartialIsIgnored(_Partial):
    """A switch over the kinds that were known, without a default branch."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        return []


@broken("updates/partial", "special input")
class PartialAppendsToArrays(_Partial):
    """A merge that goes into values: a new array is appended to the old one."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        held = self.found(request.namespace, request.type, self.position(update.id[0], request.type))
        old = decode(held, request.type) if held else {}
        changes = {
            name: [*old[name], *value] if isinstance(value, list) and name in old else value
            for name, value in decode(update.data, request.type).items()
        }
        sent = Update()
        sent.CopyFrom(update)
        sent.data = encode(changes, request.type)
        return [sent]


@broken("updates/partial", "special input")
class NullIsTakenForUnset(_Partial):
    """A field that is changed to null is removed."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        changes = decode(update.data, request.type)
        changed = encode({name: value for name, value in changes.items() if value is not None}, request.type)
        unset = [*update.partial_update_unset, *(name for name, value in changes.items() if value is None)]
        return [Update(id=update.id, type=update.type, data=changed, partial_update_unset=unset)]


@broken("updates/partial")
class PartialIsTakenForFull(_Partial):
    """`else: upsert(data)`: the fields that did not change are gone."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        name = id_field(request.type)
        data = {name: self.identifier(request, update), **read_document(update.data, request.type)}
        return [Update(id=update.id, type=UPDATE_TYPE_UPDATE, data=write_document(data, request.type))]

    def identifier(self, request: WriteUpdatesRequest, update: Update) -> Any:
        value = decode_id(update.id[0])
        return value if request.type == 1 else read_document(b'{"id": %s}' % self.json(value), request.type)["id"]

    def json(self, value: Any) -> bytes:
        from json import dumps

        return dumps(value).encode()


@broken("updates/partial")
class UnsetIsIgnored(_Partial):
    """partial_update_unset was added later, and is not read."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        return [Update(id=update.id, type=update.type, data=update.data)]


@broken("updates/partial")
class UnsetBecomesNull(_Partial):
    """Columns cannot be removed: removed fields become null."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        changed = {**read_document(update.data, request.type), **dict.fromkeys(update.partial_update_unset)}
        return [Update(id=update.id, type=update.type, data=write_document(changed, request.type))]


@broken("errors/input-codes")
class PartialIsInternal(_Partial):
    """Unsupported updates are refused with INTERNAL: dsync's user sees a crash."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        raise ConnectorError("unexpected update type", StatusCode.INTERNAL)


@broken("updates/partial")
class PartialIsUnavailable(_Partial):
    """Every failure is UNAVAILABLE: dsync retries in vain."""

    def partial(self, request: WriteUpdatesRequest, update: Update) -> list[Update]:
        raise ConnectorError("write failed", StatusCode.UNAVAILABLE)


class _Composite(_Sent):
    """A connector that treats a composite id as something else."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return [
            taken
            for update in updates
            for taken in (self.composite(request.type, update) if len(update.id) > 1 else [update])
        ]

    def composite(self, data_type: DataType, update: Update) -> list[Update]:
        return [update]


@broken("updates/composite-ids", "special input")
class FirstPartOnly(_Composite):
    """id[0]: the other parts are ignored, and another document is deleted."""

    def composite(self, data_type: DataType, update: Update) -> list[Update]:
        return [Update(id=update.id[:1], type=update.type, data=update.data)]


@broken("updates/composite-ids", "special input")
class LastPartOnly(_Composite):
    """Parts go into a dict by name, which is the same for all: the last one remains."""

    def composite(self, data_type: DataType, update: Update) -> list[Update]:
        return [Update(id=update.id[-1:], type=update.type, data=update.data)]


@broken("updates/composite-ids", "special input")
class AnyPart(_Composite):
    """Each part is treated as a separate id."""

    def composite(self, data_type: DataType, update: Update) -> list[Update]:
        return [Update(id=[part], type=update.type, data=update.data) for part in update.id]


@broken("updates/composite-ids", "special input")
class CompositeIsDropped(_Composite):
    """Keys of several columns are not supported yet, and are skipped."""

    def composite(self, data_type: DataType, update: Update) -> list[Update]:
        return []


@broken("errors/input-codes", "special input")
class CompositeIsUnknown(_Composite):
    """An assertion that an id has one part: dsync gets UNKNOWN."""

    def composite(self, data_type: DataType, update: Update) -> list[Update]:
        raise AssertionError("composite keys")


@broken("updates/partial-in-call", "special input")
class PartialIsMergedWithWhatWasStored(Reference):
    """The stored document is read once, before the call: an INSERT of the same call is not seen."""

    def changes(self, request: WriteUpdatesRequest, parts: Sequence[Any]) -> list[Any]:
        made = []
        for update, part in zip(request.updates, parts, strict=True):
            position = self.position(part, request.type)
            current = self.found(request.namespace, request.type, position)
            made.append(Change(position, self.whole_update(update, part, current, request.type)))
        return made


@broken("updates/partial-in-call", "special input")
class LastOfAnIdStandsForAll(_Sent):
    """Updates are keyed by id, and the last one is kept: right for whole documents, wrong for changed fields."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        return list({update.id[0].SerializeToString(): update for update in updates}.values())


@broken("updates/partial-in-call", "special input")
class PartialUpdatesOfACallAreOne(_Sent):
    """The partial updates of an id go out as one request with the last one's fields."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        partial = {
            update.id[0].SerializeToString(): update for update in updates if update.type == UPDATE_TYPE_PARTIAL_UPDATE
        }
        whole = [update for update in updates if update.type != UPDATE_TYPE_PARTIAL_UPDATE]
        return [*whole, *partial.values()]
