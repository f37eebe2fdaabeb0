"""`dsync-kit schema`: finds out, as `verify` does, which documents a connector's namespaces accept, and prints it."""

import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.bounds.interruption import heed, interrupt_on
from dsync_kit.cli.exit_codes import ExitCode
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.schema_file import printed
from dsync_kit.conformance.subject.clearing import clear
from dsync_kit.conformance.subject.holds.declared_schemas import declared_documents
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.errors import UsageError
from dsync_kit.targets.resolving import resolve

__all__ = ["Asked", "schema"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for. `output` is a folder for one file per namespace; with None, the only one is printed."""

    target: str
    options: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    documents: Sequence[str] = ()
    output: Path | None = None
    insecure: bool = False


def schema(asked: Asked) -> int:
    """Print or save the schemas; returns the exit code. Raises UsageError, TargetError, and OSError for the files."""
    interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    documents = declared_documents(asked.documents)
    with resolve(asked.target, asked.options, insecure=asked.insecure).open() as opened:
        offered = asked.namespaces or (opened.harness.namespaces if opened.harness else ())
        if asked.output is None and len(offered) > 1:
            raise UsageError(_several(offered))  # before anything is written there
        subject = Subject.of(opened, asked.namespaces, documents)
        heed()
        found = dict(_schemas(subject))
        for note in subject.notes:
            print(note, file=sys.stderr)
        clear(subject)
    if not found:
        why = "its namespaces accept documents with any fields" if subject.found.makes_namespaces else "see above"
        print(f"no schema was found: {why}", file=sys.stderr)
        return ExitCode.NOT_JUDGED
    if asked.output is not None:
        asked.output.mkdir(parents=True, exist_ok=True)
        for namespace, one in found.items():
            path = asked.output / f"{namespace}.json"
            path.write_text(printed(one), encoding="utf-8")
            print(f"--documents {namespace}={path}")
        return ExitCode.OK
    if len(found) > 1:
        raise UsageError(_several(found))
    print(printed(next(iter(found.values()))), end="")
    return ExitCode.OK


def _several(namespaces: Collection[str]) -> str:
    names = ", ".join(namespaces)
    advice = "name one with --namespace, or a folder with --output"
    return f"{len(namespaces)} namespaces may each have a schema ({names}): {advice}"


def _schemas(subject: Subject) -> Iterator[tuple[str, DocumentSchema]]:
    """The schema of each namespace that has one: for the first data type, as the other one's differs little."""
    for family in subject.families:
        holdings = (family.holding(data_type) for data_type in (subject.declared.types or subject.declared.sink_types))
        filling = next((holding for holding in holdings if isinstance(holding, Filling)), None)
        if filling is not None:
            yield from ((name, filling.schema) for name in family.names)
