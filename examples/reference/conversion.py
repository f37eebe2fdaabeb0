"""Documents written as one type, returned as the other. Raises InvalidArgument if a value would be lost."""

from collections.abc import Iterator

from dsync_kit.conversion import convert
from dsync_kit.documents import id_of
from dsync_kit.incoming import bare_document
from dsync_kit.protocol import DataType, Update

from .store import Entry, Stored


def converted(
    documents: Iterator[tuple[bytes, Stored]], data_type: DataType, wanted: DataType
) -> Iterator[tuple[bytes, Stored]]:
    """Documents of one type, with their positions, as those of another."""
    for position, stored in documents:
        yield position, Stored(convert(stored.data, data_type, wanted), stored.created)


def converted_update(entry: Entry, wanted: DataType) -> Update:
    """An entry's update as one of another type, with the id of the converted document."""
    update = entry.update
    document = update.data or bare_document(update.id[0], entry.data_type)
    data = convert(document, entry.data_type, wanted)
    return Update(id=id_of(data, wanted), type=update.type, data=data if update.data else b"")
