"""The connector under test: what it declares, what was found out, what is remembered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from dsync_kit.client import ConnectorApi
from dsync_kit.conformance.calls.counting import Counting
from dsync_kit.conformance.calls.driver import Driver, Limits
from dsync_kit.conformance.calls.place import Place
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.calls.unseen import Unseen
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.subject.data import Data
from dsync_kit.conformance.subject.declared import Declared
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.finding_out import find_out
from dsync_kit.conformance.subject.finding_out.streaming_only import ONLY_STREAMS, only_streams
from dsync_kit.conformance.subject.found import Found
from dsync_kit.conformance.subject.holds.declared_schemas import documents_of
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE, Family, Schemas
from dsync_kit.conformance.subject.instances import Instances
from dsync_kit.conformance.subject.journal import Journal
from dsync_kit.conformance.subject.liveness import Liveness
from dsync_kit.conformance.subject.namespaces import Namespaces
from dsync_kit.conformance.subject.pace import Pace
from dsync_kit.conformance.subject.patience import UpdatePatience
from dsync_kit.conformance.subject.remembered import Remembered
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DataType, GetInfoRequest
from dsync_kit.targets.target import OpenTarget
from dsync_kit.usage import TargetError

__all__ = ["Subject"]


@dataclass
class Subject:
    """An answering connector, and what the rules need to know about it. `Subject.of` finds that out."""

    target: OpenTarget
    declared: Declared
    found: Found
    namespaces: Namespaces
    data: Data
    liveness: Liveness
    limits: Limits
    remembered: Remembered
    journal: Journal
    place: Place
    instances: Instances
    settling: Settling = field(default_factory=Settling)
    counting: Counting = field(default_factory=Counting)
    patience: UpdatePatience = field(default_factory=UpdatePatience)
    without: Features = ()
    """Features that no example may show."""

    @classmethod
    def of(
        cls,
        target: OpenTarget,
        namespaces: Sequence[str] = (),
        documents: Mapping[str, Schemas] | None = None,
        runs: Path | None = None,
        settle: float | None = None,
    ) -> Self:
        """Ask a connector what it is, and try what it accepts.

        `namespaces` are those that the user offers for reading and, if the connector creates none, for writing.
        `documents` declares what namespaces hold, and offers them. `runs` is the folder for the journals of used
        namespaces. Raises TargetError if GetInfo does not answer, UsageError for an invalid schema.
        """
        try:
            info = target.api.get_info(GetInfoRequest())
        except ConnectorError as error:
            raise TargetError(f"{target.title}: the first call, GetInfo, fails with {error}") from error
        declared = Declared.of(info, target.harness)
        schemas: dict[str, Schemas] = {**documents_of(target.harness), **(documents or {})}
        journal = Journal(None if _disposable(target) else runs, target.title)
        if settle is None and target.harness is not None:
            settle = target.harness.settle
        place, limits, data = Place(target.api), Limits(), Data(declared, target.harness)
        offered, unwatched = _offered(target, namespaces, schemas), Driver(place, limits)
        unseen = Unseen(lambda name, data_type: data.read(name, data_type, driver=unwatched), offered)
        settling = Settling(settle, unseen)
        looking = Recorder(place, settling)
        access = Access(
            declared=declared,
            data=data,
            namespaces=Namespaces(
                offered,
                journal,
                default_plan=info.capabilities.source.default_plan,
            ),
            driver=Driver(looking, limits),
            liveness=Liveness(place),
            remembered=Remembered(),
            settling=settling,
        )
        if only_streams(access):
            access, limits.copies = replace(access, declared=declared.without_listing()), False
        found = find_out(access, schemas)
        access.liveness.heed(looking)
        return cls(
            target=target,
            declared=_as_found(access.declared, found),
            found=found,
            namespaces=access.namespaces,
            data=access.data,
            liveness=access.liveness,
            limits=limits,
            remembered=access.remembered,
            journal=journal,
            place=place,
            instances=Instances(target, place, access.liveness, settling),
            settling=settling,
            patience=UpdatePatience(settling.seconds),
        )

    def apart(self, features: Features) -> Self:
        """The same connector for examples without these features. It forgets what it learned by waiting."""
        found = replace(
            self.found, families=tuple(family.apart((*self.found.refuses, *features)) for family in self.found.families)
        )
        return replace(
            self,
            found=found,
            remembered=self.remembered.apart(),
            limits=Limits(copies=self.limits.copies),
            patience=UpdatePatience(self.settling.seconds),
            without=features,
        )

    @property
    def api(self) -> ConnectorApi:
        """The connector's RPCs."""
        return self.place

    @property
    def driver(self) -> Driver:
        """A driver for calls outside the rules, which appear in no transcript."""
        return Driver(self.place, self.limits)

    def pace(self, seconds: float | None) -> Pace:
        """How much an explorer's example may do, if all of them may take so many seconds; None for no limit."""
        if seconds is None:
            return Pace()
        return Pace.within(seconds, call=self.place.call_seconds, outage=self.remembered.outage_seconds)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the report: what was found out, and why `sweep` could not clean up if the run were killed."""
        only_streams = (f"{ONLY_STREAMS}; run dsync with --mode CDC",) if self.declared.only_streams else ()
        return (*only_streams, *self.found.notes, *((self.journal.problem,) if self.journal.problem else ()))

    def existing(self) -> tuple[str, ...]:
        """Namespaces with data that is not the kit's: the offered ones, else those of the default plan."""
        return self.namespaces.existing(self.driver)

    @property
    def offers_own_namespaces(self) -> bool:
        """Whether each offered namespace, if any, is one that the `conformance.py` names: each scratch area has it."""
        harness = self.target.harness
        own = {*harness.namespaces, *documents_of(harness)} if harness is not None else set()
        return own.issuperset(self.namespaces.offered)

    @property
    def families(self) -> tuple[Family, ...]:
        """The offered namespaces by what they hold; if the connector creates namespaces, one family without names."""
        return self.found.families

    def family_of(self, namespace: str) -> Family | None:
        """The family of an offered namespace; None if it is not known what the namespace holds."""
        return next((family for family in self.families if namespace in family.names), None)

    @property
    def removes(self) -> bool:
        """Whether the kit's documents can be removed, and don't vanish with the harness's scratch area anyway."""
        changes = self.declared.can_change and self.found.deletes
        return changes and not self.disposable and not self.liveness.hung

    @property
    def fills_up(self) -> bool:
        """Whether what is written stays, so that each later listing takes longer."""
        return bool(self.found.keeps) and self.declared.can_read

    @property
    def shares(self) -> bool:
        """Whether all rules write to the same namespaces, so that two at the same time would disturb each other."""
        apart = self.target.harness is not None and self.offers_own_namespaces
        return bool(self.declared.written_types) and not self.found.makes_namespaces and not apart

    @property
    def disposable(self) -> bool:
        """Whether the kit's documents vanish with the harness's scratch area, so that nothing need be removed."""
        return _disposable(self.target)

    def kept(self, namespaces: Iterable[str]) -> None:
        """Note for the report if the kit's documents in these namespaces cannot be removed."""
        for namespace in namespaces if self.found.keeps and not self.disposable else ():
            self.remembered.remain(namespace, self.found.keeps)

    def note_existing(self, namespace: str) -> None:
        """Note what is already in an offered namespace: it is neither counted nor removed.

        If nothing was written since an example has listed it, that listing is still good. What the example before has
        removed may still be listed for a while.
        """
        types = self.declared.types if self.declared.can_read else ()
        # An id that was removed in one type may have another key in the other.
        removed = self.settling.removed(namespace, types[0]) if len(types) == 1 else None
        if removed is None:
            self.settling.wait()
        found: dict[bytes, bytes] = {}
        for data_type in types:
            listed: dict[bytes, bytes] = {}
            for document in self._listing(namespace, data_type):
                try:
                    listed[document_key(document, data_type)] = document
                except InvalidArgument:
                    continue  # not written by the kit, so it does not matter here
            self.settling.noted(namespace, data_type, listed)
            for key in removed or ():
                listed.pop(key, None)
            self.remembered.listed[namespace, data_type] = listed
            found |= listed
            # In one type only: a document written back in another type may change.
            self.remembered.first.setdefault(namespace, (data_type, dict(found)))
        self.remembered.foreign[namespace] = found

    def _listing(self, namespace: str, data_type: DataType) -> list[bytes]:
        current = None if self.settling.seconds else self.remembered.listings.current(namespace, data_type)
        return self.data.read(namespace, data_type, driver=self.driver) if current is None else current

    def redact(self, text: str) -> str:
        """`text` without the secrets of the connector's settings, as far as they are known here."""
        return self.target.settings.redact(text) if self.target.settings is not None else text


def _disposable(target: OpenTarget) -> bool:
    """Whether the kit's documents vanish with the harness's scratch area, so that nothing need be removed."""
    return target.harness is not None and not target.harness.namespaces


def _offered(target: OpenTarget, namespaces: Sequence[str], schemas: Iterable[str]) -> tuple[str, ...]:
    """The namespaces that the user names, or else the harness, and those with a declared schema."""
    given = namespaces or (target.harness.namespaces if target.harness else ())
    return tuple(dict.fromkeys([*given, *(name for name in schemas if name != EVERY_NAMESPACE)]))


def _as_found(declared: Declared, found: Found) -> Declared:
    """What a connector declares, less what was found out to be otherwise."""
    declared = replace(declared, accepts=found.accepts, misread=found.misread)
    return declared.without_updates() if found.copies_only else declared
