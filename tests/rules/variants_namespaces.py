"""Unusual namespaces: made beforehand, refused, or gone with their last document."""

from collections.abc import Sequence
from typing import Any

from dsync_kit.errors import InvalidArgument, NotFound
from dsync_kit.protocol import (
    BsonValue,
    DataType,
    ListDataRequest,
    ListDataResponse,
)

from .altering import fill
from .fault import REFERENCE, STORE, Variant, unusual_in
from .variants_documents import NoNulls, TextsOnly
from .variants_info import SinkOnly

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector
GIVEN = ("given.a", "given.b", "given.c")


class _Unknown(Reference):
    """A connector whose plans and counts of unknown namespaces are NOT_FOUND."""

    def known(self, namespace: str) -> None:
        if namespace not in self.store.namespaces():
            raise NotFound(f"there is no {namespace!r}")

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        for namespace in requested:
            self.known(namespace)
        return super().planned_namespaces(requested)

    def count(self, namespace: str) -> int:
        self.known(namespace)
        return super().count(namespace)


@unusual()
class UnknownIsNotFound(_Unknown):
    """A namespace that nobody has written to is NOT_FOUND, for plans, listings and counts."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        with self.store.reading():
            self.known(request.partition.namespace)
        return super().list_data(request)


class _Made(Reference):
    """A connector whose namespaces somebody else creates."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        if namespace not in self.made():
            raise self.refusal(namespace)

    def made(self) -> Sequence[str]:
        return GIVEN

    def refusal(self, namespace: str) -> Exception:
        return NotFound(f"there is no table {namespace!r}")


@unusual(namespaces=GIVEN)
class MadeBeforehand(_Made):
    """Namespaces must exist before anything is written; missing ones are NOT_FOUND."""


@unusual(namespaces=GIVEN)
class MadeBeforehandWithoutNulls(NoNulls, _Made):
    """Namespaces that take documents with any fields, if none of them is null."""


@unusual(namespaces=GIVEN)
class MadeBeforehandTextsOnly(TextsOnly, _Made):
    """Namespaces for hashes of texts."""


@unusual(namespaces=GIVEN)
class SinkMadeBeforehand(SinkOnly, _Made):
    """Only a sink, whose tables somebody else creates, with whole numbers as keys."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        if part.type not in (16, 18):
            raise InvalidArgument(f"ids of BSON type {part.type} are not supported")
        return super().position(part, data_type)


@unusual(namespaces=GIVEN[:1])
class OneNamespaceGiven(_Made):
    """There is one namespace, and others are INVALID_ARGUMENT."""

    def made(self) -> Sequence[str]:
        return GIVEN[:1]

    def refusal(self, namespace: str) -> Exception:
        return InvalidArgument(f"the only table is {GIVEN[0]!r}")


class NoneGiven(_Made):
    """Namespaces must exist beforehand, and none was named to the kit, so it can't judge much."""


@unusual(namespaces=GIVEN)
class FullBeforehand(_Made):
    """Namespaces that exist beforehand, with somebody else's documents in them."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store or STORE.Store())
        if not self.store.end:
            for namespace in GIVEN:
                fill(self, namespace, 130)


@unusual()
class StrictNames(Reference):
    """Names have letters, digits, `_`, `-` and dots, at most 200; others are refused."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        plain = namespace.replace("_", "a").replace("-", "a").replace(".", "a")
        if len(namespace) > 200 or not (plain.isascii() and plain.isalnum()):
            raise InvalidArgument(f"{namespace[:80]!r} is no name of a table")


@unusual()
class NoDots(Reference):
    """A name is one word: dots are refused."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        if not namespace.isalnum():
            raise InvalidArgument(f"{namespace[:80]!r} is no name of a table")


@unusual()
class EmptyIsGone(Reference):
    """A namespace vanishes with its last document."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        return list(requested) or [name for name in self.store.namespaces() if self.store.count(name)]


@unusual()
class GoneWithItsLastDocument(_Unknown, EmptyIsGone):
    """The same, and a plan or a count of a vanished namespace is NOT_FOUND."""

    def known(self, namespace: str) -> None:
        if not self.store.count(namespace):
            raise NotFound(f"there is no {namespace!r}")
