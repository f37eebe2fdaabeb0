"""StreamUpdates: that it opens, and the fields of each message."""

from collections.abc import Callable

from dsync_kit.conformance.calls.transcript import show_id
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.sampling import SAMPLE_SECONDS, sample
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.documents import identifiers, strategies
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.rules.stream.conditions import OPENS
from dsync_kit.conformance.verdicts.copies import held
from dsync_kit.conformance.verdicts.inspection import faults_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    DataType,
    StreamUpdatesResponse,
    Update,
)

__all__ = ["RULES"]

_Look = Callable[[StreamUpdatesResponse, frozenset[bytes], DataType], None]


@rule(
    "stream/opens",
    "it opens StreamUpdates once, with the plan's update cursor",
    needs=(Need.UPDATES,),
    hint="the plan has an updates partition, but StreamUpdates is missing, or does not accept the plan's cursor",
    examples=0.1,
)
def opens(case: Case) -> None:
    """A stream opens with the plan's update cursor, and does not fail."""
    if not (case.declared.can_change and case.declared.loads):
        sample(case)
        case.checks += 1
        return
    scene = Scene(case)
    follower = scene.follow()
    scene.mark()
    if not any(message.updates for message in follower.coming()):
        case.subject.patience.waited_in_vain()
    error = follower.reader.error
    case.check(
        error is None,
        "StreamUpdates fails when it is opened with the plan's cursor",
        expected="a stream of updates",
        seen=error,
    )


@rule(
    "stream/namespace-named",
    "its updates go to the sink as WriteUpdates, one namespace per call",
    needs=(Need.UPDATES,),
    hint="the message's namespace is left empty",
    after=OPENS,
    examples=0.22,
)
def namespace_named(case: Case) -> None:
    """Each message with updates names their namespace."""
    _observe(case, Owner.STREAM_NAMESPACE_NAMED)


@rule(
    "stream/update-type",
    "INSERT and UPDATE are both full-document upserts; DELETE carries no data",
    needs=(Need.UPDATES,),
    hint="the update's type is left UNKNOWN (0)",
    after=OPENS,
    examples=0.22,
)
def update_type(case: Case) -> None:
    """Each update is an INSERT, an UPDATE or a DELETE."""
    _observe(case, Owner.STREAM_UPDATE_TYPE)


@rule(
    "stream/id-encoding",
    "`data` is the BSON **value** alone … `type` the BSON type byte … Raw UTF-8 in `data` is the most common mistake.",
    needs=(Need.UPDATES,),
    hint="the id's data is raw UTF-8, or a whole BSON document, or its type is left 0: use encode_id",
    after=OPENS,
    examples=0.5,
)
def id_encoding(case: Case) -> None:
    """Each part of an update's id is a BSON value of its declared type."""
    _observe(case, Owner.STREAM_ID_ENCODING)


@rule(
    "stream/ids",
    "An update's id is the document's id: for MONGO_BSON a single part that equals `_id`, including its type.",
    needs=(Need.UPDATES,),
    hint="the id changes type (a string for an ObjectId, an int64 for an int32), or comes from another field",
    after=(*OPENS, "stream/id-encoding"),
    examples=0.5,
)
def ids(case: Case) -> None:
    """The id of an update, also of a DELETE, is the id of its document, including the type."""

    def known(message: StreamUpdatesResponse, keys: frozenset[bytes], data_type: DataType) -> None:
        for update in message.updates:
            case.check(
                not keys or (key := _key(update, data_type)) is None or key in keys,
                "an update has the id of no written document",
                expected="the id of a written document, including its type",
                seen=f"{show_id(list(update.id))} (BSON type {', '.join(str(part.type) for part in update.id)})",
            )

    _observe(case, Owner.STREAM_IDS, known)


@rule(
    "stream/id-name",
    "`name` the field (`_id`, with JSON `id`, or empty)",
    level=Level.SHOULD,
    needs=(Need.UPDATES,),
    hint="the id's name is that of another field, or of the other data type",
    after=(*OPENS, "stream/id-encoding"),
    examples=0.22,
)
def id_name(case: Case) -> None:
    """The name of an id with one part is `_id` (in JSON `id`) or empty."""

    def named(message: StreamUpdatesResponse, *_: object) -> None:
        for update in message.updates:
            names = [part.name for part in update.id]
            case.check(
                len(names) != 1 or names[0] in ("", "_id", "id"),
                "an update's id has a name that is not an id field's",
                expected="'_id' (in JSON 'id'), or no name",
                seen=names,
            )

    _observe(case, None, named)


@rule(
    "stream/documents",
    "INSERT and UPDATE are both full-document upserts",
    needs=(Need.UPDATES,),
    hint="the data is empty, a diff, without the id, or not encoded as the request's type",
    after=OPENS,
    examples=0.5,
)
def documents(case: Case) -> None:
    """INSERT and UPDATE carry a whole document of the requested type."""
    _observe(case, Owner.STREAM_DOCUMENTS)


def _observe(case: Case, own: Owner | None, look: _Look = lambda *_: None) -> None:
    """Look at a stream's messages while documents with ids of all kinds are inserted, overwritten and deleted.

    Raises only what the rule `own` owns. `look` gets a message, the keys of the ids that its updates may have
    (none if that is unknown), and its type.
    """
    if not (case.declared.can_change and case.declared.loads):
        _observe_sample(case, own, look)
        return
    if case.subject.patience.silent:
        raise case.decline("the stream sent no updates")
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    holding = case.holding(scene.data_type)
    samples = [sample for kind in holding.kinds if holding.allows_id(kind, sample := identifiers.sample_id(kind))]
    written = [*scene.ids, *samples]
    scene.change(name, [scene.insert(value, "one") for value in written])
    scene.change(name, [scene.overwrite(value, "two") for value in written[::2]])
    if case.deletes:
        scene.change(name, [scene.delete(value) for value in written[1::2]])
    scene.mark()
    last = list(held(scene.models[name]))[-1]
    used = [key_of(strategies.id_value(value, scene.data_type), scene.data_type) for value in written]
    # Others may write to a namespace that is not the kit's own.
    keys = frozenset([*held(scene.models[name]), *used] if case.found.makes_namespaces else ())
    seen = False
    for message in follower.coming():
        seen = seen or bool(message.updates)
        _look_at(case, message, scene.data_type, own)
        look(message, keys, scene.data_type)
        if any(_key(update, scene.data_type) == last for update in message.updates):
            return
    case.subject.patience.waited_in_vain()
    if not seen:
        case.subject.patience.sent_nothing()
        raise case.decline("the stream sent no updates")


def _key(update: Update, data_type: DataType) -> bytes | None:
    try:
        return key_of(update.id, data_type)
    except InvalidArgument:
        return None  # stream/id-encoding reports this


def _look_at(case: Case, message: StreamUpdatesResponse, data_type: DataType, own: Owner | None) -> None:
    for violation in faults_of(message, data_type):
        if violation.owner == own:
            raise violation
    case.checks += bool(message.updates)


def _observe_sample(case: Case, own: Owner | None, look: _Look) -> None:
    for data_type, messages in sample(case).items():
        for message in messages:
            _look_at(case, message, data_type, own)
            look(message, frozenset(), data_type)
    if not case.checks:
        raise case.decline(f"the stream sent no updates within {SAMPLE_SECONDS:.0f} seconds")


RULES = (opens, namespace_named, update_type, id_encoding, ids, id_name, documents)
