"""StreamUpdates: what each update says, and that all of them come."""

from collections.abc import Callable

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import updates_partition
from dsync_kit.conformance.calls.transcript import show_id
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower, held
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.sampling import SAMPLE_SECONDS, sample
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.documents import identifiers, strategies
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.verdicts.inspection import faults_of, key_of
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import encode
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import (
    UPDATE_TYPE_PARTIAL_UPDATE,
    DataType,
    StreamUpdatesResponse,
    Update,
)

__all__ = ["RULES"]

STATE = "Applying the listing and then the stream from the plan's cursor gives the source's state."
LIVE = (Need.UPDATES, Need.LOADING, Need.CHANGING)
_Look = Callable[[StreamUpdatesResponse, frozenset[bytes], DataType], None]

_FORM = ("stream/opens",)
_WRITTEN = ("updates/model", "write/read-back")
ARRIVES = (*_FORM, "stream/stays-open", "stream/id-encoding", "stream/ids", "stream/inserts", *_WRITTEN)


@rule(
    "stream/opens",
    "StreamUpdates is opened once with the plan's update cursor",
    needs=(Need.UPDATES,),
    hint="the plan has an updates partition, but StreamUpdates is not there, or does not read the plan's cursor",
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
    while (message := follower.raw(case.subject.patience.seconds)) is not None and not message.updates:
        continue
    if message is None:
        case.subject.patience.waited_in_vain()
    error = follower.reader.error
    case.check(error is None, "StreamUpdates fails", expected="a stream of updates", seen=error)


@rule(
    "stream/namespace-named",
    "its updates go to the sink as WriteUpdates, one namespace a call",
    needs=(Need.UPDATES,),
    hint="the message's namespace is left empty",
    after=_FORM,
    examples=0.16,
)
def namespace_named(case: Case) -> None:
    """Each message with updates names their namespace."""
    _observe(case, Owner.STREAM_NAMESPACE_NAMED)


@rule(
    "stream/update-type",
    "INSERT and UPDATE are both a full-document upsert; DELETE carries no data",
    needs=(Need.UPDATES,),
    hint="the update's type is left UNKNOWN (0)",
    after=_FORM,
    examples=0.16,
)
def update_type(case: Case) -> None:
    """Each update is an INSERT, an UPDATE or a DELETE."""
    _observe(case, Owner.STREAM_UPDATE_TYPE)


@rule(
    "stream/id-encoding",
    "`data` is the BSON **value** alone … `type` the BSON type byte … Raw UTF-8 in `data` is the most common mistake.",
    needs=(Need.UPDATES,),
    hint="the id's data is raw UTF-8, or a whole BSON document, or its type is left 0: use encode_id",
    after=_FORM,
    examples=0.5,
)
def id_encoding(case: Case) -> None:
    """Each part of an update's id is a BSON value of the type that it names."""
    _observe(case, Owner.STREAM_ID_ENCODING)


@rule(
    "stream/ids",
    "An update's id is the document's id: for MONGO_BSON one part that equals `_id`, type included.",
    needs=(Need.UPDATES,),
    hint="the id is turned into another type (a string for an ObjectId, an int64 for an int32), or is of another field",
    after=(*_FORM, "stream/id-encoding"),
    examples=0.4,
)
def ids(case: Case) -> None:
    """An update's id is the id of its document, type included; that of a DELETE, too."""

    def known(message: StreamUpdatesResponse, keys: frozenset[bytes], data_type: DataType) -> None:
        for update in message.updates:
            case.check(
                not keys or (key := _key(update, data_type)) is None or key in keys,
                "an update has an id that no document has",
                expected="the id of a document that was written, type included",
                seen=f"{show_id(list(update.id))} (BSON type {', '.join(str(part.type) for part in update.id)})",
            )

    _observe(case, Owner.STREAM_IDS, known)


@rule(
    "stream/id-name",
    "`name` the field (`_id`, or empty for it; `id` with JSON)",
    level=Level.SHOULD,
    needs=(Need.UPDATES,),
    hint="the id's name is that of another field, or is the other type's",
    after=(*_FORM, "stream/id-encoding"),
    examples=0.16,
)
def id_name(case: Case) -> None:
    """A single id's name is `_id` or empty, and with JSON `id` or empty."""

    def named(message: StreamUpdatesResponse, *_: object) -> None:
        for update in message.updates:
            names = [part.name for part in update.id]
            case.check(
                len(names) != 1 or names[0] in ("", "_id", "id"),
                "an update's id has a name that is no id field's",
                expected="'_id', or 'id' with JSON, or none",
                seen=names,
            )

    _observe(case, None, named)


@rule(
    "stream/documents",
    "INSERT and UPDATE are both a full-document upsert",
    needs=(Need.UPDATES,),
    hint="the data is empty, a diff, without the id, or encoded in another type than the request's",
    after=_FORM,
    examples=0.4,
)
def documents(case: Case) -> None:
    """INSERT and UPDATE carry a whole document of the type that was asked for."""
    _observe(case, Owner.STREAM_DOCUMENTS)


@rule(
    "stream/inserts",
    STATE,
    needs=LIVE,
    hint="inserted documents are not streamed, or the plan's position is taken too late",
    after=_FORM,
    examples=0.4,
)
def inserts(case: Case) -> None:
    """Documents that are inserted while the stream is open arrive."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    scene.change(name, [scene.insert(value, "inserted") for value in scene.absent])
    scene.converge_from_cursor(follower, "inserting while the stream is open")  # it may begin after the first writes


@rule(
    "stream/overwrites",
    STATE,
    needs=LIVE,
    hint="changes of existing documents are not streamed, or their old state is",
    after=ARRIVES,
    examples=0.4,
)
def overwrites(case: Case) -> None:
    """Changes of documents that exist arrive, with the new state."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    for content in ("once", "twice"):
        scene.change(name, [scene.overwrite(value, content) for value in scene.ids])
        follower.converge(scene.wanted(), what="changing documents while the stream is open")


@rule(
    "stream/deletes",
    STATE,
    needs=LIVE,
    hint="deletes are not streamed, or with another id",
    after=ARRIVES,
    examples=0.4,
)
def deletes(case: Case) -> None:
    """Deletes arrive."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    steps = [scene.delete(scene.ids[0]), scene.insert(scene.ids[0], "again"), scene.delete(scene.ids[0])]
    for step in steps[: case.draw(st.integers(1, 3), "deleted, inserted again, deleted again")]:
        scene.change(name, [step])
        follower.converge(scene.wanted(), what="deleting while the stream is open")


@rule(
    "stream/write-data",
    STATE,
    needs=(*LIVE, Need.SINK),
    hint="only what WriteUpdates writes is streamed, not the pages of WriteData",
    after=ARRIVES,
    examples=0.4,
)
def write_data(case: Case) -> None:
    """Pages that WriteData writes arrive, new documents and overwritten ones."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    scene.write(name, [scene.document(value, "written") for value in scene.ids])
    follower.converge(scene.wanted(), what="writing a page while the stream is open")


@rule(
    "stream/from-plan",
    "The update position is taken **before** any data is read, so that nothing written meanwhile is lost.",
    needs=LIVE,
    hint="the stream begins when it is opened, instead of at the cursor",
    after=ARRIVES,
    examples=0.5,
)
def from_plan(case: Case) -> None:
    """What is written between the plan and the opening of the stream arrives."""
    scene = Scene(case)
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower = scene.follow()
    scene.converge_from_cursor(follower, "writing between plan and stream")


@rule(
    "stream/while-listing",
    STATE,
    needs=(*LIVE, Need.SOURCE),
    hint="a write that comes while a partition is listed is in neither the listing nor the stream",
    after=(*ARRIVES, "stream/from-plan", "stream/overwrites", "stream/deletes", "list/complete"),
    examples=0.6,
)
def while_listing(case: Case) -> None:
    """Listing a plan's partitions while writes go on, and then streaming from its cursor, gives the source's state."""
    scene = Scene(case)
    (name,) = scene.namespaces
    calls = [call for _, call in scene.history(max_calls=4)]
    plan = case.driver.plan([name], updates=True)
    case.check(bool(plan.updates_partitions), "the plan has no updates partition", owner=Owner.PLAN_UPDATES_FLAG)
    copied: dict[bytes, bytes] = {}
    for partition in plan.partitions:
        for page in case.driver.restarted_pages(partition, scene.data_type):
            copied |= held(Model(scene.data_type, case.without_foreign(name, page, scene.data_type)))
            if calls:
                scene.change(name, calls.pop(0))
    for call in calls:
        scene.change(name, call)
    scene.mark()
    follower = scene.follow(updates_partition(plan).cursor, holding={name: copied})
    follower.converge(scene.wanted(), what="listing and then streaming")


@rule(
    "stream/order",
    "all updates of one id in order through one writer",
    needs=LIVE,
    hint="updates are sorted, or collected by id, or read from several logs at once, so that an old state comes last",
    after=(*ARRIVES, "stream/overwrites", "stream/deletes"),
    examples=0.6,
)
def order(case: Case) -> None:
    """Of several updates of one id, in one call and in several, the last one counts."""
    scene = Scene(case)
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    (name,) = scene.namespaces
    for number, (_, call) in enumerate(scene.history(max_calls=4, max_updates=8)):
        last = scene.ids[number % len(scene.ids)]
        scene.change(name, [*call, *(scene.overwrite(last, f"{number}-{step}") for step in range(3))])
    scene.mark()
    (follower or scene.follow()).converge(scene.wanted(), what="several updates of one id")


@rule(
    "stream/many",
    "streaming from it again gives every later update",
    needs=LIVE,
    hint="a batch of updates is cut at some number, and the rest is lost",
    after=(*ARRIVES, "updates/many"),
    examples=0.02,
)
def many(case: Case) -> None:
    """1,500 updates of one call arrive, and so do those after them."""
    scene = Scene(case)
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    (name,) = scene.namespaces
    scene.change(name, many_updates(case, 1500, scene.data_type))
    scene.mark()
    (follower or scene.follow()).converge(scene.wanted(), what="1,500 updates at once")


@rule(
    "stream/namespaces",
    "with namespaces: those only (the client lets others pass through)",
    needs=(*LIVE, Need.TWO_NAMESPACES),
    hint="StreamUpdates does not look at the request's namespaces",
    after=(*ARRIVES, "stream/namespace-named"),
    examples=0.4,
)
def namespaces(case: Case) -> None:
    """A stream of one namespace has that one's updates, all of them, and no others'."""
    scene = Scene(case)
    (asked,) = scene.namespaces
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    others = scene.add_alike(asked, "other")
    for name in (*others, asked, *others):
        scene.change(name, [scene.overwrite(value, name[-6:]) for value in scene.ids])
    scene.mark()
    wanted = scene.wanted()
    follower = follower or scene.follow()
    _of_none_but(case, follower, [asked], lambda: follower.converge({asked: wanted[asked]}))


@rule(
    "stream/namespaces-apart",
    "with namespaces: those only",
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.MULTI_NAMESPACE_PLAN),
    hint="updates of one namespace are sent in a message of another, or only the first namespace asked for is streamed",
    after=(*ARRIVES, "stream/namespaces"),
    examples=0.4,
)
def namespaces_apart(case: Case) -> None:
    """A stream of several namespaces has the updates of each, under its name, in whatever order they are named."""
    scene = Scene(case, namespaces=2)
    for name, call in scene.history(max_calls=5):
        scene.change(name, call)
    scene.mark()
    follower = scene.follow(namespaces=scene.asked[::-1])
    _of_none_but(case, follower, scene.asked, lambda: follower.converge(scene.wanted()))


