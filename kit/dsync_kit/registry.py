"""Finds connectors: which ones there are, and which one a URI or a name means."""

import importlib.util
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dsync_kit.output.redaction import redact_target
from dsync_kit.project.pyproject import ENTRY_POINT_GROUP, entry_points_of
from dsync_kit.settings import ConnectorSettings
from dsync_kit.usage import CannotLoad, UsageError

if TYPE_CHECKING:
    from dsync_kit.connector import Connector

__all__ = [
    "ENTRY_POINT_GROUP",
    "FOLDER",
    "RegisteredConnector",
    "bundled",
    "bundled_folders",
    "connector_for",
    "discover",
    "folder_at",
    "import_folder",
    "load_folder",
    "packaged_folder",
]

FOLDER = Path("connectors")
"""The folder in the current one in which dsync-new puts connectors by default."""

_PATHS = ("./", "../", "/", "~")
"""How a word begins that can only be meant as a path."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RegisteredConnector:
    """A connector that the commands can find.

    A URI matches one of the `schemes`, ignoring case (`s3` for `s3://…`), or equals one of the `names` (`/dev/null`).
    `create` takes the settings, an instance of the class `settings`, and returns the connector.
    """

    name: str
    settings: type[ConnectorSettings]
    create: "Callable[[Any], Connector]"
    usage: str
    schemes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    summary: str = field(default="", kw_only=True)

    def matches(self, word: str) -> bool:
        """Whether `word` is a URI with one of the schemes, or one of the exact names."""
        scheme = _SCHEME.match(word)
        if scheme is not None:
            return scheme[1].lower() in {known.lower() for known in self.schemes}
        return word in self.names

    def is_named(self, word: str) -> bool:
        """Whether `word` is this connector's name, ignoring case, as in `NAME --help`."""
        return word.lower() == self.name.lower()


def packaged_folder(name: str) -> Path:
    """A folder of the distribution (`template`, `examples`): the wheel's, else the checkout's."""
    package = Path(__file__).parent
    for candidate in (package / "_bundled" / name, package.parents[1] / name):
        if candidate.is_dir():
            return candidate
    raise UsageError(f"this installation of dsync-kit lacks its folder {name!r}: install dsync-kit again")


def bundled_folders() -> list[Path]:
    """The folders of the connectors that come with the kit: each has its connector's name."""
    folders = sorted(packaged_folder("examples").iterdir())
    return [folder for folder in folders if (folder / "registration.py").is_file()]


def bundled() -> list[RegisteredConnector]:
    """The connectors that come with the kit."""
    return [load_folder(folder) for folder in bundled_folders()]


def discover() -> list[RegisteredConnector]:
    """Every connector that a URI or name can mean: first the kit's own, then the installed ones.

    Raises UsageError for an installed connector that cannot be imported: none is silently left out.
    """
    found = bundled()
    known = {connector.name for connector in found}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        connector = _load_entry_point(point)
        if connector.name not in known:
            known.add(connector.name)
            found.append(connector)
    return found


def connector_for(word: str) -> RegisteredConnector | None:
    """The first connector that `word` matches: of the kit's own, then the installed ones, then those in `connectors`.

    From that folder, where dsync-new puts connectors, it loads only the one that its pyproject.toml names like the
    URI's scheme. Raises UsageError if that fails.
    """
    return next((connector for connector in discover() if connector.matches(word)), None) or _beside(word)


def _beside(word: str) -> RegisteredConnector | None:
    if (scheme := _SCHEME.match(word)) is None:
        return None
    for folder in _folders_beside():
        names: list[str] = []
        with suppress(UsageError):  # another connector's broken pyproject.toml must not hide this one
            names = [name.lower() for name in entry_points_of(folder)]
        if scheme[1].lower() in names and (connector := load_folder(folder)).matches(word):
            return connector
    return None


def _folders_beside() -> list[Path]:
    return sorted(path.parent for path in FOLDER.glob("*/registration.py"))


def folder_at(word: str) -> Path | None:
    """The folder that a user's word names; None if it names none. URIs and paths in `/dev` never do."""
    if not word or "://" in word or word.startswith("/dev/"):
        return None
    try:
        return path if (path := Path(word)).is_dir() else None
    except (OSError, ValueError):  # too long for a path, or not a valid one
        return None


