"""Documents in forms other than the plainest. All other rules send their documents in any form, too."""

import itertools
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.documents.dimensions import JSON_NUMBERS, Dimension
from dsync_kit.conformance.documents.strategies import JSON, update
from dsync_kit.conformance.documents.wire import Form, dimensions_of
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_UPDATE, DataType

__all__ = ["RULES"]

_BOTH = (Need.SINK, Need.READING)

_TELLING: dict[str, Any] = {
    "text": '\U0001f378 / \\ " \n\t\u00e9',
    "\U0001f378/\u00e9": "x",
    "numbers": [0, -1, 5, 0.5, -2.25, 100],
    "nested": {"a": {"b": [None, True, ""]}, "c": "\u65e5\u672c"},
}
"""Values with many spellings: texts and names with characters that may be escaped, numbers, nested values."""


@rule(
    "wire/field-order",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object with a top-level `id`.",
    needs=_BOTH,
    hint="the first field is taken as the id: look for `_id` (JSON: `id`) by its name",
    after=("write/read-back",),
)
def field_order(case: Case) -> None:
    """The id may be anywhere in a document, and the other fields in any order."""
    _written_in(case, case.data_type(), FeatureKind.FIELD_ORDER)


@rule(
    "wire/json-spelling",
    "JSON_ID: a UTF-8 JSON object with a top-level `id`.",
    needs=(*_BOTH, Need.JSON),
    hint="JSON is not read by a full JSON parser, which knows escapes, white space and exponents",
    after=("write/read-back",),
)
def json_spelling(case: Case) -> None:
    """Escapes, white space and spellings of numbers change neither a JSON document nor its id."""
    if JSON not in case.declared.types:
        raise case.does_not_apply("this type is not both written and read")
    _written_in(case, JSON, FeatureKind.JSON_SPELLING)


def _written_in(case: Case, data_type: DataType, feature: FeatureKind) -> None:
    """Write documents in the plainest form, and others with the same fields in another form; then delete the latter."""
    holding = case.holding(data_type)
    forms = case.freedoms.wire.forms
    forms[data_type] = Form(data_type)
    values = case.identifiers(data_type, min_size=2, max_size=6)
    half = len(values) // 2
    contents = [{**(_some_telling(case) if holding.free else {}), **_content(case, data_type)} for _ in range(half)]
    plain, unusual = (
        [case.document(value, fields, data_type) for value, fields in zip(ids, contents, strict=True)]
        for ids in (values[:half], values[half : 2 * half])
    )
    namespace, model = case.namespace(), Model(data_type, plain)
    try:
        # First, see that the sink holds all these ids side by side in the plainest form.
        if case.has_free_namespace:
            control = case.namespace()
            case.write(control, [*plain, *unusual], data_type)
            case.expect(control, Model(data_type, [*plain, *unusual]))
            case.write(namespace, plain, data_type)
        elif case.deletes:
            case.write(namespace, [*plain, *unusual], data_type)
            case.expect(namespace, Model(data_type, [*plain, *unusual]))
            removed = [update(UPDATE_TYPE_DELETE, value, b"", data_type) for value in values[half : 2 * half]]
            case.update(namespace, removed, data_type)
        else:
            case.write(namespace, plain, data_type)
        case.expect(namespace, model)
    except (ConnectorError, Violation) as error:
        raise case.decline("it does not return even documents in the plainest form") from error
    forms[data_type] = Form(data_type, _drawn(case, data_type, feature, any_number=case.any_number))
    if not case.found.copies_only and case.draw(st.booleans(), "by WriteUpdates"):
        pairs = zip(values[half:], unusual, strict=False)
        changes = [update(UPDATE_TYPE_UPDATE, value, document, data_type) for value, document in pairs]
        case.update(namespace, changes, data_type)
    else:
        case.write(namespace, unusual, data_type)
    model.write(unusual)
    case.expect(namespace, model, "the listing of documents in another form")
    if case.deletes:
        removals = [update(UPDATE_TYPE_DELETE, value, b"", data_type) for value in values[half : 2 * half]]
        case.update(namespace, removals, data_type)
        model.apply(removals)
        case.expect(namespace, model, "the listing after documents in another form were deleted")


def _content(case: Case, data_type: DataType) -> dict[str, Any]:
    return case.draw(case.contents(data_type, small=True), "fields")


def _some_telling(case: Case) -> dict[str, Any]:
    names = case.draw(choosing.some(list(_TELLING)), "and")
    return {name: _TELLING[name] for name in names}


def _drawn(case: Case, data_type: DataType, feature: FeatureKind, *, any_number: bool) -> dict[Dimension[Any], str]:
    """Values of the dimensions that show the feature, at least one of them not the plainest."""
    dimensions = [
        dimension
        for dimension, kind in dimensions_of(data_type).items()
        if kind is feature and (any_number or dimension is not JSON_NUMBERS)
    ]
    if not dimensions:
        raise Inapplicable("there is no other form")
    others = [list(zip(dimensions, names, strict=True)) for names in itertools.product(*(d.values for d in dimensions))]
    forms = [[(dimension, name) for dimension, name in form if name != dimension.plain] for form in others]
    # Forms with a single value that is not the plainest come first: an example shrinks to them.
    named = {", ".join(name for _, name in form): dict(form) for form in sorted(forms, key=len) if form}
    return named[case.draw(st.sampled_from(list(named)), "form", show=str)]


RULES = (field_order, json_spelling)
