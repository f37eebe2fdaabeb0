"""The combined outcome of a call's updates."""

from collections.abc import Iterable, Mapping, Sequence

from dsync_kit.conversion import convert
from dsync_kit.incoming import bare_document, check_same_id
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, DataType, Update
from dsync_kit.store.values import Document, Key

__all__ = ["Outcome"]


class Outcome:
    """What a call's updates make of the documents: call it with the current documents that it needs.

    Several updates of one id build on each other. The updates must have been checked (`check_update`). A store that
    applies partial updates itself finds them in `updates`, encoded as `data_type`.
    """

    def __init__(self, updates: Iterable[tuple[Key, Update]], data_type: DataType) -> None:
        self.updates: Sequence[tuple[Key, Update]] = list(updates)
        self.data_type = data_type

    @property
    def needed(self) -> Sequence[Key]:
        """The keys of the documents that must be looked up because partial updates change them."""
        return [key for key, update in self.updates if update.type == UPDATE_TYPE_PARTIAL_UPDATE]

    def __call__(self, current: Mapping[Key, Document]) -> dict[Key, Document | None]:
        """Each document after the updates, or None if it is deleted, by its key.

        Raises InvalidArgument for a partial update that is malformed, changes the id, or names a nested field.
        """
        known: dict[Key, bytes | None] = {
            key: convert(document.data, document.data_type, self.data_type) for key, document in current.items()
        }
        changed: dict[Key, Document | None] = {}
        for key, update in self.updates:
            data = known[key] = self._applied(update, key, known.get(key))
            changed.pop(key, None)  # the order is that of the last updates: see `Sink.write`
            changed[key] = None if data is None else Document(data, self.data_type)
        return changed

    def _applied(self, update: Update, key: Key, current: bytes | None) -> bytes | None:
        if update.type == UPDATE_TYPE_DELETE:
            return None
        if update.type != UPDATE_TYPE_PARTIAL_UPDATE:
            return update.data
        # A partial update of a missing document creates one from the id and the changed fields.
        base = bare_document(key.part, self.data_type) if current is None else current
        document = apply_partial_update(base, update.data, update.partial_update_unset, self.data_type)
        check_same_id(key.part, document, self.data_type)
        return document
