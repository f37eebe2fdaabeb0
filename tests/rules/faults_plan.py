"""Connectors whose plans leave something out, include too much, or do not last."""

from collections.abc import Sequence
from typing import Any

from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from dsync_kit.protocol import GeneratePlanRequest, GeneratePlanResponse, ListDataRequest, Partition, UpdatesPartition

from .fault import CURSORS, REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class _Asked(Reference):
    """A connector that gets a different plan request than was sent."""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        return super().generate_plan(self.asked(request))

    def asked(self, request: GeneratePlanRequest) -> GeneratePlanRequest:
        return request


@broken("plan/initial-sync-flag")
class AlwaysCopies(_Asked):
    """The request's flags are ignored: a run for changes only copies everything again."""

    def asked(self, request: GeneratePlanRequest) -> GeneratePlanRequest:
        return GeneratePlanRequest(namespaces=request.namespaces, initial_sync=True, updates=request.updates)


@broken("plan/initial-sync-flag")
class CopiesWithUpdates(_Asked):
    """`initial_sync or updates` instead of one flag."""

    def asked(self, request: GeneratePlanRequest) -> GeneratePlanRequest:
        initial_sync = request.initial_sync or request.updates
        return GeneratePlanRequest(namespaces=request.namespaces, initial_sync=initial_sync, updates=request.updates)


@broken("plan/updates-flag")
class StreamsAfterACopyAlone(Reference):
    """The updates partition is made beside the others: a run for changes only has none."""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        plan = super().generate_plan(request)
        return plan if request.initial_sync else GeneratePlanResponse()


@broken("plan/updates-flag")
class AlwaysStreams(_Asked):
    """An updates partition although none was requested."""

    def asked(self, request: GeneratePlanRequest) -> GeneratePlanRequest:
        return GeneratePlanRequest(namespaces=request.namespaces, initial_sync=request.initial_sync, updates=True)


@broken("plan/updates-flag", "special input")
class StreamsWithoutCopyOnly(_Asked):
    """The flags are taken as two exclusive modes: a full run gets no updates."""

    def asked(self, request: GeneratePlanRequest) -> GeneratePlanRequest:
        updates = request.updates and not request.initial_sync
        return GeneratePlanRequest(namespaces=request.namespaces, initial_sync=request.initial_sync, updates=updates)


@broken("plan/one-updates-partition", "special input")
class UpdatesPartitionOfEachNamespace(Reference):
    """One change stream for each collection: dsync refuses the plan."""

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        return [partition for name in requested for partition in Reference.updates_partitions(self, [name])]


@broken("plan/one-updates-partition")
class UpdatesPartitionOfEachShard(Reference):
    """A stream that has two shards becomes two updates partitions."""

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        return super().updates_partitions(requested) * 2


@broken("plan/partitions")
class PartitionWithoutNamespace(Reference):
    """The namespace is in the cursor, and seems unnecessary elsewhere."""

    def partitions(self, namespace: str) -> list[Partition]:
        return [Partition(cursor=partition.cursor) for partition in super().partitions(namespace)]


