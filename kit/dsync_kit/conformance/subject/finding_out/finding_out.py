"""Finds out what GetInfo does not report: which namespaces, documents and ids a store accepts, and whether it streams.

It writes a few documents, and deletes them again.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress

from grpc import StatusCode

from dsync_kit.conformance.documents.identifiers import NUMBERED_KINDS, numbered_ids, sample_id
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.strategies import ID_KINDS, NARROWER, make_document
from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.conformance.results.features import Features, name_features
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.subject.data import DECLINING_CODES, REFUSING_CODES
from dsync_kit.conformance.subject.finding_out.samples import Access, Samples
from dsync_kit.conformance.subject.found import FirstPlan, Found
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE, Family, Schemas, families
from dsync_kit.conformance.subject.holds.finding import FoundSchemas, find
from dsync_kit.conformance.subject.holds.values import refused_values
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType
from dsync_kit.protocol.names import type_name

__all__ = ["find_out"]

_EXAMPLES = 3
_DECLARE = "declare what it holds with --documents"
_ANOTHER = "name one to which nobody else writes"
_CREATE = "create it beforehand, or correct its name"
_NAME_ONE = "name one with --namespace, or as `namespaces` in conformance.py"
_ANY_FIELDS: tuple[dict[str, object], ...] = ({"kit_a": "5", "kit_b": "text"}, {"kit_a": 5})
"""Fields that no table has: texts, since a store may hold nothing else, and a number."""


def find_out(access: Access, schemas: Mapping[str, Schemas]) -> Found:
    """Try what the connector accepts. Documents that are not deleted at once are remembered, to be removed later.

    `schemas` are the declared ones. Raises UsageError for one that no document fits, but nothing for faults of the
    connector: the rules will meet them again.
    """
    trying = _Trying(access, schemas)
    first_plan = trying.first_plan()
    if access.declared.written_types:
        trying.find_out_documents()
    plans_updates = trying.plans_updates() if access.declared.is_source else False
    return Found(
        trying.makes_namespaces,
        trying.id_kinds,
        trying.families,
        plans_updates,
        copies_only=trying.samples.copies_only,
        deletes=trying.samples.deletes,
        vain_deletes=trying.samples.vain,
        unknown=trying.unknown,
        accepts=trying.accepts,
        misread=trying.samples.misread,
        refuses=trying.refuses,
        first_plan=first_plan,
        refuses_ids=trying.refuses_ids,
        shows=plans_updates is not False or not trying.is_hidden(),
        notes=(*trying.notes, *filter(None, (trying.held, trying.lag))),
    )


class _Trying:
    """What was found out so far."""

    def __init__(self, access: Access, schemas: Mapping[str, Schemas]) -> None:
        self._declared = access.declared
        self._data = access.data
        self._namespaces = access.namespaces
        self._driver = access.driver
        self._liveness = access.liveness
        self._remembered = access.remembered
        self._settling = access.settling
        self._schemas = dict(schemas)
        self.samples = Samples(access)
        self.makes_namespaces = True
        self.accepts = True
        self.refuses: Features = ()
        self.refuses_ids = False
        self._closed: set[str] = set()
        self._taken: dict[str, Taken] = {}
        self.id_kinds = {kind: _kinds_of_ids(kind) for kind in access.declared.written_types}
        self.notes: list[str] = []
        self._held: list[str] = []
        self.unknown: dict[str, str] = {}
        self.families = self._families()
        for family in self.families:
            for data_type in access.declared.written_types:
                family.holding(data_type)  # a schema that no document fits is the user's mistake

    def first_plan(self) -> FirstPlan | None:
        """Plan the updates of a namespace before anything is written: the log of changes may not exist yet."""
        if not (self._declared.is_source and self._declared.written_types):
            return None
        name = next(iter(self._namespaces.offered), "") or self._namespaces.fresh()
        with suppress(ConnectorError):  # an unknown namespace may be refused
            for partition in self._driver.plan([name], initial_sync=False, updates=True).updates_partitions:
                return FirstPlan(name, partition.cursor)
        return None

    def find_out_documents(self) -> None:
        """Find out where documents can be written, and which documents."""
        # If all offered namespaces have a schema, the connector is meant for these.
        self.makes_namespaces = not self._schemas or EVERY_NAMESPACE in self._schemas
        if self.makes_namespaces:
            self._try_namespaces()
        if not self.makes_namespaces:
            self._note_existing_ids()
            self._find_out_offered()
        if not self._schemas and self.accepts:
            self._try_ids()
        if not self._schemas and self.accepts and self._declared.is_sink:
            self._try_values()
        if not self.samples.written:
            self._try_sample()

    def _note_existing_ids(self) -> None:
        """Note the ids that documents of the offered namespaces have, before anything is written there."""
        if not self._declared.can_read:
            return
        types = self._declared.source_types if self._declared.is_source else self._declared.types
        for name in self._namespaces.offered:
            for data_type in types:  # an id may look different in each
                with suppress(ConnectorError, Violation):  # the rules will meet it again
                    listed = self._data.read(name, data_type, driver=self._driver)
                    self._taken[name] = self._taken.get(name, NOTHING) | Taken.of(listed, data_type)
        self.families = self._families()

    @property
    def lag(self) -> str:
        """A note about reads that lag behind writes; empty if they do not."""
        seconds = self._settling.seconds
        if not seconds:
            return ""
        about = math.ceil(2 * seconds) / 2  # several processes find out nearly the same
        return f"its reads lag behind its writes: the kit waits for them, up to {about} s (--settle)"

    def _try_sample(self) -> None:
        """Write a document to a namespace with a declared schema, to find out if it is listed and can be deleted."""
        family = next((family for family in self.families if family.names), None)
        if family is None:
            return
        name, data_type = family.names[0], self._declared.written_types[0]
        holding = family.holding(data_type)
        with suppress(ConnectorError, Violation, Inapplicable):
            self.samples.write(name, data_type, holding.document(holding.sample_id(), {}))

    def _try_namespaces(self) -> None:
        """Find out whether writing creates a namespace."""
        refusal = ""
        kinds = [(data_type, kind) for data_type in self._declared.written_types for kind in ID_KINDS[data_type]]
        for _ in self._namespaces.styles():
            # The refusal may be about the id: a store may accept only one kind.
            for data_type, kind in kinds:
                name = self._namespaces.fresh()
                try:
                    self.samples.write(name, data_type, self._sample(data_type, kind))
                except ConnectorError as error:
                    if error.retryable or error.code is StatusCode.UNIMPLEMENTED:
                        return  # the rules will meet this fault again
                    if error.code not in DECLINING_CODES:
                        self._fails_in_a_namespace_that_is_missing(error)
                        return
                    refusal = refusal or str(error)
                else:
                    self._watch_again(name, data_type, kind)
                    self._try_fields(data_type, kind)
                    return
        self.makes_namespaces = False
        if self._namespaces.offered:
            self.notes.append(f"it does not create namespaces ({refusal}): the kit writes to the given ones")
        else:
            self.notes.append(f"it accepts only namespaces that already exist ({refusal}): {self._advice()}")

    def _watch_again(self, name: str, data_type: DataType, kind: str) -> None:
        """Write another document to a namespace that was listed: this time, the listing may come from a cache."""
        if EVERY_NAMESPACE in self._schemas:
            holding = self.families[-1].holding(data_type)
            document = holding.document(holding.counted_ids()(1), {})
        elif kind in NUMBERED_KINDS:
            document = make_document(numbered_ids(kind, "again", 1)(1), {}, data_type)
        else:
            return
        with suppress(ConnectorError):  # the rules will meet it again
            self.samples.write(name, data_type, document)

    def _try_fields(self, data_type: DataType, kind: str) -> None:
        """Find out what new namespaces hold, if they refuse fields of any name."""
        if self._schemas or not self._declared.is_sink:
            return
        refusal = ""
        for fields in _ANY_FIELDS:
            try:
                document = make_document(sample_id(kind), fields, data_type)
                self.samples.write(self._namespaces.fresh(), data_type, document)
            except ConnectorError as error:
                if error.code not in REFUSING_CODES:
                    return  # the rules will meet this fault again
                refusal = str(error)
            else:
                return
        if self._namespaces.offered:
            self.makes_namespaces = False
            self.notes.append(f"new namespaces refuse unknown fields ({refusal}): the kit writes to the given ones")
        else:
            self._find_schema(self._namespaces.fresh(), EVERY_NAMESPACE)

    def _advice(self) -> str:
        """How to give a namespace, with examples from the default plan."""
        names = self._namespaces.existing(self._driver)[:_EXAMPLES]
        options = " ".join(f"--namespace {shlex.quote(name)}" for name in names)
        return f"{_NAME_ONE}; its plan has {', '.join(names)}; try {options}" if names else _NAME_ONE

    def _fails_in_a_namespace_that_is_missing(self, error: ConnectorError) -> None:
        """Keep to the given namespaces if there are some, and say what else may be missing.

        A connector for tables that were made beforehand often forgets the table that nobody made.
        """
        fails = f"a write to a namespace that does not exist fails ({error})"
        if self._namespaces.offered:
            self.makes_namespaces = False
            self.notes.append(f"{fails}: the kit writes to the given ones; NOT_FOUND is expected")
        else:
            self.notes.append(f"{fails}: if namespaces must be made beforehand, answer NOT_FOUND, and {self._advice()}")

    def _try_ids(self) -> None:
        """Find out which kinds of ids the store supports: it may refuse some, but never drop documents."""
        taken = Taken.union(self._taken.values())
        for data_type in self._declared.written_types:
            kinds: list[str] = []
            refused: list[str] = []
            for kind in ID_KINDS[data_type]:
                if not NARROWER.get(kind, frozenset()).isdisjoint(kinds):
                    continue
                if not (free := taken.free_ids(kind)):
                    continue  # there is none to be drawn either
                try:
                    for value in free:
                        self.samples.write(self._namespace(), data_type, make_document(value, {}, data_type))
                except Inapplicable:
                    return
                except ConnectorError as error:
                    if error.code in DECLINING_CODES:
                        refused.append(kind)
                        continue
                    if error.retryable and not self._liveness.answers():
                        return
                kinds.append(kind)
            self.id_kinds[data_type] = tuple(kinds) or _kinds_of_ids(data_type)
            self.families = self._families()
            if refused and kinds:
                self.refuses_ids = True
                self.notes.append(f"{type_name(data_type)}: it refuses these kinds of ids: {', '.join(refused)}")

    def _try_values(self) -> None:
        """Find out which optional values the store refuses."""
        taken = Taken.union(self._taken.values())
        for data_type in self._declared.written_types:
            identifiers = [value for kind in self.id_kinds[data_type] for value in taken.free_ids(kind)]
            if not identifiers:
                continue

            def takes(document: bytes, data_type: DataType = data_type) -> bool:
                try:
                    self.samples.write(self._namespace(), data_type, document)
                except ConnectorError as error:
                    if error.code not in REFUSING_CODES:
                        raise
                    return False
                return True

            for deep in (False, True):
                with suppress(ConnectorError, Inapplicable):  # a fault that the rules will meet again
                    refused = refused_values(takes, identifiers[0], data_type, deep=deep)
                    if refused:
                        self.notes.append(f"{type_name(data_type)}: it refuses {name_features(refused)}")
                    self.refuses = tuple(dict.fromkeys((*self.refuses, *refused)))
        self.families = tuple(family.apart(self.refuses) for family in self.families)

    def _find_out_offered(self) -> None:
        """Find out what offered namespaces hold if nobody has declared it."""
        if not self._declared.is_sink or EVERY_NAMESPACE in self._schemas:
            return
        for name in self._namespaces.offered:
            if name not in self._schemas and not self._find_schema(name):
                return
        # Namespaces with unknown schemas are left out, the others are judged.
        self.accepts = not self._closed or not self._closed.issuperset(self._namespaces.offered)
        self.families = self._families()

    @property
    def held(self) -> str:
        """A note about the schemas that were found out; empty if none was."""
        which = "their schema" if len(self._held) == 1 else "their schemas"
        return f"{'; '.join(self._held)}: `dsync-kit schema` prints {which}, for --documents" if self._held else ""

    def _find_schema(self, name: str, names: str = "") -> bool:
        """Find out what one namespace holds; returns whether the connector can be asked about the next one.

        `names` stands for the namespaces that hold the same, if it is not the only one.
        """
        names = names or name
        shown = "a new namespace" if names == EVERY_NAMESPACE else names
        found: dict[DataType, DocumentSchema] = {}
        for data_type in self._declared.written_types:
            try:
                finding = find(self.samples.probed(name, data_type), data_type)
            except (ConnectorError, Violation):
                return False  # the rules will meet it again
            if finding.schema is None:
                advice = _CREATE if finding.missing else _ANOTHER if finding.live else _DECLARE
                self.notes += [f"{shown}: {note}; {advice}" for note in finding.notes]
                self.unknown[names] = finding.notes[-1]
                self._closed.add(names)
                if finding.suggested is not None:
                    self._schemas[names] = FoundSchemas(dict.fromkeys(self._declared.written_types, finding.suggested))
                return True
            if finding.schema.free:
                return True
            found[data_type] = finding.schema
            count = len(finding.schema.fields) + len(finding.schema.repeats)
            written = f"{finding.calls} written documents"
            if len(self._declared.written_types) > 1:
                written += f" of the type {type_name(data_type)}"
            fields = f"{count} field{'s' * (count != 1)}"
            self._held.append(f"{shown} holds documents with {fields}, as {written} have shown")
            self.notes += [f"{shown}: {note}" for note in finding.notes]
        self._schemas[names] = FoundSchemas(found)
        return True

    def _families(self) -> tuple[Family, ...]:
        names = [name for name in self._namespaces.offered if not self.accepts or name not in self._closed]
        return families(names, self._schemas, self.id_kinds, self._taken)

    def plans_updates(self) -> bool | None:
        """Whether a plan has updates; None if GeneratePlan fails, so that it remains unknown."""
        loads = self._declared.loads and self.makes_namespaces and self.accepts
        namespaces = [self._namespaces.fresh()] if loads else list(self._namespaces.existing(self._driver)[:1])
        if loads:
            data_type = self._declared.types[0]
            holding = self.families[-1].holding(data_type)
            document = holding.document(holding.sample_id(), {})
            # The plan shows it, even if the namespace is empty.
            with suppress(ConnectorError):
                self._data.load(namespaces[0], [document], data_type, driver=self._driver)
                self._remembered.keep(namespaces[0], data_type, [document])
        found = [self._plan_has_updates(namespaces, initial_sync=False)]
        if not found[0]:
            found.append(self._plan_has_updates(namespaces, initial_sync=True))
        return True if True in found else None if None in found else False

    def _namespace(self) -> str:
        """A namespace for one document. Raises Inapplicable if there is none."""
        if self.makes_namespaces:
            return self._namespaces.fresh()
        if self._namespaces.offered:
            return self._namespaces.offered[0]
        raise Inapplicable(f"it accepts only namespaces that already exist: {_NAME_ONE}")

    def _sample(self, data_type: DataType, kind: str) -> bytes:
        """A document with an id of this kind, which fits the schema if there is one."""
        if EVERY_NAMESPACE not in self._schemas:
            return make_document(sample_id(kind), {}, data_type)
        holding = self.families[-1].holding(data_type)
        return holding.document(holding.sample_id(), {})

    def is_hidden(self) -> bool:
        """Whether, after an unlisted first document, nothing of several pages with ids of all kinds is listed."""
        if not self.samples.unseen or not self.makes_namespaces:
            return False
        name, data_type = self._namespaces.fresh(), self._declared.types[0]
        holding = self.families[-1].holding(data_type)
        number = holding.numbered("hidden", 21)
        numbered = [holding.document(number(place), {}) for place in range(21)]
        samples = [holding.document(sample_id(kind), {}) for kind in holding.kinds]
        try:
            for page in (samples, numbered[:20], numbered[20:]):
                self._data.load(name, page, data_type, driver=self._driver)
                self._remembered.keep(name, data_type, page)
            return not self._data.read(name, data_type, driver=self._driver)
        except (ConnectorError, Violation):
            return False  # the rules will meet it again

    def _plan_has_updates(self, namespaces: Sequence[str], *, initial_sync: bool) -> bool | None:
        try:
            return bool(self._driver.plan(namespaces, initial_sync=initial_sync, updates=True).updates_partitions)
        except ConnectorError as error:
            return False if error.code in DECLINING_CODES else None


def _kinds_of_ids(data_type: DataType) -> tuple[str, ...]:
    return tuple(kind for kind in ID_KINDS[data_type] if kind not in NARROWER)
