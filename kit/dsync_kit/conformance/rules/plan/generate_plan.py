"""GeneratePlan: what to list, and from where to stream."""

from collections.abc import Sequence

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import strip
from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import few_or_many
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing, look_alikes
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, GeneratePlanResponse

__all__ = ["RULES"]


def _asked(case: Case) -> list[str]:
    """Namespaces to plan for: one with documents, or an existing one."""
    if case.declared.loads:
        namespace, _ = case.loaded(min_size=1, small=True)
        return [namespace]
    return list(case.subject.existing()[:1])


@rule(
    "plan/initial-sync-flag",
    "honours both flags (no partitions when `initial_sync` is false …)",
    needs=(Need.LISTING,),
    hint="GeneratePlan ignores the request's initial_sync",
    examples=0.28,
)
def initial_sync_flag(case: Case) -> None:
    """A plan without initial_sync has no partitions."""
    namespaces = _asked(case)
    # A source that can't stream may refuse a plan with updates.
    plans = [case.driver.plan(namespaces, initial_sync=False, updates=True)] if case.found.streams else []
    for plan in (*plans, _of_nothing(case, namespaces)):
        case.check(
            not plan.partitions,
            "a plan without initial_sync has partitions",
            expected="no partitions",
            seen=f"{len(plan.partitions)} partitions",
        )


def _of_nothing(case: Case, namespaces: Sequence[str]) -> GeneratePlanResponse:
    """The plan without a copy and without updates, which dsync never asks for; an empty one if it is refused."""
    try:
        return case.driver.plan(namespaces, initial_sync=False, updates=False)
    except ConnectorError:
        return GeneratePlanResponse()


@rule(
    "plan/updates-flag",
    "honours both flags (… no updates partitions when `updates` is false)",
    needs=(Need.UPDATES,),
    hint="GeneratePlan ignores the request's updates",
    examples=0.28,
)
def updates_flag(case: Case) -> None:
    """A plan has an updates partition if, and only if, the request asks for updates."""
    namespaces = _asked(case)
    for initial_sync in (False,) if case.declared.only_streams else (True, False):
        plan = case.driver.plan(namespaces, updates=False) if initial_sync else _of_nothing(case, namespaces)
        case.check(
            not plan.updates_partitions,
            "a plan without updates has updates partitions",
            expected="no updates partitions",
            seen=f"{len(plan.updates_partitions)} updates partitions",
        )
        plan = case.driver.plan(namespaces, initial_sync=initial_sync, updates=True)
        case.check(
            bool(plan.updates_partitions),
            "a plan with updates has no updates partition",
            expected="one updates partition",
            seen="none",
        )


@rule(
    "plan/one-updates-partition",
    "today's dsync refuses more than one updates partition.",
    needs=(Need.UPDATES,),
    hint="the plan has an updates partition for each namespace, or for each shard",
    examples=0.28,
    after=("plan/updates-flag",),
)
def one_updates_partition(case: Case) -> None:
    """A plan has one updates partition, whatever the number of namespaces."""
    namespaces = _asked(case)
    if case.declared.loads and case.found.makes_namespaces and case.offers(Need.MULTI_NAMESPACE_PLAN):
        namespaces = [*namespaces, *_asked(case)]
    found = case.driver.plan(namespaces, updates=True).updates_partitions
    case.check(
        len(found) == 1,
        "the plan does not have exactly one updates partition",
        expected="one updates partition",
        seen=f"{len(found)} updates partitions",
    )


@rule(
    "plan/partitions",
    "Each partition has a namespace. dsync treats a plan without any partitions as an error",
    needs=(Need.LISTING,),
    hint="the partition's namespace is left empty, or a small namespace gets no partition",
)
def partitions(case: Case) -> None:
    """A plan for a namespace with documents has partitions, and each names its namespace."""
    plan = case.driver.plan(_asked(case))
    _has_partitions(case, plan)
    unnamed = [partition for partition in plan.partitions if not partition.namespace]
    case.check(not unnamed, "a partition has no namespace", expected="a namespace in each", seen=unnamed[:1])


