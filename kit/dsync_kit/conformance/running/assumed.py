"""What namespaces hold, for reports: the assumed schema, and where it comes from."""

import json
from collections.abc import Iterator

from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.schema.schema_file import printed
from dsync_kit.conformance.results.events import AssumedSchema
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE, Family
from dsync_kit.conformance.subject.subject import Subject

__all__ = ["assumed_schemas"]

_ANY = "documents of any fields"


def assumed_schemas(subject: Subject) -> tuple[AssumedSchema, ...]:
    """What each offered namespace holds; empty if the connector creates namespaces for any documents."""
    return tuple(_assumed(subject))


def _assumed(subject: Subject) -> Iterator[AssumedSchema]:
    types = subject.declared.types or subject.declared.written_types
    for family in subject.families if types else ():
        names = family.names or (EVERY_NAMESPACE,)
        if family.schema is None:
            yield from (
                AssumedSchema(
                    name, f"unknown: {subject.found.unknown[name]}" if name in subject.found.unknown else _ANY
                )
                for name in family.names
                if not subject.found.makes_namespaces
            )
            continue
        origin, schema = _schema(family, subject)
        yield from (AssumedSchema(name, origin, schema) for name in names)


def _schema(family: Family, subject: Subject) -> tuple[str, dict[str, object]]:
    """The schema; of two data types the first one's, since the other's differs little."""
    holding = family.holding((subject.declared.types or subject.declared.written_types)[0])
    if not isinstance(holding, Filling):
        raise TypeError("a family with a schema holds documents of that schema")
    return holding.schema.origin, json.loads(printed(holding.schema))
