"""Writes the answers file of a connector that has none, because it was written by hand or lost the file.

To find out what the connector was made from, connectors of each archetype and release are rendered with its name and
scheme. The one that has the most lines in common with it is the answer.
"""

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from packaging.version import Version

from dsync_kit.project.pyproject import entry_points_of
from dsync_kit.scaffold.copying import files_in, render_template
from dsync_kit.scaffold.record import ANSWERS_FILE, read_record
from dsync_kit.scaffold.releases import current_version, released, template_of
from dsync_kit.scaffold.rendering import ARCHETYPES, Answers, check_answers
from dsync_kit.scaffold.writing import write_files
from dsync_kit.usage import UsageError

__all__ = ["Adopted", "adopt"]

_ALIKE = 0.5
"""A connector or file with a smaller share of lines in common with the template was not made from it."""

_TEXTS = frozenset({"README.md", "pyproject.toml"})
"""They describe the template's code, so they are of no use to a connector with other code."""

_COMMON_CODE = frozenset({"__init__.py", "tests/conftest.py", "tests/test_conformance.py"})
"""The same for all connectors."""

_TURNS: Mapping[str, tuple[Any, ...]] = {
    "source": (False,),
    "sink": (False,),
    "stream": (False,),
    "data_types": (["json", "bson"], ["bson"], ["json"]),
}
"""Answers other than the defaults, to try one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What the connector was made from, and the files that were added; paths are relative to the folder."""

    archetype: str
    version: Version
    alike: float | None
    """The share of lines in common with the rendered connector, 0 to 1; None if it was written by hand."""
    added: tuple[Path, ...]
    own: tuple[str, ...]
    """Patterns of files that no update will touch."""


def adopt(folder: Path, asked: Answers, *, dry_run: bool = False) -> Adopted:
    """Add the answers file and the template's files that are missing, except code. No existing file changes.

    Answers in `asked` are taken for granted. Raises UsageError if the folder is not a connector's or has an answers
    file, and if the name or the scheme cannot be found; then, as after any failure, all files are unchanged.
    """
    answers = _answers(folder, asked)
    with TemporaryDirectory(prefix="dsync-new-") as scratch:
        search = _Search(folder, Path(scratch))
        found = search.closest(answers)
        by_hand = found.alike < _ALIKE and asked.archetype is None
        if by_hand:
            found = search.render(current_version(), {**answers, "archetype": "blank"})
        own = tuple(
            path.as_posix()
            for path in files_in(found.folder)
            if (folder / path).exists() and not search.resembles(path, found)
        )
        if by_hand:
            own = ("*.py", *sorted({*_TEXTS, *own}))
        record = replace(read_record(found.folder), own=own)
        (found.folder / ANSWERS_FILE).write_bytes(record.encode())
        added = tuple(
            path
            for path in files_in(found.folder)
            if not (folder / path).exists() and _is_addable(path.as_posix(), folder, by_hand=by_hand)
        )
        if not dry_run:
            write_files(folder, {path: found.folder / path for path in added})
        alike = None if by_hand else found.alike
        return Adopted(
            archetype=str(record.answers["archetype"]), version=found.version, alike=alike, added=added, own=own
        )


def _is_addable(path: str, folder: Path, *, by_hand: bool) -> bool:
    """Whether a file fits the connector, whatever its code."""
    if path == "tests/test_conformance.py" and not (folder / "conformance.py").exists():
        return False
    return path in _COMMON_CODE or not (path.endswith(".py") or (by_hand and path in _TEXTS))


def _answers(folder: Path, asked: Answers) -> dict[str, Any]:
    """The answers that are known: those in `asked`, and the name and the scheme from the folder."""
    if (folder / ANSWERS_FILE).exists():
        raise UsageError(f"{folder} has its {ANSWERS_FILE} already: `dsync-new update` brings it up to date")
    registration = folder / "registration.py"
    if not registration.is_file():
        raise UsageError(
            f"{folder} is not a connector's folder: it has no registration.py (docs/connector.md describes it); "
            "make a new connector with `dsync-new connector`"
        )
    names = list(entry_points_of(folder))
    known = replace(
        asked,
        name=asked.name or (names[0] if names else None),
        scheme=asked.scheme or _scheme(registration),
        ci=asked.ci or ("github" if (folder / ".github/workflows/connectors.yml").is_file() else None),
    )
    if known.scheme is None:
        raise UsageError(f"{registration} does not say the scheme of its URIs in a way that can be read: give --scheme")
    check_answers(known, interactive=False)
    return known.given()


def _scheme(registration: Path) -> str | None:
    """The first of the `schemes` in a registration.py, which is not run; None unless they are literals."""
    try:
        code = ast.parse(registration.read_bytes())
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(code):
        match node:
            case ast.keyword(arg="schemes", value=ast.Tuple(elts=[ast.Constant(value=str(scheme)), *_])):
                return scheme
    return None


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A rendered connector, and the share of lines that it has in common with the author's, 0 to 1."""

    folder: Path
    version: Version
    alike: float


class _Search:
    """Renders connectors, and compares them with the one in `folder`."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._paths: set[Path] = set()
        """The files of all rendered connectors, which are compared."""

    def closest(self, answers: Mapping[str, Any]) -> _Rendered:
        """The rendered connector that is most similar to the author's; the newest, if several are."""
        here = current_version()
        if "archetype" in answers:
            best, known = self.render(here, answers), dict(answers)
        else:
            every = [{**answers, "archetype": archetype} for archetype in ARCHETYPES]
            best, known = max(((self.render(here, one), one) for one in every), key=lambda found: found[0].alike)
        for question, values in _TURNS.items():
            for value in values:
                one = {**known, question: value}
                if question not in answers and (found := self._try(here, one)) and found.alike > best.alike:
                    best, known = found, one
        for version in reversed(released()):
            if (found := self._try(version, known)) and found.alike > best.alike:
                best = found
        return best

    def render(self, version: Version, answers: Mapping[str, Any]) -> _Rendered:
        """Render a release's connector. Raises UsageError for answers that its template refuses."""
        folder = Path(mkdtemp(dir=self._scratch))
        with template_of(version) as template:
            render_template(template, folder, answers, folder=self._folder.resolve().name)
        files = files_in(folder)
        self._paths.update(files)
        common = sum(_common(self._folder / path, folder / path) for path in files)
        both = sum(_lines(folder / path).total() for path in files)
        both += sum(_lines(self._folder / path).total() for path in self._paths)
        return _Rendered(folder, version, 2 * common / both)

    def resembles(self, path: Path, found: _Rendered) -> bool:
        """Whether the author's file may have been made from the rendered one."""
        ours, theirs = self._folder / path, found.folder / path
        both = _lines(ours).total() + _lines(theirs).total()
        return _same(ours, theirs) or (both > 0 and 2 * _common(ours, theirs) / both >= _ALIKE)

    def _try(self, version: Version, answers: Mapping[str, Any]) -> _Rendered | None:
        try:
            return self.render(version, answers)
        except UsageError:
            return None  # this release lacks the archetype, or the connector would do nothing


def _lines(path: Path) -> Counter[bytes]:
    """How often a file contains each line, ignoring indentation; empty if there is no such file."""
    if not path.is_file():
        return Counter()
    return Counter(line for line in map(bytes.strip, path.read_bytes().splitlines()) if line)


def _common(one: Path, other: Path) -> int:
    return (_lines(one) & _lines(other)).total()


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