@rule(
    "plan/asked-namespaces",
    "It calls GeneratePlan once, with the user's namespaces verbatim",
    needs=(Need.LOADING, Need.LISTING, Need.TWO_NAMESPACES),
    hint="GeneratePlan plans every namespace, whichever ones the request names",
    after=("plan/partitions",),
)
def asked_namespaces(case: Case) -> None:
    """A plan has partitions of the requested namespaces, and of no others."""
    asked, _ = case.loaded(min_size=1, small=True)
    data_type = case.data_type()
    case.write(case.namespace(), case.numbered(1, data_type), data_type)
    if case.found.makes_namespaces:
        alike = [other for one, other in look_alikes.namespaces(asked) if one == asked]
        for name in case.draw(choosing.some(alike), "other namespaces"):
            case.write_if_named(name, case.numbered(1, data_type), data_type)
    plan = case.driver.plan([asked])
    _has_partitions(case, plan)
    found = sorted({partition.namespace for partition in plan.partitions})
    case.check(
        found == [asked], "the plan has partitions of namespaces that were not requested", expected=[asked], seen=found
    )


@rule(
    "plan/default",
    "A flow without namespaces needs `default_plan`",
    needs=(Need.LISTING, Need.DEFAULT_PLAN),
    hint="a plan without namespaces is empty, leaves namespaces out, or splits their names",
    after=(
        "limits/many-namespaces",
        "plan/partitions",
        "write/isolates-namespaces",
    ),
    examples=0.5,
)
def default(case: Case) -> None:
    """A plan without namespaces covers every namespace that holds documents."""
    expected: set[str] = set()
    while case.declared.loads and len(expected) < 2 and (not expected or case.has_free_namespace):
        expected.add(case.loaded(min_size=1, small=True)[0])
    if not case.found.makes_namespaces:
        expected &= set(case.subject.namespaces.offered)
    elif expected:
        data_type = case.data_type()
        page = case.numbered(1, data_type)
        alike = case.draw(choosing.few(look_alikes.namespaces(min(expected))), "namespaces")
        expected |= {name for _, name in alike if case.write_if_named(name, page, data_type)}
    plan = case.driver.plan()
    _has_partitions(case, plan)
    found = {partition.namespace for partition in plan.partitions}
    case.check(
        expected <= found,
        "a plan without namespaces omits a namespace with documents",
        expected=f"partitions of {sorted(expected)}",
        seen=f"partitions of {len(found)} namespaces, none of {sorted(expected - found)}",
    )


@rule(
    "plan/multi-namespace",
    "one with several needs `multi_namespace_plan`",
    needs=(Need.LOADING, Need.LISTING, Need.MULTI_NAMESPACE_PLAN, Need.TWO_NAMESPACES),
    hint="GeneratePlan plans only the first of the requested namespaces",
    after=(
        "plan/partitions",
        "write/read-back",
    ),
)
def multi_namespace(case: Case) -> None:
    """A plan of several namespaces covers each of them, and keeps their documents apart."""
    _expect_each(case, dict(case.loaded(min_size=1, small=True) for _ in range(2)))


@rule(
    "plan/tables",
    "one with several needs `multi_namespace_plan`",
    needs=(Need.LOADING, Need.LISTING, Need.MULTI_NAMESPACE_PLAN, Need.SEVERAL_FORMS),
    hint="GeneratePlan plans only the first of the requested tables, or lists one by the columns of another",
    after=("plan/partitions", "write/read-back", "plan/multi-namespace"),
    examples=0.28,
)
def tables(case: Case) -> None:
    """A plan of several tables with different columns covers each of them, and keeps their documents apart."""
    data_type = case.data_type()
    forms = case.each_form(data_type)
    _expect_each(case, dict(case.loaded(min_size=1, small=True, data_type=data_type) for _ in forms))


def _expect_each(case: Case, held: dict[str, Model]) -> None:
    """A plan of these namespaces has what each of them holds."""
    found: dict[str, list[bytes]] = {name: [] for name in held}
    plan = case.driver.plan(list(held))
    for partition in plan.partitions:
        case.check(
            partition.namespace in held,
            "the plan has a partition of a namespace that was not requested",
            expected=sorted(held),
            seen=partition.namespace,
            owner="plan/asked-namespaces",
        )
        model = held[partition.namespace]
        listed = case.driver.list_partition(partition, model.data_type, expected=len(model.documents))
        found[partition.namespace] += case.without_foreign(partition.namespace, listed, model.data_type)
    for name, model in held.items():
        case.check(
            any(partition.namespace == name for partition in plan.partitions),
            "a requested namespace has no partition",
            expected=f"partitions of {sorted(held)}",
            seen=f"none of {name}",
        )
        model.check(found[name], what=f"the listing of {name}")


