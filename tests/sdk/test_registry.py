"""The registry: which connector a URI or name means, and connectors in folders."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsync_kit.connector import Connector
from dsync_kit.errors import UsageError
from dsync_kit.protocol import GetInfoRequest
from dsync_kit.registry import (
    RegisteredConnector,
    bundled,
    bundled_folders,
    connector_for,
    discover,
    import_folder,
    load_folder,
    unknown_connector,
)
from dsync_kit.settings import ConnectorSettings
from dsync_kit.targets.resolving import find_connector
from dsync_kit.testing import load_harness
from dsync_kit.usage import CannotLoad

REGISTRATION = """
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings
from .connector import Example

CONNECTOR = RegisteredConnector(
    name="example", schemes=("ex",), settings=ConnectorSettings, create=Example, usage="ex://HOST"
)
"""

CONNECTOR = """
from dsync_kit.connector import Connector
from dsync_kit.protocol import GetInfoResponse

class Example(Connector):
    def __init__(self, settings):
        self.settings = settings

    def get_info(self, request):
        from .late import DB_TYPE
        return GetInfoResponse(db_type=DB_TYPE)
"""

PYPROJECT = """
[project.entry-points."dsync.connectors"]
example = "dsync_connector_example_of_a_test.registration:CONNECTOR"
"""


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def make_folder(folder: Path, **files: str) -> Path:
    """A connector's folder; `files` replace its default modules, by stem."""
    contents = {
        "__init__.py": "",
        "registration.py": REGISTRATION,
        "connector.py": CONNECTOR,
        "late.py": f"DB_TYPE = {folder.name!r}",
        "pyproject.toml": PYPROJECT,
    }
    contents |= {"pyproject.toml" if stem == "pyproject" else f"{stem}.py": text for stem, text in files.items()}
    folder.mkdir(parents=True)
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def db_type(connector: RegisteredConnector) -> str:
    return connector.create(connector.settings(uri="ex://h")).get_info(GetInfoRequest()).db_type


def registered(*schemes: str, names: tuple[str, ...] = ()) -> RegisteredConnector:
    return RegisteredConnector(
        name="Example", settings=ConnectorSettings, create=lambda _: Connector(), usage="", schemes=schemes, names=names
    )


@pytest.mark.parametrize(
    ("word", "matches"),
    [
        ("ex://host", True),
        ("EX://host", True),
        ("Ex+Tls://", True),
        ("ex:host", False),
        ("ex", False),
        ("exx://host", False),
        ("x-ex://host", False),
        ("/dev/ex", True),
        ("/DEV/EX", False),
        ("/dev/ex/", False),
        ("Example", False),
    ],
)
def test_matching(word: str, matches: bool) -> None:
    """Schemes match without case and as a whole, names exactly."""
    assert registered("ex", "EX+tls", names=("/dev/ex",)).matches(word) is matches


def test_name_is_not_a_uri() -> None:
    """A connector's own name, without case, is only for help."""
    connector = registered("ex")
    assert connector.is_named("EXAMPLE")
    assert not connector.is_named("ex")


def test_bundled_connectors() -> None:
    """Exactly the kit's own connectors are found by their names."""
    null, random = connector_for("/dev/null"), connector_for("/dev/random")
    assert null is not None
    assert random is not None
    assert (null.name, random.name) == ("null", "random")
    assert connector_for("/dev/nothing") is None
    assert connector_for("no-such-scheme://x") is None
    names = [connector.name for connector in discover()]
    assert len(set(names)) == len(names)


def test_bundled_folders_have_their_connectors_names() -> None:
    """The names that the scaffold treats as taken, without importing the connectors, are theirs."""
    assert [folder.name for folder in bundled_folders()] == [connector.name for connector in bundled()]


def test_unknown_connector_lists_those_that_there_are() -> None:
    """The error for an unknown URI lists the connectors, and shows no password."""
    message = str(unknown_connector("nope://u:hunter2@h"))
    assert "no connector matches 'nope://u:***@h'" in message
    assert "/dev/null" in message
    assert "/dev/random" in message


def test_folder_loads_without_being_installed(tmp_path: Path) -> None:
    """A folder works as its package, with imports within it, including later ones."""
    connector = load_folder(make_folder(tmp_path / "one"))
    assert connector.name == "example"
    assert db_type(connector) == "one"
    assert "dsync_connector_example_of_a_test.connector" in sys.modules
    assert str(tmp_path) not in sys.path


def test_folder_without_pyproject_and_init(tmp_path: Path) -> None:
    """A folder with only its modules loads under a name made from its own."""
    folder = make_folder(tmp_path / "my-one")
    (folder / "pyproject.toml").unlink()
    (folder / "__init__.py").unlink()
    assert db_type(load_folder(folder)) == "my-one"
    assert "dsync_connector_my_one" in sys.modules


@pytest.mark.parametrize("target", ["registration:CONNECTOR", ":CONNECTOR"])
def test_entry_point_without_a_package(tmp_path: Path, target: str) -> None:
    """An entry point that names no package does not stop the folder from loading."""
    pyproject = PYPROJECT.replace("dsync_connector_example_of_a_test.registration:CONNECTOR", target)
    assert db_type(load_folder(make_folder(tmp_path / "bare", pyproject=pyproject))) == "bare"


