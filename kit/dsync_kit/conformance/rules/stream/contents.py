"""StreamUpdates: documents arrive complete."""

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.documents import choosing, field_values, strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.identifiers import LONG_IDS
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.stream.conditions import ARRIVES, LIVE, STATE
from dsync_kit.conformance.verdicts.copies import held
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import encode
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, UPDATE_TYPE_PARTIAL_UPDATE, UPDATE_TYPE_UPDATE, Update

__all__ = ["RULES"]

_PADDING = "0123456789abcdef" * 1000
"""More than a database stores in the row itself."""


@rule(
    "stream/partial-updates",
    "PARTIAL_UPDATE (data = changed fields …) is applied …, and never mistaken for a full document",
    needs=(*LIVE, Need.SINK, Need.READING),
    hint="the changed fields of a partial update are streamed as if they were the whole document",
    after=(*ARRIVES, "stream/overwrites", "updates/partial"),
    examples=0.5,
)
def partial_updates(case: Case) -> None:
    """An applied partial update arrives in a form that gives the sink the whole document."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    identifier = strategies.id_value(scene.ids[0], scene.data_type)
    if not (change := case.holding(scene.data_type).change(1)):
        raise case.does_not_apply("its schema has no field to change")
    changed = encode(change, scene.data_type)
    unset = case.freedoms.unset(["v"], ["nowhere"]) if case.holding(scene.data_type).free else []
    partial = Update(id=identifier, type=UPDATE_TYPE_PARTIAL_UPDATE, data=changed, partial_update_unset=unset)
    try:
        case.update(name, [partial], scene.data_type)
    except ConnectorError as error:
        if error.retryable:
            raise
        raise case.decline(f"it refuses partial updates: {error.message}") from error
    listed = case.read(name, scene.data_type, expected=len(scene.ids))
    follower.converge({name: held(Model(scene.data_type, listed))}, what="a partial update")


@rule(
    "stream/values",
    STATE,
    needs=LIVE,
    hint="documents are encoded differently than in ListData, for example through JSON",
    after=(*ARRIVES, "stream/documents"),
    examples=0.5,
)
def values(case: Case) -> None:
    """A streamed document has the same fields, values and types as its listing, or as written if not listed."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    if case.holding(scene.data_type).free:
        kinds = field_values.BSON_SEVERAL if scene.data_type == DATA_TYPE_MONGO_BSON else field_values.JSON_SEVERAL
        drawn = case.draw(st.fixed_dictionaries(dict(kinds)), "values")
        content = {f"{kind} {number}": value for kind, found in drawn.items() for number, value in enumerate(found)}
        names = case.draw(field_values.several_field_names, "names")
        nested = case.draw(st.lists(field_values.values(scene.data_type), max_size=4), "nested values")
        content |= {"names": dict.fromkeys(names, 1), "nested": [[], {}, *nested]}
    else:
        content = case.draw(case.contents(scene.data_type), "values")
    document = case.document(scene.ids[0], content, scene.data_type)
    try:
        scene.change(name, strategies.inserts([document], scene.data_type))
    except InvalidArgument as error:
        raise case.decline(f"it refuses some of the values: {error.message}") from error
    wanted = scene.wanted()
    if case.reads_back:
        listed = case.read(name, scene.data_type, expected=len(scene.ids))
        wanted = {name: held(Model(scene.data_type, listed))}
    follower.converge(wanted, what="a stream of a document with these fields")


@rule(
    "stream/unchanged-fields",
    STATE,
    needs=LIVE,
    hint="the log omits large values that an update does not change: read them from the store",
    after=(*ARRIVES, "stream/overwrites", "stream/values"),
    examples=0.22,
)
def unchanged_fields(case: Case) -> None:
    """An update of one field also carries the others, even a text of 16,000 characters."""
    scene = Scene(case)
    (name,) = scene.namespaces
    padded = {case.long_field(len(_PADDING), scene.data_type): _PADDING}
    scene.change(name, [scene.insert(value, "first", **padded) for value in scene.ids])
    scene.cursor, scene.before = scene.plan(), scene.wanted()
    scene.change(name, [scene.overwrite(value, "second", **padded) for value in scene.ids])
    scene.mark()
    scene.follow().converge(scene.wanted(), what="an update that does not change a long text")


@rule(
    "stream/long-ids",
    STATE,
    needs=LIVE,
    hint="the id is cut, for example by a column in a table of changes",
    after=(*ARRIVES, "stream/deletes", "write/long-ids"),
    examples=0.28,
)
def long_ids(case: Case) -> None:
    """The stream inserts and deletes documents with ids of hundreds of characters as the source does."""
    scene = Scene(case)
    allows = case.holding(scene.data_type).allows_id
    ids = {size: ["k" * (size - 1) + end for end in "123"] for size in LONG_IDS}
    sizes = [size for size, values in ids.items() if all(allows("string", value) for value in values)]
    if not sizes:
        raise case.does_not_apply("it accepts no long texts as ids")
    size = case.draw(st.sampled_from(sizes), "characters")
    (name,) = scene.namespaces
    values = ids[size]
    follower = scene.follow()
    with case.declined_if_refused(f"ids of {size} characters"):
        scene.change(name, [scene.insert(value, "long") for value in values])
    if case.deletes:
        scene.change(name, [scene.delete(values[0])])
    scene.mark()
    follower.converge(scene.wanted(), what=f"a stream of ids of {size} characters")


@rule(
    "stream/single-fields",
    STATE,
    needs=(*LIVE, Need.SCHEMA),
    hint="a trigger fires for some columns alone, or compares old and new values with <>, which NULL never passes",
    after=(*ARRIVES, "stream/overwrites"),
    examples=0.4,
)
def single_fields(case: Case) -> None:
    """A change of one field alone arrives, also from or to null."""
    data_type = case.data_type()
    case.prefer(data_type, lambda holding: isinstance(holding, Filling) and bool(holding.changes_of_fields))
    scene = Scene(case, data_type=data_type)
    holding = case.holding(data_type)
    if not isinstance(holding, Filling) or not holding.changes_of_fields:
        raise case.does_not_apply("its schema has no field to change")
    chosen = case.draw(choosing.most(holding.changes_of_fields), "changes")
    ids = case.numbered_ids(len(chosen), data_type, prefix="field")
    before, after = (
        [holding.plainest(value, fields={change[0]: change[place]}) for value, change in zip(ids, chosen, strict=True)]
        for place in (1, 2)
    )
    (name,) = scene.namespaces
    scene.change(name, strategies.inserts(before, data_type))
    follower = scene.follow()
    scene.change(name, [strategies.update_to(UPDATE_TYPE_UPDATE, new, data_type) for new in after])
    scene.mark()
    follower.converge(scene.wanted(), what="changing one field of each document")


RULES = (partial_updates, values, unchanged_fields, long_ids, single_fields)
