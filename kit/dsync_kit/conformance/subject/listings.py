"""What namespaces were last listed with, until something is written to them."""

from collections import Counter

from google.protobuf.message import Message

from dsync_kit.protocol import DataType, WriteDataRequest, WriteUpdatesRequest

__all__ = ["Listings"]


class Listings:
    """The last whole listing of each namespace and type. It is current as long as nothing was written since it began.

    Only what is written by the kit counts: a namespace whose documents change by themselves is not known any better
    when it is listed again.
    """

    def __init__(self) -> None:
        self._writes: Counter[str] = Counter()
        self._listed: dict[tuple[str, DataType], tuple[int, list[bytes]]] = {}

    def wrote(self, request: Message) -> None:
        """Note that a write was sent, or answered."""
        if isinstance(request, WriteDataRequest | WriteUpdatesRequest):
            self.wrote_to(request.namespace)

    def wrote_to(self, namespace: str) -> None:
        """Note that something was written to a namespace."""
        self._writes[namespace] += 1

    def writes(self, namespace: str) -> int:
        """A number that grows with each write."""
        return self._writes[namespace]

    def listed(self, namespace: str, data_type: DataType, documents: list[bytes], *, since: int) -> None:
        """Keep a listing. `since` is the number that `writes` returned before the listing began."""
        self._listed[namespace, data_type] = since, documents

    def current(self, namespace: str, data_type: DataType) -> list[bytes] | None:
        """The last listing, or None if something was written since it began."""
        since, documents = self._listed.get((namespace, data_type), (-1, []))
        return documents if since == self._writes[namespace] else None
