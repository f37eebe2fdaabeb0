"""Finds out what GetInfo does not say: which namespaces and ids a store takes, and whether updates are streamed.

A few documents are written, and deleted again.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.documents.identifiers import sample_id, telling_ids
from dsync_kit.conformance.documents.strategies import ID_KINDS, NARROWER, make_document
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.subject.data import REFUSALS, Data
from dsync_kit.conformance.subject.declared import Declared
from dsync_kit.conformance.subject.found import Found
from dsync_kit.conformance.subject.liveness import Liveness
from dsync_kit.conformance.subject.namespaces import Namespaces
from dsync_kit.conformance.subject.remembered import Remembered
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_DELETE, DataType, Update
from dsync_kit.protocol.names import type_name

__all__ = ["find_out"]


def find_out(
    declared: Declared,
    data: Data,
    namespaces: Namespaces,
    driver: Driver,
    liveness: Liveness,
    remembered: Remembered,
) -> Found:
    """Try what the connector takes; what is written and not deleted at once is remembered, to be removed.

    Never raises for what the connector does: the rules meet it again.
    """
    trying = _Trying(declared, data, namespaces, driver, liveness, remembered)
    if declared.written_types:
        trying.namespaces_are_made()
        trying.ids_are_taken()
    streams = declared.is_source and trying.updates_are_planned()
    return Found(trying.makes_namespaces, trying.id_kinds, streams, tuple(trying.notes))


class _Trying:
    """What was found out so far."""

    def __init__(
        self,
        declared: Declared,
        data: Data,
        namespaces: Namespaces,
        driver: Driver,
        liveness: Liveness,
        remembered: Remembered,
    ) -> None:
        self._declared = declared
        self._data = data
        self._namespaces = namespaces
        self._driver = driver
        self._liveness = liveness
        self._remembered = remembered
        self.makes_namespaces = True
        self.id_kinds = {kind: _kinds_of_ids(kind) for kind in declared.written_types}
        self.notes: list[str] = []

    def namespaces_are_made(self) -> None:
        """Find out whether a namespace can be written to that was not made beforehand."""
        refusal = ""
        kinds = [(data_type, kind) for data_type in self._declared.written_types for kind in ID_KINDS[data_type]]
        for _ in self._namespaces.styles():
            # What is refused may be the id: a store may take those of one kind only.
            for data_type, kind in kinds:
                try:
                    self._write_sample(self._namespaces.fresh(), data_type, sample_id(kind))
                except ConnectorError as error:
                    if error.code not in REFUSALS or error.code is StatusCode.UNIMPLEMENTED:
                        return  # a fault that the rules will meet again
                    refusal = refusal or str(error)
                else:
                    return
        self.makes_namespaces = False
        if self._namespaces.offered:
            self.notes.append(f"it makes no namespaces by itself ({refusal}): the kit writes to those offered")
        else:
            self.notes.append(
                f"it takes no namespace that was not made beforehand ({refusal}): name one with --namespace"
            )

    def ids_are_taken(self) -> None:
        """Find out which kinds of ids the store holds: it may refuse some, but never drop them."""
        for data_type in self._declared.written_types:
            kinds: list[str] = []
            refused: list[str] = []
            for kind in ID_KINDS[data_type]:
                if not NARROWER.get(kind, frozenset()).isdisjoint(kinds):
                    continue
                try:
                    for value in telling_ids(kind):
                        self._write_sample(self._namespace(), data_type, value)
                except Inapplicable:
                    return
                except ConnectorError as error:
                    if error.code in REFUSALS:
                        refused.append(kind)
                        continue
                    if error.retryable and not self._liveness.answers():
                        return
                kinds.append(kind)
            self.id_kinds[data_type] = tuple(kinds) or _kinds_of_ids(data_type)
            if refused and kinds:
                self.notes.append(f"{type_name(data_type)}: it refuses ids of the kinds {', '.join(refused)}")

    def updates_are_planned(self) -> bool:
        """Whether a plan offers to stream updates."""
        loads = self._declared.loads and self.makes_namespaces
        namespaces = [self._namespaces.fresh()] if loads else list(self._namespaces.existing(self._driver)[:1])
        if loads:
            data_type = self._declared.types[0]
            document = make_document(sample_id(self.id_kinds[data_type][0]), {}, data_type)
            # The plan says so, whether or not the namespace holds anything.
            with suppress(ConnectorError):
                self._data.load(namespaces[0], [document], data_type, driver=self._driver)
                self._remembered.keep(namespaces[0], data_type, [document])
        return any(self._plans_updates(namespaces, initial_sync=initial_sync) for initial_sync in (False, True))

    def _namespace(self) -> str:
        """A namespace for one document. Raises Inapplicable where there is none."""
        if self.makes_namespaces:
            return self._namespaces.fresh()
        if self._namespaces.offered:
            return self._namespaces.offered[0]
        raise Inapplicable("it takes no namespace that was not made beforehand: name one with --namespace")

    def _write_sample(self, namespace: str, data_type: DataType, identifier: Any) -> None:
        document = make_document(identifier, {}, data_type)
        self._data.load(namespace, [document], data_type, driver=self._driver)
        if self._declared.can_change:
            removal = Update(id=id_of(document, data_type), type=UPDATE_TYPE_DELETE)
            try:
                self._data.change(namespace, [removal], data_type, driver=self._driver)
            except ConnectorError as error:
                if error.retryable:
                    raise
                return  # updates/… rules say what is wrong with it

    def _plans_updates(self, namespaces: Sequence[str], *, initial_sync: bool) -> bool:
        try:
            return bool(self._driver.plan(namespaces, initial_sync=initial_sync, updates=True).updates_partitions)
        except ConnectorError as error:
            return error.code not in REFUSALS


def _kinds_of_ids(data_type: DataType) -> tuple[str, ...]:
    return tuple(kind for kind in ID_KINDS[data_type] if kind not in NARROWER)
