"""What a failing example shows that other examples need not have: apart from it, other rules can be judged again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from dsync_kit.conformance.results.owners import Owner

__all__ = ["Apart", "Feature", "FeatureKind", "Retrial"]


class FeatureKind(StrEnum):
    """The kinds of features, those that say most first: they are tried in this order."""

    FIELD_ORDER = "documents whose id is not their first field, or whose fields are in another order"
    JSON_SPELLING = "JSON with escapes, white space or numbers that it could do without"
    MISFIT = "documents that do not fit the schema"
    ODD_NAMESPACE = "unusual names of namespaces"
    EMPTY_CALL = "calls that carry nothing"
    MIXED_IDS = "ids of mixed kinds"
    SEVERAL_PAGES = "more than one page"
    VALUES = "values of a kind"
    IDS = "ids of a kind"


_OWNERS: dict[FeatureKind, str] = {
    FeatureKind.FIELD_ORDER: Owner.FIELD_ORDER,
    FeatureKind.JSON_SPELLING: Owner.JSON_SPELLING,
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `detail` is the kind of misfit, of values or of ids, where it is one of these."""

    kind: FeatureKind
    detail: str = ""

    def __str__(self) -> str:
        match self.kind:
            case FeatureKind.VALUES:
                return f"values of the type {self.detail}"
            case FeatureKind.IDS:
                return f"ids of the type {self.detail}"
            case FeatureKind.MISFIT:
                return f"{self.kind.value} ({self.detail})"
            case _:
                return self.kind.value

    @property
    def owner(self) -> str:
        """The rule that owns what is seen on it alone; empty where that is none in particular."""
        return _OWNERS.get(self.kind, "")

    def kept(self) -> str:
        """As text that `read` reads."""
        return f"{self.kind.name}:{self.detail}"

    @classmethod
    def read(cls, text: str) -> Self:
        """What `kept` gave. Raises ValueError for any other text."""
        name, _, detail = text.partition(":")
        try:
            return cls(FeatureKind[name], detail)
        except KeyError:
            raise ValueError(f"there is no feature {text!r}") from None


@dataclass(frozen=True, slots=True)
class Retrial:
    """A rule that is to be judged again, apart from a feature of the failure of `cause`."""

    rule: str
    cause: str
    feature: Feature


@dataclass(frozen=True, slots=True)
class Apart:
    """That a rule was judged again: apart from which feature, of which rule's failure, and what came of it.

    `status` is empty where there was no time for it.
    """

    feature: str
    cause: str
    status: str = ""
