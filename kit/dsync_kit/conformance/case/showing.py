"""Which features an example shows, and which it must not show."""

from collections.abc import Callable, Iterable, Sequence

from google.protobuf.message import Message

from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.features import Shown
from dsync_kit.protocol import DataType, Update

__all__ = ["Showing"]


class Showing:
    """The features of one example. Requests with features that it must not show are declined before they are sent."""

    def __init__(self, subject: Subject) -> None:
        self._without = (*subject.found.refuses, *subject.without)
        self._known = subject.remembered.broken
        self._ordinary = subject.namespaces.is_ordinary
        self._so_far = Shown(self._ordinary)
        self._past: list[Message] = []

    def lacks(self, kind: FeatureKind, detail: str = "") -> bool:
        """Whether the example must not show a feature, so that the rule need not draw it."""
        return Feature(kind, detail) in self._without

    @property
    def kept_plain(self) -> frozenset[FeatureKind]:
        """The features on the wire of which the example must use the plainest form."""
        return frozenset({feature.kind for feature in self._without} | self._known)

    def allowed(self, calls: Iterable[Sequence[Update]], data_type: DataType) -> list[list[Update]]:
        """Calls of updates without those that would write an id again, or twice in one call, if it must not be shown.

        An id counts as written if it was in any namespace. Calls of which nothing is left are left out.
        """
        again, together = self.lacks(FeatureKind.WRITTEN_AGAIN), self.lacks(FeatureKind.IN_ONE_CALL)
        written = set(self._so_far.written)
        kept: list[list[Update]] = []
        for updates in calls:
            in_call: set[bytes] = set()
            kept.append([])
            for update in updates:
                key = key_of(update.id, data_type)
                if (again and update.data and key in written) or (together and key in in_call):
                    continue
                kept[-1].append(update)
                in_call.add(key)
                if update.data:
                    written.add(key)
        return [call for call in kept if call]

    @property
    def check(self) -> Callable[[Message], None] | None:
        """Raises Inapplicable for a request with a feature that the example must not show; None if it may show all."""
        return self._check if self._without else None

    def goes_past(self, request: Message) -> None:
        """Note a write by the harness, as the request that it replaces. Raises Inapplicable as `check` does."""
        self._past.append(request)
        self._check(request)

    def features(self, drawn: Iterable[object], requests: Iterable[Message]) -> tuple[Feature, ...]:
        """The features that an example with these draws and requests shows."""
        shown = Shown(self._ordinary)
        for value in drawn:
            shown.drawn(value)
        for request in (*self._past, *requests):
            shown.request(request)
        return shown.features()

    def _check(self, request: Message) -> None:
        if self._without:
            self._so_far.refuse(self._without, request)
