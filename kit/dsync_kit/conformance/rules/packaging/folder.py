"""The connector's folder, as a package that its users, reviewers and maintainers rely on."""

import base64
import importlib
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from grpc import StatusCode

from dsync_kit.conformance.calls.driver import strip
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.results.outcome import KitError, Violation
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.documents import encode
from dsync_kit.errors import ConnectorError, InvalidArgument, UsageError
from dsync_kit.incoming import check_document
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Partition,
    WriteDataRequest,
)
from dsync_kit.protocol.names import type_name
from dsync_kit.registry import ENTRY_POINT_GROUP, RegisteredConnector, load_folder
from dsync_kit.settings import ConnectorSettings, Option

__all__ = ["RULES"]

_NEEDS = (Need.FOLDER,)
_ONCE = 0.04
"""These rules draw nothing, so one example is enough."""

_STRANGE_TYPE = 77
_STRANGE_CURSOR = b"dsynckit: no cursor"
_STRANGE_NAMESPACE = "dsynckit..odd"
_EXTENDED_JSON = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_MARK = "dsynckit-5ecret"
_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|credentials)$|(^|_)(api|access|account|private|secret)_key$"
)


@rule(
    "packaging/registered",
    "An entry point of the group `dsync.connectors` in its `pyproject.toml` names its RegisteredConnector.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="there is no pyproject.toml, it has no entry point, or the entry point names a module that was renamed",
    examples=_ONCE,
)
def registered(case: Case) -> None:
    """The entry point in pyproject.toml names a connector that can be imported, in a package that is installed."""
    folder = _folder(case)
    connector = load_folder(folder)
    pyproject = _pyproject(folder)
    points = pyproject.get("project", {}).get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    case.check(
        bool(points),
        "pyproject.toml registers no connector",
        expected=f'an entry point below [project.entry-points."{ENTRY_POINT_GROUP}"]',
        seen="none",
    )
    packages = pyproject.get("tool", {}).get("setuptools", {}).get("packages")
    for name, value in points.items():
        found = _loaded(EntryPoint(name, str(value), ENTRY_POINT_GROUP))
        case.check(
            isinstance(found, RegisteredConnector),
            f"the entry point {name!r} does not name a RegisteredConnector",
            expected=f"what registration.py calls CONNECTOR: {connector.name!r}",
            seen=f"{value} is {found!r}",
        )
        package = str(value).partition(":")[0].partition(".")[0]
        case.check(
            not isinstance(packages, list) or package in packages,
            "the entry point is in a package that pip would not install",
            expected=f"{package!r} among the packages of [tool.setuptools]",
            seen=packages,
        )


@rule(
    "packaging/help",
    "`NAME --help` says what each option is for.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="a field of the settings lacks option(…, help=…)",
    examples=_ONCE,
)
def help_texts(case: Case) -> None:
    """Every option of the settings has a help text that says more than its name."""
    for option in _options(load_folder(_folder(case)).settings, case):
        said = re.sub(r"\W+", " ", option.help).strip().lower()
        case.check(
            said not in ("", option.field.replace("_", " ")),
            f"the help does not explain {option.flag}",
            expected="what the option is for",
            seen=repr(option.help),
        )


@rule(
    "packaging/errors",
    "The message of an INVALID_ARGUMENT quotes the data type, cursor or namespace that it refuses.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="the message says that something is wrong, but not what the caller sent",
    after=("errors/messages",),
    examples=_ONCE,
)
def errors(case: Case) -> None:
    """The message of an INVALID_ARGUMENT quotes the refused data type, cursor or namespace."""
    judged = case.checks
    for what, (call, given) in _mistakes(case).items():
        try:
            call()
        except ConnectorError as error:
            if error.code is StatusCode.INVALID_ARGUMENT:
                case.check(
                    any(form in error.message for form in given),
                    f"an error does not quote the {what} that it refuses",
                    expected=f"{given[0]!r} in the message",
                    seen=error,
                )
    if case.checks == judged:
        raise case.decline("it refused no type, cursor or namespace with INVALID_ARGUMENT")


