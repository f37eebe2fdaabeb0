"""GetByIds: one item for each id, in the same order."""

import contextlib
from collections.abc import Sequence
from typing import Any

from bson import Int64
from hypothesis import strategies as st

from dsync_kit.conformance.calls.transcript import show_document, show_id
from dsync_kit.conformance.case.bad_input import BEST_CODE
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.keys import key_of, listed_id
from dsync_kit.conformance.documents.look_alikes import LOOK_ALIKE_IDS
from dsync_kit.conformance.documents.strategies import id_value
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.subject.data import DECLINING_CODES
from dsync_kit.conformance.verdicts.differences import change_of
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode_id, encode_id, id_field, id_of, same_document
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import BsonValue, DataType, GetByIdsRequest

__all__ = ["RULES"]

_SENTENCE = "returns one item for each id, in the same order, with empty data if the document is missing"
_NEEDS = (Need.GET_BY_IDS, Need.LOADING)

Id = Sequence[BsonValue]


@rule(
    "get-by-ids/answers",
    _SENTENCE,
    level=Level.SHOULD,
    needs=(Need.GET_BY_IDS, Need.LISTING),
    hint="GetByIds, which is declared, does not find listed documents: check how it decodes ids",
    after=("get-by-ids/look-alikes",),
)
def answers(case: Case) -> None:
    """GetByIds finds every listed document by its id, as the listing shows it."""
    namespace, data_type, expected = case.listable()
    listed = case.subject.data.read(namespace, data_type, driver=case.driver, expected=expected)[:50]
    for document in listed:
        found = b""
        for parts in _ids_of(document, data_type):
            found = found or _found(case, namespace, [parts], data_type)[0]
        _same(case, found, document, data_type)


@rule(
    "get-by-ids/order",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="items come in the store's order, missing ones are left out, or a repeated id gives only one item",
    after=("get-by-ids/answers",),
)
def order(case: Case) -> None:
    """The items are in the order of the ids, even if found, missing and repeated ids are mixed."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=6)
    there = values[: (len(values) + 1) // 2]
    documents = [case.document(value, {"n": number}, data_type) for number, value in enumerate(there)]
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    asked = case.draw(st.lists(st.sampled_from(range(len(values))), min_size=2, max_size=9), "ids asked for")
    found = _found(case, namespace, [strategies.id_value(values[index], data_type) for index in asked], data_type)
    for index, item in zip(asked, found, strict=True):
        if index < len(documents):
            _same(case, item, documents[index], data_type)
        elif key_of(strategies.id_value(values[index], data_type), data_type) not in case.foreign(namespace):
            case.check(
                not item,
                f"GetByIds returns an item for {values[index]!r}, which is missing",
                expected="empty data",
                seen=show_document(item),
            )


@rule(
    "get-by-ids/missing",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="a missing document is an error, or is left out",
    after=("get-by-ids/answers", "get-by-ids/namespace"),
    examples=0.44,
)
def missing(case: Case) -> None:
    """A missing id gives an item with empty data."""
    namespace, model = case.loaded(min_size=1, small=True)
    data_type = model.data_type
    gone = case.document(case.holding(data_type).sample_id(), {}, data_type)
    absent = id_of(gone, data_type)
    if key_of(absent, data_type) in {*model.documents, *case.foreign(namespace)}:
        raise case.decline("an id that should be missing exists")
    (found,) = _found(case, namespace, [absent], data_type)
    case.check(
        not found, "GetByIds finds a document for a missing id", expected="empty data", seen=show_document(found)
    )


@rule(
    "get-by-ids/none",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="without ids, the answer has all documents, or the query is malformed",
    after=("get-by-ids/answers",),
    examples=0.1,
)
def none(case: Case) -> None:
    """A request without ids gives no items."""
    namespace, model = case.loaded(min_size=1, small=True)
    _found(case, namespace, [], model.data_type)


@rule(
    "get-by-ids/current",
    _SENTENCE,
    level=Level.SHOULD,
    needs=(*_NEEDS, Need.CHANGING),
    hint="the answer is an old state from a cache",
    after=(
        "get-by-ids/answers",
        "updates/model",
        "write/read-back",
    ),
    examples=0.5,
)
def current(case: Case) -> None:
    """GetByIds returns the current state after overwrites and deletes."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=4)
    model = Model(data_type, [case.document(value, {"n": 0}, data_type) for value in values])
    namespace = case.namespace()
    case.write(namespace, list(model.documents.values()), data_type)
    asked = [strategies.id_value(value, data_type) for value in values]
    _found(case, namespace, asked, data_type)
    for call in case.histories(values, data_type, label="updates", max_calls=2):
        case.update(namespace, call, data_type)
        model.apply(call)
    for item, parts in zip(_found(case, namespace, asked, data_type), asked, strict=True):
        _same(case, item, _in(model, parts), data_type)


