"""An explorer's reads: listings, lookups and counts, alone or while others write."""

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.exploring.world import World
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import GetByIdsRequest, GetNamespaceMetadataRequest

__all__ = ["Reader"]


class Reader:
    """Reads a world's namespaces; raises Violation if the result cannot be right.

    `alone` means that nothing else is in flight. `lookups` says whether GetByIds is judged, or only called.
    """

    def __init__(self, world: World, *, lookups: bool) -> None:
        self._world = world
        self._case = world.case
        self._lookups = lookups

    def listing(self, name: str, driver: Driver, *, alone: bool) -> None:
        """List a whole namespace."""
        case, world, history = self._case, self._world, self._world.histories[name]
        case.checks += 1
        if not alone:
            since = world.since()
            found = world.keyed(case.read(name, world.data_type, driver=driver), history, since)
            history.check_listing(found, since, world.clock.now(), "a listing while others write")
            return
        world.resolve()
        model = history.model()

        def look() -> None:
            listed = case.read(name, world.data_type, expected=len(model.documents), driver=driver)
            model.check(listed, what="the listing")

        case.settled(look)

    def lookup(self, name: str, driver: Driver, *, alone: bool) -> None:
        """GetByIds of all ids, existing or not."""
        world, history = self._world, self._world.histories[name]
        asked = [id_of(world.document(index, 0), world.data_type) for index in range(len(world.values))]
        request = GetByIdsRequest(
            namespace=name, ids=[GetByIdsRequest.IdRequest(id=parts) for parts in asked], type=world.data_type
        )

        def look() -> None:
            since = world.since()
            try:
                items = driver.api.get_by_ids(request).data
            except ConnectorError as error:
                gone = error.code is StatusCode.NOT_FOUND and world.may_be_empty(name, since)
                if error.retryable or gone or not self._lookups:
                    return
                raise
            until = world.clock.now()
            for parts, item in zip(asked, items, strict=False) if self._lookups else ():
                key = key_of(parts, world.data_type)
                if key not in history.before:
                    document = self._case.as_written(item.data, world.data_type) if item.data else None
                    history.check(key, document, since, until, "GetByIds")

        self._case.checks += 1
        if alone:
            world.resolve()
            self._case.settled(look)
        else:
            look()

    def count(self, name: str, driver: Driver, *, alone: bool) -> None:
        """GetNamespaceMetadata; a count may come from statistics, so it is only judged while nothing is in flight."""
        world, history = self._world, self._world.histories[name]

        def look() -> None:
            since = world.since()
            try:
                found = driver.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=name)).count
            except ConnectorError as error:
                if error.retryable or error.code is StatusCode.UNIMPLEMENTED or world.may_be_empty(name, since):
                    return
                raise
            keys, until = history.written(), world.clock.now()
            states = [history.possible(key, since, until) for key in keys]
            others = len(history.before.keys() - set(keys))
            least = others + sum(None not in possible for possible in states)
            most = others + sum(any(state is not None for state in possible) for possible in states)
            if alone and found and not least <= found <= most:
                raise Violation(
                    f"the count of {name!r} is not its number of documents",
                    expected=f"{least}" if least == most else f"{least} to {most}",
                    seen=str(found),
                )

        self._case.checks += 1
        if alone:
            world.resolve()
            self._case.subject.counting.settled(look)
        else:
            look()