def load_folder(folder: Path) -> RegisteredConnector:
    """The connector in a folder, as its `registration.py` describes it. The folder need not be installed."""
    module = import_folder(folder, "registration")
    connector = getattr(module, "CONNECTOR", None)
    if not isinstance(connector, RegisteredConnector):
        raise UsageError(f"{folder / 'registration.py'} defines no CONNECTOR: it must be a RegisteredConnector")
    return connector


def import_folder(folder: Path, name: str) -> ModuleType:
    """Import the module `name` of a connector's folder as a part of the package that its pyproject.toml names.

    Raises UsageError if there is no such module, CannotLoad if it cannot be imported.
    """
    folder = folder.resolve()
    if not (folder / f"{name}.py").is_file():
        raise UsageError(f"{folder} is not a connector's folder: it has no {name}.py (make one with dsync-new)")
    package = _package_name(folder)
    try:
        _ensure_package(package, folder)
        return importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        raise CannotLoad(
            f"{folder.name} needs the module {error.name!r}, which is not installed: run pip install '{folder}[test]'"
        ) from error
    except SystemExit as error:
        raise CannotLoad(f"{folder / name}.py cannot be loaded: {_reason(error)}") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}{_place(error, folder)}"
        raise CannotLoad(f"{folder / name}.py cannot be imported: {reason}") from error


def _place(error: Exception, folder: Path) -> str:
    """The last line of the folder's code that the error passed through, in parentheses; empty if there is none."""
    frames = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)]
    return f" (line {frames[-1].lineno} of {Path(frames[-1].filename).relative_to(folder)})" if frames else ""


def _reason(error: SystemExit) -> str:
    """What a module says that ends its process while it is imported."""
    return (
        error.code if isinstance(error.code, str) else f"it calls sys.exit({'' if error.code is None else error.code})"
    )


def _package_name(folder: Path) -> str:
    for target in entry_points_of(folder).values():
        if package := target.partition(":")[0].rpartition(".")[0]:
            return package
    return "dsync_connector_" + re.sub(r"\W", "_", folder.name)


def _ensure_package(package: str, folder: Path) -> None:
    """Make `folder` importable as `package`, even if another folder was loaded under that name before."""
    loaded = sys.modules.get(package)
    if loaded is not None and folder in [Path(entry).resolve() for entry in getattr(loaded, "__path__", [])]:
        return
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        package, init if init.is_file() else None, submodule_search_locations=[str(folder)]
    )
    if spec is None:  # a folder without __init__.py
        spec = importlib.machinery.ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    if spec.loader is not None:
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[package]
            raise


def _load_entry_point(point: EntryPoint) -> RegisteredConnector:
    try:
        connector = point.load()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the installed connector {point.name!r} cannot be imported ({type(error).__name__}: {error}): "
            f"repair it, or uninstall {point.dist.name if point.dist else point.value}"
        ) from error
    if not isinstance(connector, RegisteredConnector):
        raise UsageError(f"the installed connector {point.name!r} ({point.value}) is not a RegisteredConnector")
    return connector


def unknown_connector(word: str) -> UsageError:
    """The error for a word that no connector matches. It lists the known connectors."""
    known = discover()
    lines = [f"  {connector.name:<12} {connector.usage}" for connector in known]
    named = [connector.usage for connector in known if connector.name == word]
    scheme, separator, _ = word.partition("://")
    close = get_close_matches(scheme.lower(), {name for connector in known for name in connector.schemes}, n=1)
    if named:
        advice = f" ({word} is a connector's name: give what it connects to, {named[0]})"
    elif close and separator:
        advice = f" (did you mean {close[0]}://?)"
    else:
        advice = "" if word else " (an empty word)"
        if (word.startswith(_PATHS) or ("/" in word and not separator)) and not Path(word).exists():
            advice = " (there is no such folder)"
    folders = ", ".join(map(str, _folders_beside()))
    return UsageError(
        f"no connector matches {redact_target(word)!r}{advice}: expected one of\n"
        + "\n".join(lines)
        + f"\nor a connector's folder{f', such as {folders}' if folders else ''}"
    )