@rule(
    "packaging/secrets",
    "An option that holds a secret has a type that hides it: neither the settings' text nor an error about them shows "
    "it.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="an option that holds a secret is a plain str: make it a SecretStr, and quote no option in a validator",
    examples=_ONCE,
)
def secrets(case: Case) -> None:
    """Options whose names say that they hold secrets are SecretStr, and their values are never shown."""
    settings = load_folder(_folder(case)).settings
    for option in _options(settings, case):
        if not option.secret:
            named = _SECRET_NAME.search(option.field) is not None and not option.is_flag
            case.check(not named, f"{option.flag} is kept as plain text", expected="SecretStr", seen="another type")
            continue
        shown = _shown(settings, [_uri(case), option.flag, _MARK])
        case.check(_MARK not in shown, f"the value of {option.flag} is shown", expected="***", seen=shown[:300])


@rule(
    "packaging/test-data",
    "Its `test_data` holds valid documents, edge cases and invalid documents: the first two decode, the last do not.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="a folder of test_data is missing or empty, or a file is in the wrong folder",
    examples=_ONCE,
)
def test_data(case: Case) -> None:
    """test_data has valid, edge and invalid files; valid and edge documents decode, invalid ones don't."""
    if not case.declared.loads:
        raise case.decline("no document can be written and read back, so it needs no test data")
    folder = _folder(case) / "test_data"
    found: dict[str, list[DataType]] = {"valid": [], "edge": [], "invalid": []}
    for kind, types in found.items():
        files = sorted(path for path in (folder / kind).rglob("*") if path.is_file())
        case.check(bool(files), f"there is no test data in {kind}", expected=f"files in test_data/{kind}", seen="none")
        for path in files:
            for number, line, data_type in _lines(case, path):
                types.append(data_type)
                _check_line(case, path.relative_to(folder), number, line, data_type, valid=kind != "invalid")
    for data_type in case.declared.types:
        for kind in ("valid", "invalid"):
            case.check(
                data_type in found[kind],
                f"there is no {kind} document of one of its data types",
                expected=f"a document of {type_name(data_type)} in test_data/{kind}",
                seen="none",
            )


@rule(
    "packaging/readme",
    "Its README documents every option.",
    level=Level.SHOULD,
    needs=_NEEDS,
    hint="there is no README, or it was not updated when an option was added or renamed",
    examples=_ONCE,
)
def readme(case: Case) -> None:
    """There is a README, and it documents every option."""
    folder = _folder(case)
    path = next((path for path in sorted(folder.glob("*")) if path.stem.lower() == "readme"), None)
    if path is None:
        raise Violation("there is no README", expected="README.md", seen="no file of that name")
    text = path.read_text(encoding="utf-8", errors="replace")
    documented = set(re.findall(r"--(?:no-)?([a-z0-9][a-z0-9-]*)", text))
    options = {option.flag for option in load_folder(folder).settings.options()}
    missing = sorted(flag for flag in options if flag.removeprefix("--") not in documented)
    case.check(
        not missing, f"{path.name} does not document every option", expected=", ".join(missing), seen="not there"
    )


def _folder(case: Case) -> Path:
    if case.subject.target.folder is None:
        raise KitError("the connector's folder is not known")
    return case.subject.target.folder.resolve()


def _options(settings: type[ConnectorSettings], case: Case) -> list[Option]:
    """The options. Raises Inapplicable if there are none."""
    if options := settings.options():
        return options
    raise case.decline("it has no options")