def test_two_folders_of_the_same_connector(tmp_path: Path) -> None:
    """Each folder gives its own code, in whatever order they are loaded."""
    one, two = make_folder(tmp_path / "one"), make_folder(tmp_path / "two")
    assert db_type(load_folder(one)) == "one"
    assert db_type(load_folder(two)) == "two"
    assert db_type(load_folder(one)) == "one"


def test_loading_again_gives_the_same_modules(tmp_path: Path) -> None:
    """A folder is imported once, so its classes are the same for everyone; a link to it is the same folder."""
    folder = make_folder(tmp_path / "one")
    (tmp_path / "link").symlink_to(folder)
    first = import_folder(folder, "connector")
    load_folder(folder)
    assert import_folder(tmp_path / "link", "connector") is first


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"registration": "CONNECTOR = 1"}, r"registration.py defines no CONNECTOR: it must be a RegisteredConnector"),
        ({"registration": ""}, "defines no CONNECTOR"),
        ({"registration": "def broken("}, r"registration.py cannot be imported: SyntaxError"),
        ({"registration": "\n1 / 0"}, r"cannot be imported: ZeroDivisionError: .* \(line 2 of registration.py\)"),
        (
            {"registration": "import no_such_module_anywhere"},
            r"needs the module 'no_such_module_anywhere'.*pip install",
        ),
        ({"__init__": "1 / 0"}, "cannot be imported: ZeroDivisionError"),
        ({"__init__": "import no_such_module_anywhere"}, "needs the module 'no_such_module_anywhere'"),
        ({"pyproject": "[project"}, r"pyproject.toml is not valid TOML"),
    ],
)
def test_broken_registration(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """The error says what is wrong with a folder, the second time as well."""
    folder = make_folder(tmp_path / "broken", **files)
    for _ in range(2):
        with pytest.raises(UsageError, match=message):
            load_folder(folder)


def test_folder_can_be_repaired(tmp_path: Path) -> None:
    """A folder whose package failed to import loads once it is repaired."""
    folder = make_folder(tmp_path / "broken", __init__="1 / 0")
    with pytest.raises(UsageError):
        load_folder(folder)
    (folder / "__init__.py").write_text("# repaired, and of another length\n", encoding="utf-8")
    assert db_type(load_folder(folder)) == "broken"


def test_no_connector_folder(tmp_path: Path) -> None:
    """The error about a folder without registration.py says how to make one."""
    with pytest.raises(UsageError, match=r"is not a connector's folder: it has no registration\.py .*dsync-new"):
        load_folder(tmp_path)


def test_harness(tmp_path: Path) -> None:
    """The harness that conformance.py names is loaded; one that names none is a usage error."""
    source = "from dsync_kit.testing import Harness\nclass Mine(Harness): ...\n"
    assert load_harness(make_folder(tmp_path / "one", conformance=source + "HARNESS = Mine")).__name__ == "Mine"
    for number, wrong in enumerate(("", "HARNESS = Mine()", "HARNESS = int")):
        with pytest.raises(UsageError, match="names no HARNESS: expected a subclass of Harness"):
            load_harness(make_folder(tmp_path / f"wrong{number}", conformance=source + wrong))


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("referense://x", r"did you mean reference://\?"),
        ("reference", "reference is a connector's name: give what it connects to, reference://"),
        ("", "an empty word"),
    ],
)
def test_advice_for_a_word_that_is_nearly_right(word: str, advice: str) -> None:
    """A typo in a scheme, and a name in place of a URI, get other messages than something unknown."""
    with pytest.raises(UsageError, match=advice):
        find_connector(word)


def test_a_uri_of_a_connector_in_the_folder_of_connectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by the name in its pyproject.toml; no other is loaded, however broken it is."""
    registration = """
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings

CONNECTOR = RegisteredConnector(
    name="mine", schemes=("mine",), settings=ConnectorSettings, create=lambda settings: None, usage="mine://HOST"
)
"""
    texts = {"other": "raise SystemExit", "mine": registration, "toml": "raise SystemExit"}
    for name, text in texts.items():
        folder = tmp_path / "connectors" / name
        folder.mkdir(parents=True)
        (folder / "registration.py").write_text(text)
        point = f'[project.entry-points."dsync.connectors"]\n{name} = "dsync_of_{name}.registration:CONNECTOR"'
        (folder / "pyproject.toml").write_text(point if name != "toml" else "[")
    monkeypatch.chdir(tmp_path)
    connector, folder = find_connector("MINE://x")
    assert (connector.name, folder) == ("mine", None)
    with pytest.raises(UsageError, match="such as connectors/mine, connectors/other, "):
        find_connector("yours://x")
    with pytest.raises(CannotLoad, match=r"registration\.py cannot be loaded: it calls sys\.exit"):
        find_connector("other://x")


def test_a_harness_that_starts_with_a_text(tmp_path: Path) -> None:
    """A string is a sequence of words, too, of one letter each: it is refused, without being repeated."""
    source = "from dsync_kit.testing import Harness\nclass Mine(Harness):\n    def start(self): return 'x://secret'\n"
    harness = load_harness(make_folder(tmp_path / "one", conformance=source + "HARNESS = Mine"))
    with (
        pytest.raises(UsageError, match="must return a list of words, the URI first, but returned a str"),
        harness().running(),
    ):
        pass
