"""Reads what namespaces hold from `--documents [NAMESPACE=]FILE` or `documents` in conformance.py."""

from collections.abc import Sequence
from pathlib import Path

from dsync_kit.conformance.documents.schema.schema_file import SchemaFile, load, parse
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE
from dsync_kit.errors import UsageError
from dsync_kit.testing.harness import Harness

__all__ = ["declared_documents", "documents_of"]


def declared_documents(
    words: Sequence[str], folder: Path = Path(), *, option: str = "--documents"
) -> dict[str, SchemaFile]:
    """The schemas by namespace, as they were given by an option; paths of files are relative to `folder`.

    Raises UsageError for a file that is not a schema, and for a namespace that is named twice.
    """
    found: dict[str, SchemaFile] = {}
    for word in words:
        namespace, equals, file = word.partition("=")
        if not equals:
            namespace, file = EVERY_NAMESPACE, word
        if not namespace or not file:
            raise UsageError(f"{option} {word}: expected NAMESPACE=FILE, or FILE alone for all namespaces")
        if namespace in found:
            where = "all namespaces" if namespace == EVERY_NAMESPACE else namespace
            raise UsageError(f"{option}: {where} has two files: expected one")
        found[namespace] = load(folder / file)
    return found


def documents_of(harness: Harness | None) -> dict[str, SchemaFile]:
    """What a harness declares that its namespaces hold. Raises UsageError for something that is not a schema."""
    given = harness.documents if harness is not None else {}
    return {name: parse(schema, origin=f"documents[{name!r}] of conformance.py") for name, schema in given.items()}