@rule(
    "stream/all-namespaces",
    "with no namespaces: everything",
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.DEFAULT_PLAN),
    hint="a stream without namespaces has no updates, or those of one namespace alone",
    after=ARRIVES,
    examples=0.24,
)
def all_namespaces(case: Case) -> None:
    """A stream without namespaces has the updates of all."""
    scene = Scene(case, namespaces=2, everything=True)
    for name, call in scene.history(max_calls=4):
        scene.change(name, call)
    scene.mark()
    scene.follow().converge(scene.wanted(), what="a stream without namespaces")


@rule(
    "stream/new-namespace",
    "with no namespaces: everything",
    level=Level.SHOULD,
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.DEFAULT_PLAN),
    hint="the namespaces to stream are found out when the plan is made",
    after=(*ARRIVES, "stream/all-namespaces"),
    examples=0.1,
)
def new_namespace(case: Case) -> None:
    """A stream without namespaces has the updates of those, too, that are made after the plan."""
    if not case.found.makes_namespaces:
        raise case.decline("it makes no namespaces by itself")
    scene = Scene(case, everything=True)
    follower = scene.follow()
    scene.add()
    scene.mark()
    follower.converge(scene.wanted(), what="a namespace made after the plan")


@rule(
    "stream/partial-updates",
    "PARTIAL_UPDATE (data = changed fields …) is applied …, and never taken for a full document",
    needs=(*LIVE, Need.SINK),
    hint="the changed fields of a partial update are streamed as if they were the whole document",
    after=(*ARRIVES, "stream/overwrites", "updates/partial"),
    examples=0.5,
)
def partial_updates(case: Case) -> None:
    """A partial update that is applied arrives, so that the sink holds the whole document."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    identifier = strategies.id_value(scene.ids[0], scene.data_type)
    changed = encode({"w": 1}, scene.data_type)
    partial = Update(id=identifier, type=UPDATE_TYPE_PARTIAL_UPDATE, data=changed)
    try:
        case.update(name, [partial], scene.data_type)
    except ConnectorError as error:
        if case.refused(error):
            raise case.decline(f"it refuses partial updates: {error.message}") from error
        raise
    listed = case.read(name, scene.data_type, expected=len(scene.ids))
    follower.converge({name: held(Model(scene.data_type, listed))}, what="a partial update")


def _of_none_but(case: Case, follower: Follower, asked: list[str], read: Callable[[], None]) -> None:
    read()
    strangers = sorted({name for name, _ in follower.updates} - set(asked))
    case.check(
        not strangers,
        "the stream has updates of a namespace that was not asked for",
        expected=f"updates of {asked}",
        seen=f"updates of {strangers}",
        owner="stream/namespaces",
    )


def _observe(case: Case, own: Owner | None, look: _Look = lambda *_: None) -> None:
    """Look at the messages of a stream that inserts, overwrites and deletes documents with ids of all kinds.

    What the rule `own` owns is raised; what others own is theirs. `look` gets a message, the keys of the ids
    that its updates may have (none if that is not known), and its type.
    """
    if not (case.declared.can_change and case.declared.loads):
        _observe_sample(case, own, look)
        return
    if case.subject.patience.silent:
        raise case.decline("the stream sent no updates")
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    samples = [identifiers.sample_id(kind) for kind in case.found.id_kinds[scene.data_type]]
    written = [*scene.ids, *samples]
    scene.change(name, [scene.insert(value, "one") for value in written])
    scene.change(name, [scene.overwrite(value, "two") for value in written[::2]])
    scene.change(name, [scene.delete(value) for value in written[1::2]])
    scene.mark()
    last = list(held(scene.models[name]))[-1]
    used = [key_of(strategies.id_value(value, scene.data_type), scene.data_type) for value in written]
    # Others may write to a namespace that is not the kit's own.
    keys = frozenset([*held(scene.models[name]), *used] if case.found.makes_namespaces else ())
    seen = False
    while (message := follower.raw(case.subject.patience.seconds)) is not None:
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
        return None  # stream/id-encoding says so


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


RULES = (
    opens,
    namespace_named,
    update_type,
    id_encoding,
    ids,
    id_name,
    documents,
    inserts,
    overwrites,
    deletes,
    write_data,
    from_plan,
    while_listing,
    order,
    many,
    namespaces,
    namespaces_apart,
    all_namespaces,
    new_namespace,
    partial_updates,
)
