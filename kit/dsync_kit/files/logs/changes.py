"""The changes of one call, checked as a whole before anything is written."""

from collections.abc import Callable, Sequence

from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.lines import (
    Line,
    Lines,
    delete_line,
    digest_of,
    document_line,
    document_lines,
    document_of,
)
from dsync_kit.incoming import bare_document, check_same_id, check_update
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, BsonValue, DataType, Update

__all__ = ["Documents", "Updates"]

Current = Callable[[Sequence[bytes]], dict[bytes, Line]]


class Documents:
    """A page of documents, of `size` bytes. Raises InvalidArgument for one that is malformed or too large."""

    follows = False

    def __init__(self, documents: Sequence[bytes], data_type: DataType, largest: int) -> None:
        try:
            self._lines = document_lines(documents, data_type)
            self.size = self._lines.size
            if self.size > largest:
                _check_size(max(map(len, self._lines.texts.values())), largest)
        except InvalidArgument:
            _find_fault(documents, data_type, largest)
            raise

    def lines(self, current: Current) -> Lines:
        return self._lines


class Updates:
    """Updates in their order, of about `size` bytes. Raises InvalidArgument for one that is malformed or too large."""

    def __init__(self, updates: Sequence[Update], data_type: DataType, largest: int) -> None:
        self._data_type = data_type
        self._largest = largest
        self._updates: list[tuple[bytes, BsonValue, Update, Line | None]] = []
        try:
            for update in updates:
                self._updates.append(self._checked(update))
        except InvalidArgument as error:
            raise _named(error, "update", len(self._updates) + 1, len(updates)) from error
        self.size = sum(len(line.text) if line else len(update.data) for _, _, update, line in self._updates)
        # The document of a partial update is to be found first.
        self.follows = any(line is None for _, _, _, line in self._updates)

    def lines(self, current: Current) -> Lines:
        known = current(list({digest for digest, _, _, line in self._updates if line is None}))
        for number, (digest, part, update, line) in enumerate(self._updates, 1):
            if line is None:
                try:
                    line = self._merged(part, update, known.get(digest))
                except InvalidArgument as error:
                    raise _named(error, "update", number, len(self._updates)) from error
            known[digest] = line
        lines = Lines()
        for digest, *_ in self._updates:
            lines.add(known[digest])
        return lines

    def _checked(self, update: Update) -> tuple[bytes, BsonValue, Update, Line | None]:
        """An update with its id, and its line, which a partial update gets only when it is applied."""
        part = check_update(update, self._data_type)
        line = None
        if update.type == UPDATE_TYPE_DELETE:
            line = delete_line(part, self._data_type)
        elif update.type != UPDATE_TYPE_PARTIAL_UPDATE:
            line = _checked(update.data, self._data_type, self._largest)
        else:
            bare = bare_document(part, self._data_type)  # applied to an empty document, to see if it can be applied
            apply_partial_update(bare, update.data, update.partial_update_unset, self._data_type)
        return digest_of(part, self._data_type), part, update, line

    def _merged(self, part: BsonValue, update: Update, known: Line | None) -> Line:
        """The document after a partial update; a missing document is made."""
        data_type = self._data_type
        there = known is not None and not known.deleted
        document = document_of(known.text, data_type) if there and known else bare_document(part, data_type)
        document = apply_partial_update(document, update.data, update.partial_update_unset, data_type)
        check_same_id(part, document, data_type)
        return _checked(document, data_type, self._largest)


def _checked(document: bytes, data_type: DataType, largest: int) -> Line:
    line = document_line(document, data_type)
    _check_size(len(line.text), largest)
    return line


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        raise InvalidArgument(
            f"the document has {size} bytes as it is stored, more than the {largest} of --max-document-bytes"
        )


def _find_fault(documents: Sequence[bytes], data_type: DataType, largest: int) -> None:
    """Raises InvalidArgument for the first document that is malformed or too large, saying which it is."""
    for number, document in enumerate(documents, 1):
        try:
            _checked(document, data_type, largest)
        except InvalidArgument as error:
            raise _named(error, "document", number, len(documents)) from error


def _named(error: InvalidArgument, what: str, number: int, count: int) -> InvalidArgument:
    """The error, with the part of the call that is at fault."""
    return InvalidArgument(f"{what} {number} of {count}: {error.message}")
