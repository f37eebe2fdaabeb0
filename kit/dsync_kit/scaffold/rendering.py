"""Renders a connector's folder from the template, all or nothing."""

import keyword
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dsync_kit.registry import ENTRY_POINT_GROUP, bundled_folders
from dsync_kit.scaffold.copying import files_in, render_template
from dsync_kit.scaffold.record import ANSWERS_FILE
from dsync_kit.scaffold.releases import current_version, template_of
from dsync_kit.scaffold.replacing import check_replaceable
from dsync_kit.usage import UsageError

__all__ = ["ARCHETYPES", "Answers", "Scaffolded", "check_answers", "scaffold"]

ARCHETYPES = ("object-store", "document", "sql", "blank")
_DATA_TYPES = ("bson", "json")
_CI_SYSTEMS = ("none", "github")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_]{0,28}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers about a new connector. None is asked for, or has its default. The questions are in copier.yml."""

    scheme: str | None = None
    name: str | None = None
    archetype: str | None = None
    source: bool | None = None
    sink: bool | None = None
    stream: bool | None = None
    data_types: tuple[str, ...] | None = None
    ci: str | None = None

    def given(self) -> dict[str, Any]:
        """The answers that are not None, for copier."""
        known = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if self.data_types is not None:
            known["data_types"] = list(dict.fromkeys(self.data_types))
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Scaffolded:
    """A connector's folder, and the files in it, relative to the folder and sorted."""

    folder: Path
    files: tuple[Path, ...]


def scaffold(
    answers: Answers,
    *,
    output: Path | None = None,
    interactive: bool = False,
    force: bool = False,
    dry_run: bool = False,
) -> Scaffolded:
    """Render the template into `output`, by default connectors/NAME in the working folder.

    `interactive` asks on the terminal for missing answers. `force` replaces a folder that only contains files of the
    template. `dry_run` changes nothing. Raises UsageError for impossible answers, and for a folder that is in the way;
    then, as after any failure, all files are unchanged.
    """
    check_answers(answers, interactive=interactive)
    if output is not None:
        _check_target(output, force=force)
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="dsync-new-") as folder:
            return _render(answers, Path(folder, "new"), output, interactive=interactive, force=force)
    with _staging((output.parent if output else Path("connectors")).absolute()) as staging:
        made = _render(answers, staging / "new", output, interactive=interactive, force=force)
        _put_in_place(staging, made.folder)
        return made


def check_answers(answers: Answers, *, interactive: bool) -> None:
    """Refuse impossible answers before anything is asked or rendered."""
    if answers.scheme is None and not interactive:
        raise UsageError("--scheme is missing: expected the scheme of the connector's URIs, for example --scheme s3")
    if answers.scheme is not None and not _SCHEME.fullmatch(answers.scheme):
        raise UsageError(
            f"{answers.scheme!r} is not a URI scheme: expected a letter, then letters, digits, '+', '.' or '-'; e.g. s3"
        )
    if answers.name is not None:
        _check_name(answers.name)
    if answers.archetype is not None and answers.archetype not in ARCHETYPES:
        raise UsageError(
            f"there is no archetype {answers.archetype!r}: expected {', '.join(ARCHETYPES[:-1])} or {ARCHETYPES[-1]}"
        )
    if answers.ci is not None and answers.ci not in _CI_SYSTEMS:
        raise UsageError(f"--ci: {answers.ci!r} is not known: expected {' or '.join(_CI_SYSTEMS)}")
    for data_type in answers.data_types or ():
        if data_type not in _DATA_TYPES:
            raise UsageError(f"there is no data type {data_type!r}: expected {' or '.join(_DATA_TYPES)}")
    if answers.source is False and answers.sink is False:
        raise UsageError("--no-source and --no-sink leave nothing: a connector reads, writes, or both")
    if answers.source is False and answers.stream:
        raise UsageError("--stream needs a source: leave out --no-source or --stream")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a connector's name: expected an identifier of ASCII letters, digits and underscores, "
            "30 at most, that starts with a letter and does not end with an underscore; give one with --name"
        )
    if keyword.iskeyword(name.lower()) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be a connector's name, since it is a Python keyword: give another with --name"
        )


