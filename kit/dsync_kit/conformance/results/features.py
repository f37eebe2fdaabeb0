"""What a failing example shows that other examples need not have: apart from it, other rules can be judged again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

__all__ = ["Apart", "Feature", "FeatureKind", "Retrial"]


class FeatureKind(StrEnum):
    """The kinds of features, those that say most first: they are tried in this order."""

    MISFIT = "documents that do not fit the schema"
    ODD_NAMESPACE = "unusual names of namespaces"
    EMPTY_CALL = "calls that carry nothing"
    MIXED_IDS = "ids of mixed kinds"
    SEVERAL_PAGES = "more than one page"
    VALUES = "values of a kind"
    IDS = "ids of a kind"


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
