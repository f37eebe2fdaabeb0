"""Features of a failing example that other examples can do without, so that rules can be judged apart from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from dsync_kit.conformance.results.owners import Owner

__all__ = [
    "Apart",
    "Feature",
    "FeatureKind",
    "Features",
    "Retrial",
    "features_of_owner",
    "keep_features",
    "name_features",
    "read_features",
]


class FeatureKind(StrEnum):
    """The kinds of features, the most specific first: they are tried in this order."""

    FIELD_ORDER = "documents whose id is not their first field, or whose fields are in another order"
    JSON_SPELLING = "JSON with unusual escapes, white space or numbers"
    MISFIT = "documents that do not fit the schema"
    MALFORMED = "malformed documents"
    ODD_NAMESPACE = "unusual names of namespaces"
    EMPTY_CALL = "empty calls"
    IN_ONE_CALL = "several writes of one id in one call"
    DELETES = "DELETEs"
    WRITTEN_AGAIN = "ids that are written more than once"
    MIXED_IDS = "ids of mixed kinds"
    MIXED_FIELDS = "documents with different fields"
    SEVERAL_PAGES = "more than one page"
    ODD_NAMES = "unusual names of fields"
    ODD_TEXTS = "unusual texts"
    ODD_IDS = "unusual texts as ids"
    NOT_FINITE = "numbers that are not finite"
    LONG_INTEGERS = "JSON integers beyond 53 bits"
    EXTREME_NUMBERS = "numbers beyond 1e38 or below 1e-38"
    FRACTIONS = "JSON numbers with a point or an exponent"
    DEEP = "documents that are nested deeply"
    VALUES = "values of a kind"
    IDS = "ids of a kind"


_NARROW = frozenset(
    {
        FeatureKind.FIELD_ORDER,
        FeatureKind.JSON_SPELLING,
        FeatureKind.MISFIT,
        FeatureKind.MALFORMED,
        FeatureKind.ODD_NAMESPACE,
        FeatureKind.EMPTY_CALL,
        FeatureKind.ODD_NAMES,
        FeatureKind.NOT_FINITE,
        FeatureKind.LONG_INTEGERS,
        FeatureKind.EXTREME_NUMBERS,
        FeatureKind.DEEP,
    }
)

_OF_CALLS = frozenset(
    {
        FeatureKind.MISFIT,
        FeatureKind.MALFORMED,
        FeatureKind.EMPTY_CALL,
        FeatureKind.IN_ONE_CALL,
        FeatureKind.DELETES,
        FeatureKind.WRITTEN_AGAIN,
        FeatureKind.SEVERAL_PAGES,
    }
)

_OWNERS: dict[FeatureKind, str] = {
    FeatureKind.FIELD_ORDER: Owner.FIELD_ORDER,
    FeatureKind.JSON_SPELLING: Owner.JSON_SPELLING,
}


_TYPES: dict[str, str] = {
    Owner.BSON_TEXT: "string",
    Owner.BSON_INT32: "int",
    Owner.BSON_INT64: "long",
    Owner.BSON_DOUBLE: "double",
    Owner.BSON_BOOLEAN: "bool",
    Owner.BSON_NULL: "null",
    Owner.BSON_OBJECT_ID: "objectId",
    Owner.BSON_DATE: "date",
    Owner.BSON_BINARY: "binData",
    Owner.BSON_DECIMAL: "decimal",
    Owner.JSON_TEXT: "string",
    Owner.JSON_NUMBERS: "number",
    Owner.JSON_LITERALS: "bool",
}

_TEXTS = frozenset({Owner.BSON_TEXT, Owner.JSON_TEXT})


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `detail` is the kind of misfit, malformed document, values or ids, for these kinds of features."""

    kind: FeatureKind
    detail: str = ""

    def __str__(self) -> str:
        return _named(self.kind, [self.detail])

    @property
    def narrow(self) -> bool:
        """Whether few examples need it: two failures that both need it are probably the same bug."""
        return self.kind in _NARROW

    @property
    def of_calls(self) -> bool:
        """Whether it is about what a rule does, not about the data: many rules cannot do without it."""
        return self.kind in _OF_CALLS

    @property
    def owner(self) -> str:
        """The rule that owns failures about this feature alone; empty if there is none in particular."""
        return _OWNERS.get(self.kind, "")

    def kept(self) -> str:
        """As text that `read` reads."""
        return f"{self.kind.name}:{self.detail}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The feature that `kept` returned as text. Raises ValueError for any other text."""
        name, _, detail = text.partition(":")
        try:
            return cls(FeatureKind[name], detail)
        except KeyError:
            raise ValueError(f"there is no feature {text!r}") from None


Features = tuple[Feature, ...]
"""Features in the order in which they were found."""


def features_of_owner(owner: str) -> Features:
    """The feature of a rule about one type of values; none for any other rule."""
    values = (Feature(FeatureKind.VALUES, _TYPES[owner]),) if owner in _TYPES else ()
    return (Feature(FeatureKind.ODD_TEXTS), *values) if owner in _TEXTS else values


def name_features(features: Sequence[Feature]) -> str:
    """The features in words: `ids of mixed kinds and values of the types bool and number`."""
    details: dict[FeatureKind, list[str]] = {}
    for feature in features:
        details.setdefault(feature.kind, []).append(feature.detail)
    # Values come last, whatever was found first.
    return _listed(
        [_named(kind, details[kind]) for kind in sorted(details, key=lambda kind: kind is FeatureKind.VALUES)]
    )


_BY_TYPE = {FeatureKind.VALUES: "values", FeatureKind.IDS: "ids"}


def _named(kind: FeatureKind, details: Sequence[str]) -> str:
    if kind in _BY_TYPE:
        return f"{_BY_TYPE[kind]} of the type{'s' * (len(details) > 1)} {_listed(details)}"
    return f"{kind.value} ({_listed(details)})" if any(details) else kind.value


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def keep_features(features: Sequence[Feature]) -> str:
    """The features as text that `read_features` reads; empty for none."""
    return ";".join(feature.kept() for feature in features)


def read_features(text: str) -> Features:
    """The features that `keep_features` returned as text. Raises ValueError for any other text."""
    return tuple(Feature.read(part) for part in text.split(";")) if text else ()


@dataclass(frozen=True, slots=True, eq=False)
class Retrial:
    """A rule to judge again, apart from features of the failure of `cause`.

    If it `confirms` an earlier retrial, it leaves out all features but those that were left out then: if the rule still
    fails, those alone make it fail.
    """

    rule: str
    cause: str
    without: Features
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """The second judgement of a rule, apart from a feature that the failure of the rule `cause` shows.

    `status` is the result, empty if there was no time to judge again. `confirmed` means that this feature, and no other
    of the example, makes `cause` fail: without the feature it passes, and with the feature alone it still fails.
    """

    feature: str
    cause: str
    status: str = ""
    confirmed: bool = False
