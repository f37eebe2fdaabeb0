"""How to write a rule: a function over a case, with its description."""

from collections.abc import Callable
from dataclasses import dataclass

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Level, Need, RuleInfo
from dsync_kit.project.editions import EDITIONS, FIRST

__all__ = ["Rule", "rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(RuleInfo):
    """A rule that can be run. `check` raises `Violation` if the connector breaks the rule.

    `attempts` is how often a kept example is tried until it fails, if that depends on the timing of threads.
    """

    check: Callable[[Case], None]
    attempts: int = 1


_ids: set[str] = set()


def rule(
    id: str,  # noqa: A002 - the word that the reports use
    sentence: str,
    *,
    level: Level = Level.MUST,
    needs: tuple[Need, ...] = (),
    hint: str = "",
    after: tuple[str, ...] = (),
    examples: float = 1.0,
    since: str = FIRST,
    explores: float = 0.0,
    attempts: int = 1,
    about: FeatureKind | None = None,
    fills: float = 0.0,
) -> Callable[[Callable[[Case], None]], Rule]:
    """Make a rule of a function over a case. The first line of its docstring says what the rule checks.

    `sentence` is from the contract; `hint` is the likely cause of a violation, in one line. `examples` scales the
    profile's number of examples: less than 1 for expensive examples, more for cheap ones. `since` is the first
    edition that has the rule; `explores`, `attempts`, `about` and `fills` are those of `Rule`. Raises ValueError if
    another rule has the same id, or if there is no such edition.
    """

    def make(check: Callable[[Case], None]) -> Rule:
        if id in _ids:
            raise ValueError(f"two rules are named {id}")
        if since not in EDITIONS:
            raise ValueError(f"{id}: there is no edition {since!r}; the editions are {', '.join(EDITIONS)}")
        _ids.add(id)
        summary = (check.__doc__ or "").strip().partition("\n")[0]
        return Rule(
            id,
            level,
            sentence,
            summary=summary,
            needs=needs,
            hint=hint,
            after=after,
            since=since,
            check=check,
            examples=examples,
            explores=explores,
            attempts=attempts,
            about=about,
            fills=fills,
        )

    return make