def _pyproject(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        raise Violation("there is no pyproject.toml", expected="pyproject.toml", seen="no file of that name")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _loaded(point: EntryPoint) -> object:
    """The object that an entry point names; the folder is already importable as a package."""
    importlib.invalidate_caches()
    try:
        return point.load()
    except Exception as error:
        raise Violation(
            f"the entry point {point.name!r} cannot be imported",
            expected="MODULE:ATTRIBUTE",
            seen=f"{point.value}: {type(error).__name__}: {error}",
        ) from error


def _mistakes(case: Case) -> dict[str, tuple[Callable[[], object], tuple[str, ...]]]:
    """Calls that a connector may refuse, and the forms in which their messages may quote what was given."""
    partition, known = _listed_partition(case)
    cursor = (
        _STRANGE_CURSOR.decode(),
        _STRANGE_CURSOR.hex(),
        _STRANGE_CURSOR.hex().upper(),
        base64.b64encode(_STRANGE_CURSOR).decode(),
    )
    other = Partition(namespace=partition.namespace, cursor=_STRANGE_CURSOR)
    strange: Any = _STRANGE_TYPE  # on the wire, a type is any number
    calls: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
        "namespace": (
            lambda: case.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=_STRANGE_NAMESPACE)),
            (_STRANGE_NAMESPACE,),
        )
    }
    if case.declared.is_source:
        calls["cursor"] = (
            lambda: case.api.list_data(ListDataRequest(partition=partition, cursor=_STRANGE_CURSOR, type=known)),
            cursor,
        )
        calls["partition's cursor"] = (
            lambda: case.api.list_data(ListDataRequest(partition=other, type=known)),
            cursor,
        )
        calls["data type"] = (
            lambda: case.api.list_data(ListDataRequest(partition=partition, type=strange)),
            (str(_STRANGE_TYPE),),
        )
    if case.declared.is_sink:
        calls["data type of a page"] = (
            lambda: case.api.write_data(WriteDataRequest(namespace=partition.namespace, type=strange)),
            (str(_STRANGE_TYPE),),
        )
    return calls


def _listed_partition(case: Case) -> tuple[Partition, DataType]:
    """A partition as dsync sends it back, and a type in which it can be listed."""
    known = (case.declared.source_types or case.declared.sink_types)[0]
    if case.offers(Need.LISTING):
        namespace, known, _ = case.listable(max_size=2)
        for partition in case.driver.plan([namespace]).partitions:
            return strip(partition), known
    return Partition(namespace=case.subject.namespaces.beside("packaging")), known


def _uri(case: Case) -> str:
    settings = case.subject.target.settings
    if settings is None:
        raise KitError("the settings are not known")
    return settings.uri


def _shown(settings: type[ConnectorSettings], words: list[str]) -> str:
    """The text of the settings parsed from these words, or of the error."""
    try:
        parsed = settings.parse(words, {})[0]
    except UsageError as error:
        return str(error)
    return f"{parsed!r} {parsed}"


def _lines(case: Case, path: Path) -> Iterator[tuple[int, bytes, DataType]]:
    """The documents of a file, one per line; a `.txt` holds other things, such as namespaces."""
    types = {
        ".json": DATA_TYPE_JSON_ID,
        ".jsonl": DATA_TYPE_JSON_ID,
        ".ejson": DATA_TYPE_MONGO_BSON,
        ".ejsonl": DATA_TYPE_MONGO_BSON,
        ".base64": DATA_TYPE_MONGO_BSON,
    }
    if path.suffix not in types:
        if path.suffix != ".txt":
            case.notes.append(f"{path.name} was ignored: its extension is not one of {', '.join(types)}, .txt")
        return
    # As bytes: a line that isn't UTF-8 is a fine example of an invalid document.
    contents = path.read_bytes()
    lines = [contents] if path.suffix in (".json", ".ejson") else contents.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line, types[path.suffix]


def _check_line(case: Case, path: Path, number: int, line: bytes, data_type: DataType, *, valid: bool) -> None:
    """Raise Violation for a document that is in the wrong folder."""
    problem = ""
    try:
        if path.suffix == ".base64":
            document = base64.b64decode(line.strip(), validate=True)
        elif data_type == DATA_TYPE_JSON_ID:
            document = line
        else:
            document = encode(json_util.loads(line.decode(), json_options=_EXTENDED_JSON), data_type)
        check_document(document, data_type)
    except (InvalidArgument, BSONError, ValueError, TypeError) as error:
        problem = str(error)
    case.check(
        valid is not bool(problem),
        f"{path}, line {number}, does not belong in its folder",
        expected=f"{'a' if valid else 'no'} {type_name(data_type)} document with an id",
        seen=problem or "it decodes",
    )


RULES = (registered, help_texts, errors, secrets, test_data, readme)