@broken("plan/partitions")
class NoPartitionForAFewDocuments(Reference):
    """count // page_size partitions: none for a small namespace, which is an error for dsync."""

    def partition_count(self, namespace: str) -> int:
        return min(self.store.count(namespace) // self.page_size(), 4)


@broken("plan/asked-namespaces")
class PlansEverything(_Asked):
    """The request's namespaces are ignored."""

    def asked(self, request: GeneratePlanRequest) -> GeneratePlanRequest:
        return GeneratePlanRequest(initial_sync=request.initial_sync, updates=request.updates)


@broken("plan/asked-namespaces", "special input")
class PlansByPrefix(Reference):
    """Keys are listed by prefix: `orders` plans `orders_old` as well."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        names = self.store.namespaces()
        matching = [name for name in names if any(name.startswith(wanted) for wanted in requested)]
        return list(dict.fromkeys([*requested, *matching])) or names


@broken("plan/asked-namespaces", "special input")
class PlansTheWholeDatabase(Reference):
    """Only the database of `db.collection` counts."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        names = self.store.namespaces()
        wanted = {name.partition(".")[0] for name in requested}
        return list(dict.fromkeys([*requested, *(n for n in names if n.partition(".")[0] in wanted)])) or names


@broken("plan/default")
class DefaultPlanOfOne(Reference):
    """Only the first item of the store's list of collections is read."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        return super().planned_namespaces(requested) if requested else self.store.namespaces()[:1]


@broken("plan/default")
class DefaultPlanRefused(Reference):
    """default_plan is declared, but an empty list of namespaces is refused."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        if not requested:
            raise InvalidArgument("no namespaces were given")
        return super().planned_namespaces(requested)


@broken("plan/default", "rare")
class DefaultPlanOfTheFirstPage(Reference):
    """The list of collections has pages, and only the first is read."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        return super().planned_namespaces(requested)[:10]


@broken("plan/default", "special input")
class NamesAreTakenApart(Reference):
    """A namespace is whatever precedes the first colon in the store's keys."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        names = super().planned_namespaces(requested)
        return names if requested else list(dict.fromkeys(name.partition(":")[0] for name in names))


@broken("plan/multi-namespace")
class FirstNamespaceOnly(Reference):
    """namespaces[0]: written for one, but declared for many."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        return super().planned_namespaces(requested[:1])


@broken("plan/multi-namespace")
class NamespacesJoined(Reference):
    """The namespaces are joined into one name, as on the command line."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        return super().planned_namespaces([",".join(requested)] if requested else [])


@broken("plan/multi-namespace")
class CursorsOfTheFirstNamespace(Reference):
    """The loop over namespaces captures the first one: all partitions list it."""

    first = ""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        self.first = request.namespaces[0] if len(request.namespaces) > 1 else ""
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        if self.first:
            request.partition.namespace = self.first
        return super().list_data(request)


@broken("plan/stripped-partition")
class ShareInThePartitionValue(Reference):
    """partition_value distinguishes partitions, but dsync sends it back empty."""

    def partitions(self, namespace: str) -> list[Partition]:
        planned = super().partitions(namespace)
        return [
            Partition(namespace=namespace, cursor=planned[0].cursor, partition_value=str(number))
            for number in range(len(planned))
        ]

    def list_data(self, request: ListDataRequest) -> Any:
        count = CURSORS.PartitionCursor.decode(request.partition.cursor).count
        index = int(request.partition.partition_value or "0")
        request.partition.cursor = self.partition_cursor(index, count)
        return super().list_data(request)


@broken("plan/stripped-partition")
class EstimatedCountAsLimit(Reference):
    """The partition's estimate limits its listing, but comes back as 0."""

    def list_data(self, request: ListDataRequest) -> Any:
        answer = super().list_data(request)
        del answer.data[request.partition.estimated_count :]
        return answer


@broken("plan/repeatable")
class PlanDropsTheSnapshot(Reference):
    """A plan opens a snapshot and closes the previous one: a verification ends the copy."""

    plans = 0

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        self.plans += 1
        return super().generate_plan(request)

    def partition_cursor(self, index: int, count: int) -> bytes:
        return b"%d;" % self.plans + super().partition_cursor(index, count)

    def list_data(self, request: ListDataRequest) -> Any:
        plan, _, cursor = request.partition.cursor.partition(b";")
        if plan != b"%d" % self.plans:
            raise FailedPrecondition("the snapshot of this plan has been closed")
        request.partition.cursor = cursor
        return super().list_data(request)


@broken("plan/repeatable", "special input")
class LastPlannedIsListed(Reference):
    """The plan selects the database (`USE shop`), and the listing reads the selected one."""

    selected = ""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        self.selected = request.namespaces[0] if len(request.namespaces) == 1 else ""
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        request.partition.namespace = self.selected or request.partition.namespace
        return super().list_data(request)


@broken("plan/repeatable", "special input")
class PlanEmptiesTheFirstPartition(Reference):
    """The plan queues work, and the listing takes it; a second plan finds the queue empty."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.planned: set[str] = set()
        self.again: set[str] = set()

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        if request.initial_sync:
            self.again |= self.planned & set(request.namespaces)
            self.planned |= set(request.namespaces)
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        answer = super().list_data(request)
        if request.partition.namespace in self.again and not request.cursor:
            del answer.data[:1]
        return answer


class _Remembering(Reference):
    """A connector whose partition cursors are keys into the memory of its instance."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.cursors: dict[bytes, bytes] = {}

    def partition_cursor(self, index: int, count: int) -> bytes:
        key = b"%d/%d" % (index, count)
        self.cursors[key] = super().partition_cursor(index, count)
        return key

    def list_data(self, request: ListDataRequest) -> Any:
        known = self.cursors.get(request.partition.cursor)
        if known is None:
            return self.unknown(request)
        request.partition.cursor = known
        return super().list_data(request)

    def unknown(self, request: ListDataRequest) -> Any:
        raise InvalidArgument("unknown partition")


@broken("plan/self-contained")
class PartitionsKeptInMemory(_Remembering):
    """The partition is an object in the instance, its cursor a key: after a restart nothing resumes."""


@broken("plan/self-contained")
class UnknownPartitionIsEmpty(_Remembering):
    """A partition that the instance does not know counts as finished: its documents are silently lost."""

    def unknown(self, request: ListDataRequest) -> Any:
        return REFERENCE.ListDataResponse()


class _Refusing(Reference):
    """A connector that refuses a namespace without documents."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        for namespace in requested:
            if namespace not in self.store.namespaces():
                raise self.refusal(namespace)
        return super().planned_namespaces(requested)

    def refusal(self, namespace: str) -> Exception:
        return NotFound(f"there is no {namespace!r}")


@broken("errors/plan-namespaces")
class UnknownNamespaceIsAKeyError(_Refusing):
    """A dict lacks the key, and nobody catches the KeyError."""

    def refusal(self, namespace: str) -> Exception:
        return KeyError(namespace)


@broken("plan/unknown-namespace")
class UnknownNamespaceIsUnavailable(_Refusing):
    """Every error of the store is mapped to UNAVAILABLE, even a missing table."""

    def refusal(self, namespace: str) -> ConnectorError:
        return Unavailable(f"query failed: no such table {namespace}")