def _check_kept(asked: Answers, given: Mapping[str, Any]) -> None:
    """Refuse answers that the archetype does not support."""
    if given["archetype"] != "object-store":
        return
    instead = "leave it out, or take --archetype blank"
    if asked.stream:
        raise UsageError(f"--stream: an object store has no log of changes to stream; {instead}")
    for option, wanted in (("--no-source", asked.source), ("--no-sink", asked.sink)):
        if wanted is False:
            raise UsageError(f"{option}: an object-store connector is a source and a sink; {instead}")


def _check_free(name: str, package: str, folder: Path) -> None:
    """Refuse a registered connector's name, unless that connector is in this folder."""
    installed = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)}
    taken = {known.lower() for known in installed | {at.name for at in bundled_folders()}}
    if name.lower() not in taken:
        return
    spec = find_spec(package)
    if spec is not None and folder.resolve() in {Path(at).resolve() for at in spec.submodule_search_locations or ()}:
        return
    raise UsageError(f"the name {name!r} is taken by a registered connector: give another with --name")


def _check_target(folder: Path, *, force: bool) -> None:
    try:
        exists = folder.exists()
    except OSError as error:
        raise UsageError(f"--output: the folder cannot be made: {error.strerror}") from error
    if exists and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose another place with --output")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(f"{folder} is the working folder, or holds it: choose another place with --output")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UsageError(
            f"{folder} exists and is not empty: choose another place with --output, or overwrite it with --force"
        )


def _written_before(folder: Path, scratch: Path) -> frozenset[Path]:
    """The files that the template wrote into a folder, according to the answers that are saved there.

    `scratch` is a place for a new folder.
    """
    answers = folder / ANSWERS_FILE
    if not answers.is_file():
        return frozenset()
    scratch.mkdir(parents=True)
    shutil.copyfile(answers, scratch / ANSWERS_FILE)
    try:
        with template_of(current_version()) as template:
            render_template(template, scratch, {}, folder=folder.name)
    except OSError:
        raise
    except Exception:
        # The file may contain anything by now, and fail anywhere. Then nothing is known, and nothing will be deleted.
        return frozenset()
    return frozenset(files_in(scratch))


def _render(answers: Answers, into: Path, output: Path | None, *, interactive: bool, force: bool) -> Scaffolded:
    """Render into the new folder `into`; the result names its final folder."""
    try:
        with template_of(current_version()) as template:
            name = output.name if output else None
            given = render_template(template, into, answers.given(), folder=name, interactive=interactive)
    except UsageError as error:
        raise UsageError(f"{error} (see dsync-new connector --help)") from error
    folder = output or Path("connectors", given["name"])
    _check_name(given["name"])
    _check_kept(answers, given)
    _check_free(given["name"], given["package"], folder)
    _check_target(folder, force=force)
    if folder.is_dir():
        check_replaceable(folder, _written_before(folder, into.with_name("before")))
    return Scaffolded(folder, tuple(files_in(into)))


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """A temporary folder in `parent`, on its file system. At the end it is removed, and so are unneeded new parents."""
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".dsync-new-", dir=parent))
    except OSError as error:
        raise UsageError(f"{parent} cannot be written to: {error.strerror}") from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging)
        for folder in made:
            with suppress(OSError):  # it contains the new connector
                folder.rmdir()


def _put_in_place(staging: Path, folder: Path) -> None:
    """Move the rendered folder to its place. If that fails, the folder that was there before is moved back."""
    old = staging / "old"
    try:
        if folder.exists():
            folder.rename(old)
        try:
            (staging / "new").rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
