"""An explorer's plans, and the listings that it begins and later continues."""

import threading

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.exploring.operations import Operation
from dsync_kit.conformance.case.exploring.records import Listing, Origin, Planned
from dsync_kit.conformance.case.exploring.world import World
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.copies import held
from dsync_kit.conformance.verdicts.history import History
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import GeneratePlanResponse, ListDataRequest, Partition

__all__ = ["Copier"]

_KEPT = 4
_OF_ALL = 5
"""The choice with which a plan names no namespaces."""


class Copier:
    """Plans and lists. `plans` are the latest plans; `copied` is where the updates of completely listed plans begin."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._case = world.case
        self._listings: list[Listing] = []
        self._lock = threading.Lock()
        self.plans: list[Planned] = []
        self.copied: list[Origin] = []
        self.streaming = False
        """Whether a stream is open: then, a source with one slot refuses plans."""

    def plan(self, operation: Operation, *, alone: bool) -> None:
        """Ask for a plan of some namespaces, or of all that there are."""
        world, names = self._world, self._world.names
        if not self._case.offers(Need.MULTI_NAMESPACE_PLAN):
            names = [world.name(operation)]
        elif operation.which % 3:
            first = operation.place % len(names)
            names = [*names[first:], *names[:first]][: operation.which % len(names) + 1]
        asked = tuple(reversed(names)) if operation.turned else tuple(names)
        if alone:
            world.resolve()
        since = world.clock.now()
        holding = {name: held(world.histories[name].model()) for name in asked}
        covers = asked
        if operation.which == _OF_ALL and alone and self._case.offers(Need.DEFAULT_PLAN):
            # Those that hold nothing need not be there yet, and so need not be streamed.
            filled = tuple(name for name in world.names if world.histories[name].model().documents)
            asked, covers = ((), filled) if filled else (asked, covers)
            holding = {name: held(world.histories[name].model()) for name in covers}
        if (plan := self._planned(asked, since, world.driver(operation))) is None:
            return
        origin = None
        # While others write, nobody knows what a sink would hold at this moment: it has to copy the plan first.
        if plan.updates_partitions and alone:
            origin = Origin(plan.updates_partitions[0].cursor, asked, covers, lambda: holding, "a plan's cursor")
        self.plans = [*self.plans, Planned(tuple(plan.partitions), since, origin)][-_KEPT:]

    def copy(self, operation: Operation) -> None:
        """Plan and list, as dsync does: from there, a stream from the plan's cursor leads to the source's state."""
        world, driver = self._world, self._world.driver(operation)
        several = self._case.offers(Need.MULTI_NAMESPACE_PLAN)
        asked = tuple(world.names) if several else (world.name(operation),)
        since = world.clock.now()
        if (plan := self._planned(asked, since, driver)) is None:
            return
        copied: dict[str, dict[bytes, bytes]] = {name: {} for name in asked}
        try:
            for partition in plan.partitions:
                listed = driver.list_partition(partition, world.data_type)
                own = self._case.without_foreign(partition.namespace, listed, world.data_type)
                copied.setdefault(partition.namespace, {}).update({world.key(document): document for document in own})
        except ConnectorError as error:
            if error.retryable or any(world.may_be_empty(name, since) for name in asked):
                return
            raise
        until = world.clock.now()
        for name in asked if not world.lags else ():
            world.histories[name].check_listing(copied[name], since, until, "the listing of a plan")
        self._case.checks += 1
        if plan.updates_partitions:
            what = "the cursor of a copied plan"
            origin = Origin(plan.updates_partitions[0].cursor, asked, asked, lambda: copied, what)
            self.copied = [*self.copied, origin][-_KEPT:]

    def begin(self, operation: Operation) -> None:
        """Read the first page of a partition, of the last plan or another one."""
        if not self.plans or operation.turned:
            self.plan(operation, alone=True)
        world = self._world
        listings = [
            Listing(partition, plan.since)
            for plan in reversed(self.plans)
            for partition in plan.partitions
            if partition.namespace in world.histories
        ]
        if not listings:
            return
        chosen, fullest = divmod(operation.which, 2)
        if fullest:  # the namespace with the most pages
            names = {found.partition.namespace for found in listings}
            name = max(names, key=lambda name: (len(world.histories[name].model().documents), name))
            listings = [found for found in listings if found.partition.namespace == name]
        self._read(listings[chosen % len(listings)], operation)

    def go_on(self, operation: Operation, *, alone: bool) -> None:
        """Read the next page of a listing, however long ago the last one was read; if none is left, begin one."""
        with self._lock:
            listing = self._listings.pop(operation.which % len(self._listings)) if self._listings else None
        if listing is not None:
            self._read(listing, operation)
        elif alone:
            self.begin(operation)

    def _planned(self, asked: tuple[str, ...], since: int, driver: Driver) -> GeneratePlanResponse | None:
        """A plan, or None if a refusal is legal."""
        try:
            return driver.plan(asked, updates=self._world.streams)
        except ConnectorError:
            if self.streaming or any(self._world.may_be_empty(name, since) for name in asked or self._world.names):
                return None  # a stream holds the only slot, or a namespace vanished with its last document
            raise

    def _read(self, listing: Listing, operation: Operation) -> None:
        world, driver = self._world, self._world.driver(operation)
        name = listing.partition.namespace
        bare = Partition(namespace=name, cursor=listing.partition.cursor)
        request = ListDataRequest(partition=bare, type=world.data_type, cursor=listing.cursor)
        try:
            answer = driver.api.list_data(request)
        except ConnectorError as error:
            # dsync would start over. Another instance need not know the cursor, and a namespace may be gone.
            if error.retryable or driver is world.second or world.may_be_empty(name, listing.since):
                return
            raise
        history = world.histories[name]
        own = self._case.without_foreign(name, list(answer.data), world.data_type)
        listing.found = world.keyed([*listing.found.values(), *own], history, listing.since)
        listing.cursor, listing.pages = answer.next_cursor, listing.pages + 1
        self._case.checks += 1
        if answer.next_cursor:
            with self._lock:
                self._listings = [*self._listings, listing][-_KEPT:]
        elif not world.lags:
            self._check(listing, history)

    def _check(self, listing: Listing, history: History) -> None:
        """Judge a finished listing: it has every document of its partition that nobody touched since the plan."""
        world, until = self._world, self._world.clock.now()
        what = f"a listing of {listing.pages} pages, with other calls in between,"
        for key, document in listing.found.items():
            history.check(key, document, listing.since, until, what)
        # The connector decides which documents are in a partition: list it once more to find out.
        again = self._case.driver.list_partition(listing.partition, world.data_type)
        own = self._case.without_foreign(listing.partition.namespace, again, world.data_type)
        keys = {world.key(document) for document in own}
        history.check_listing(listing.found, listing.since, until, what, among=keys)