@rule(
    "get-by-ids/look-alikes",
    "A number and a text never name the same document, nor do a date and an integer.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="ids are compared as text",
    after=("write/id-kinds", "write/similar-ids"),
    examples=0.44,
)
def look_alikes(case: Case) -> None:
    """Each of several similar ids finds its own document, and a missing one finds none."""
    data_type = case.data_type()
    drawn = case.look_alikes(LOOK_ALIKE_IDS, data_type)
    if not drawn:
        raise case.decline("it accepts no ids that look alike")
    namespace = case.namespace()
    place = case.draw(st.integers(0, 3), "there")
    model = case.write_groups(namespace, [[group[place % len(group)]] for group in drawn], data_type)
    equal = {strategies.merge_key(decode_id(*id_of(document, data_type))) for document in model.documents.values()}
    # A number may name the same document as an equal number of another type.
    values = {strategies.merge_key(value): value for group in drawn for value in group}
    asked = [value for key, value in values.items() if key not in equal]
    present = list(model.documents.values())
    parts = [id_of(document, data_type) for document in present]
    for part, document in zip(parts, present, strict=True):
        # A document that GetByIds doesn't even find alone isn't confused with another: `answers` judges that.
        if not _is_same(case, _found(case, namespace, [part], data_type)[0], document, data_type):
            raise case.decline("it does not find a document by its own id")
    asked, found = _found_beside(case, namespace, parts, asked, data_type)
    for item, document in zip(found, present, strict=False):
        _same(case, item, document, data_type)
    for item, value in zip(found[len(present) :], asked, strict=True):
        if key_of(id_value(value, data_type), data_type) not in case.foreign(namespace):
            seen = show_document(item)
            case.check(not item, f"the id {value!r}, which is missing, finds a document", expected="empty", seen=seen)


@rule(
    "get-by-ids/namespace",
    _SENTENCE,
    level=Level.SHOULD,
    needs=(*_NEEDS, Need.TWO_NAMESPACES),
    hint="the connector ignores the request's namespace",
    after=("get-by-ids/answers",),
    examples=0.28,
)
def own_namespace(case: Case) -> None:
    """GetByIds finds a document only in its own namespace."""
    data_type = case.data_type()
    (value,) = case.identifiers(data_type, min_size=1, max_size=1)
    spaces = [case.namespace(), case.namespace()]
    documents = [case.document(value, {"n": number}, data_type) for number in range(2)]
    for name, document in zip(spaces, documents, strict=True):
        case.write(name, [document], data_type)
    for name, document in zip(spaces, documents, strict=True):
        (found,) = _found(case, name, [id_of(document, data_type)], data_type)
        _same(case, found, document, data_type)


@rule(
    "get-by-ids/many",
    _SENTENCE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="the query takes a limited number of ids, and the rest are dropped",
    after=("get-by-ids/answers", "get-by-ids/order", "limits/many-documents", "write/large-page"),
    examples=0.02,
    fills=0.05,
)
def many(case: Case) -> None:
    """1,500 ids give 1,500 items."""
    data_type = case.data_type()
    documents = case.numbered(1500, data_type)
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    found = _found(case, namespace, [id_of(document, data_type) for document in documents], data_type)
    for item, document in zip(found, documents, strict=True):
        _same(case, item, document, data_type)