@rule(
    "plan/stripped-partition",
    "dsync sends back only the partition's `namespace` and `cursor`; the other fields are empty (the `dsync verify` "
    "command sends the whole partition).",
    needs=(Need.LISTING,),
    hint="ListData reads partition_header, partition_value or estimated_count: put what it needs into the cursor",
    after=("list/repeatable",),
)
def stripped_partition(case: Case) -> None:
    """A partition lists the same documents if dsync sends it back with only its namespace and cursor."""
    namespace, data_type, expected = few_or_many(case)
    for partition in case.driver.partitions([namespace])[:4]:
        whole = case.driver.list_partition(partition, data_type, expected=expected, whole=True)
        stripped = case.driver.list_partition(strip(partition), data_type, expected=expected)
        Model.listed(data_type, whole).check(stripped, what="the listing of the stripped partition")
        case.checks += 1


@rule(
    "plan/repeatable",
    "a verification may call it again, so it must have no harmful side effect",
    needs=(Need.LISTING,),
    hint="making a second plan invalidates the first one's cursors, or changes data",
    after=("list/complete", "list/repeatable"),
)
def repeatable(case: Case) -> None:
    """After a second plan, the first one's partitions still list the same documents."""
    namespace, data_type, expected = few_or_many(case)
    first = case.driver.plan([namespace], updates=case.found.streams).partitions[:4]
    before = [case.driver.list_partition(partition, data_type, expected=expected) for partition in first]
    elsewhere = case.declared.loads and case.found.makes_namespaces and case.draw(st.booleans(), "of another namespace")
    again_planned = case.loaded(min_size=1, small=True)[0] if elsewhere else namespace
    case.driver.plan([again_planned], updates=case.found.streams)
    for partition, documents in zip(first, before, strict=True):
        again = case.driver.list_partition(partition, data_type, expected=expected)
        Model.listed(data_type, documents).check(again, what="the first plan's partition, listed after a second plan,")
        case.checks += 1


@rule(
    "plan/self-contained",
    "Partition and update cursors are self-contained: they work on another instance of the connector",
    needs=(Need.LISTING, Need.ELSEWHERE),
    hint="the cursor is a key into the memory of the instance that made the plan",
    after=(
        "list/complete",
        "list/repeatable",
        "plan/repeatable",
    ),
)
def self_contained(case: Case) -> None:
    """Another instance can list a plan's partitions."""
    namespace, data_type, expected = few_or_many(case)
    partitions = case.driver.partitions([namespace])[:4]
    listed = [case.driver.list_partition(partition, data_type, expected=expected) for partition in partitions]
    second = case.others.elsewhere()
    for partition, here in zip(partitions, listed, strict=True):
        try:
            there = second.list_partition(partition, data_type, expected=expected)
        except ConnectorError as error:
            case.check(False, "another instance refuses a plan's partition", expected="its documents", seen=error)
            return
        Model.listed(data_type, here).check(there, what="the listing by another instance")
        case.checks += 1


@rule(
    "plan/unknown-namespace",
    "An unknown namespace is empty, or is answered with NOT_FOUND",
    needs=(Need.SOURCE,),
    hint="the store's error for a missing table or collection is mapped to the code of an outage",
    examples=0.28,
    after=("plan/asked-namespaces",),
)
def unknown_namespace(case: Case) -> None:
    """A namespace that does not exist is empty, or refused with a final code."""
    namespace = case.subject.namespaces.beside("unknown")
    types = case.declared.source_types
    try:
        plan = case.driver.plan([namespace])
        documents = [
            document
            for partition in plan.partitions
            for document in case.driver.list_partition(partition, types[0] if types else DATA_TYPE_MONGO_BSON)
        ]
    except ConnectorError as error:
        expect_final(case, error, "an unknown namespace")
        return
    case.check(not documents, "an unknown namespace has documents", expected="none", seen=f"{len(documents)} documents")


def _has_partitions(case: Case, plan: GeneratePlanResponse) -> None:
    case.check(
        bool(plan.partitions),
        "the plan has no partitions",
        expected="at least one: dsync treats an empty plan as an error",
        seen="none",
        owner="plan/partitions",
    )


RULES = (
    initial_sync_flag,
    updates_flag,
    one_updates_partition,
    partitions,
    asked_namespaces,
    default,
    multi_namespace,
    tables,
    stripped_partition,
    repeatable,
    self_contained,
    unknown_namespace,
)
