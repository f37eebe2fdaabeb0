"""What to run and how, and what the connector is held to."""

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile
from dsync_kit.conformance.results.known_failures import check_known, flaky_until
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.results.terms import KnownFlaky, Terms
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.keeping.known_examples import example_file
from dsync_kit.errors import UsageError
from dsync_kit.project.editions import Edition
from dsync_kit.targets.target import OpenTarget

__all__ = ["RunOptions", "select", "terms_of"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What to run, and how.

    `documents` has the schemas of namespaces. `edition` is the one that the connector is held to. `known_failures` and
    `known_flaky` map rule ids or globs to reasons; `beside` is the folder with the list of known failures. `database`
    is the folder for this connector's failing examples, which the next run tries first, or None; `corpus` replaces it
    if examples with which an explorer reached something new are kept, too. `runs` is the folder for the journals of
    namespaces, in case the run is killed. `settle` is by how many seconds reads may lag behind writes; with None, the
    kit finds out. `command` returns the command that shows a rule's failure again.
    """

    rules: tuple[Rule, ...]
    profile: Profile
    seed: int
    namespaces: tuple[str, ...] = ()
    documents: Mapping[str, SchemaFile] = field(default_factory=dict)
    edition: Edition = field(default_factory=Edition)
    known_failures: Mapping[str, str] = field(default_factory=dict)
    known_flaky: Mapping[str, KnownFlaky] = field(default_factory=dict)
    beside: Path = Path()
    strict: bool = False
    database: Path | None = None
    corpus: Path | None = None
    runs: Path | None = None
    settle: float | None = None
    command: Callable[[str], str] = lambda rule: f"dsync-kit verify … --rule {rule}"


def select(rules: Sequence[Rule], globs: Sequence[str]) -> tuple[Rule, ...]:
    """The rules whose ids match one of the globs; without globs all rules. Raises UsageError if a glob matches none."""
    for glob in globs:
        if not any(fnmatch.fnmatchcase(rule.id, glob) for rule in rules):
            areas = ", ".join(dict.fromkeys(rule.area for rule in rules))
            raise UsageError(f"no rule matches {glob!r}: the areas are {areas}; `dsync-kit rules` lists the rules")
    return tuple(rule for rule in rules if not globs or any(fnmatch.fnmatchcase(rule.id, glob) for glob in globs))


def terms_of(target: OpenTarget, options: RunOptions) -> Terms:
    """The terms of the options and the harness. Raises UsageError for invalid lists of the harness."""
    failing = target.harness.known_failures if target.harness else {}
    flaky = target.harness.known_flaky if target.harness else {}
    check_known(failing, RULES, "known_failures of conformance.py")
    check_known(flaky, RULES, "known_flaky of conformance.py")
    ids = {rule.id for rule in RULES}
    places = {rule: target.folder or Path() for rule in ids & failing.keys()}
    places |= dict.fromkeys(ids & options.known_failures.keys(), options.beside)
    return Terms(
        options.edition,
        {**failing, **options.known_failures},
        {**flaky_until(flaky, "known_flaky of conformance.py", date.today()), **options.known_flaky},
        {rule: example_file(folder, rule).absolute() for rule, folder in places.items()},
    )