@rule(
    "get-by-ids/bad-id",
    BEST_CODE,
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="the exception for an id that can't be decoded is not caught",
    after=("get-by-ids/answers",),
    examples=0.1,
)
def bad_id(case: Case) -> None:
    """An id that is not a BSON value is refused with INVALID_ARGUMENT, or counts as missing."""
    namespace, model = case.loaded(min_size=1, small=True)
    garbage = BsonValue(data=b"raw", type=2, name="_id")
    try:
        (found,) = _found(case, namespace, [[garbage]], model.data_type)
    except ConnectorError as error:
        case.check(
            isinstance(error, InvalidArgument),
            "an id that is not a BSON value is refused with the wrong code",
            expected="INVALID_ARGUMENT",
            seen=error,
        )
        return
    case.check(not found, "an id that is not a BSON value finds a document", expected="empty data", seen=found)


def _ids_of(document: bytes, data_type: DataType) -> list[Id]:
    """The ids under one of which a lookup finds a listed document.

    A store may distinguish the types of numbers, and JSON doesn't say which one an id has.
    """
    listed = listed_id(document, data_type)
    value = decode_id(listed[0])
    if data_type != strategies.JSON or not isinstance(value, Int64):
        return [listed]
    return [listed, *([encode_id(other, id_field(data_type))] for other in (int(value), float(value)))]


def _found(case: Case, namespace: str, asked: Sequence[Id], data_type: DataType) -> list[bytes]:
    """The items, one for each id."""
    request = GetByIdsRequest(
        namespace=namespace, ids=[GetByIdsRequest.IdRequest(id=parts) for parts in asked], type=data_type
    )
    found = [item.data for item in case.api.get_by_ids(request).data]
    case.check(
        len(found) == len(asked),
        "GetByIds does not return as many items as ids",
        expected=len(asked),
        seen=len(found),
        owner="get-by-ids/missing" if len(asked) == 1 else "",
    )
    return found


def _found_beside(
    case: Case, namespace: str, parts: Sequence[Id], values: list[Any], data_type: DataType
) -> tuple[list[Any], list[bytes]]:
    """The items of these ids, and of others that are missing: of those that the store does not refuse as invalid."""
    try:
        return values, _found(case, namespace, [*parts, *(id_value(value, data_type) for value in values)], data_type)
    except ConnectorError as error:
        if error.code not in DECLINING_CODES:
            raise
        valid = [value for value in values if not _is_invalid(case, namespace, value, data_type)]
        if len(valid) == len(values):
            raise
    return valid, _found(case, namespace, [*parts, *(id_value(value, data_type) for value in valid)], data_type)


def _is_invalid(case: Case, namespace: str, value: Any, data_type: DataType) -> bool:
    """Whether the store refuses an id, in GetByIds and in a document. Raises ConnectorError if only GetByIds does."""
    try:
        _found(case, namespace, [id_value(value, data_type)], data_type)
    except ConnectorError as error:
        if error.code not in DECLINING_CODES:
            raise
        with contextlib.suppress(Inapplicable):
            case.write_if_accepted(namespace, [case.document(value, {"n": 0}, data_type)], data_type)
            raise
        return True
    return False


def _in(model: Model, parts: Id) -> bytes:
    return next((data for data in model.documents.values() if id_of(data, model.data_type) == list(parts)), b"")


def _is_same(case: Case, item: bytes, document: bytes, data_type: DataType) -> bool:
    item, document = (case.as_written(found, data_type) if found else found for found in (item, document))
    try:
        return item == document or (bool(item) and bool(document) and same_document(item, document, data_type))
    except InvalidArgument:
        return False


def _same(case: Case, item: bytes, document: bytes, data_type: DataType) -> None:
    case.checks += 1
    if not _is_same(case, item, document, data_type):
        item, document = (case.as_written(found, data_type) if found else found for found in (item, document))
        asked = show_id(id_of(document, data_type)) if document else "a document that was deleted"
        what = "nothing" if not item else "something other than its document" if document else "an item"
        raise Violation(
            f"GetByIds returns {what} for {asked}",
            expected=show_document(document),
            seen=show_document(item),
            owner=change_of(document, item, data_type).owner,
            rests_on=Evidence.LISTING,
        )


RULES = (look_alikes, answers, order, missing, none, current, own_namespace, many, bad_id)
