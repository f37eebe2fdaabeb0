"""Folders of connectors that work, but fail their users, reviewers or maintainers."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from .fault import Difficulty, Fault
from .folders import Break

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []


def broken(rule: str, difficulty: Difficulty = "any call") -> Callable[[Break], Break]:
    """List a function that breaks a rendered folder as a fault: its name and docstring are the fault's."""

    def add(break_it: Break) -> Break:
        name = break_it.__name__.replace("_", "-")
        FAULTS.append(Fault(name, rule, difficulty, break_it, break_it.__doc__ or "", "folder"))
        return break_it

    return add


def replace(path: Path, old: str, new: str) -> None:
    """Replace text in a file. Raises ValueError if it is not there, because the template has changed."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path.name} has no {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")


@broken("packaging/registered")
def no_entry_point(folder: Path) -> None:
    """It works from its folder, but is missing once it is installed."""
    path = folder / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'\[project\.entry-points\."dsync\.connectors"\]\n.*\n', "", text), encoding="utf-8")


@broken("packaging/registered")
def entry_point_of_a_module_that_was_renamed(folder: Path) -> None:
    """The module was renamed, and the entry point was not."""
    replace(folder / "pyproject.toml", ".registration:CONNECTOR", ".plugin:CONNECTOR")


@broken("packaging/registered")
def entry_point_of_the_class(folder: Path) -> None:
    """It names the connector's class instead of its registration."""
    replace(folder / "pyproject.toml", ".registration:CONNECTOR", ".connector:PackagedConnector")


@broken("packaging/registered", "special input")
def package_that_is_not_installed(folder: Path) -> None:
    """The package was renamed in one place of two."""
    replace(folder / "pyproject.toml", 'packages = ["dsync_connector_packaged"]', 'packages = ["packaged"]')


@broken("packaging/registered")
def no_pyproject(folder: Path) -> None:
    """A folder that can be run, but not installed."""
    (folder / "pyproject.toml").unlink()


def in_settings(folder: Path, lines: str) -> None:
    """Add lines to the rendered class of the settings."""
    replace(folder / "connector.py", "    # REPLACE: what the URI means", f"{lines}\n    # REPLACE: what the URI means")
    replace(folder / "connector.py", "settings import redact_uri", "settings import option, redact_uri")


def in_connector(folder: Path, lines: str) -> None:
    """Add lines to the rendered class of the connector."""
    replace(folder / "connector.py", "    # REPLACE: connect", f"{lines}\n    # REPLACE: connect")
    replace(folder / "connector.py", "errors import (", "errors import (\n    InvalidArgument,")


@broken("packaging/help")
def option_without_help(folder: Path) -> None:
    """A field of the settings, made as pydantic's documentation says."""
    in_settings(folder, "    batch: int = 5\n")
    replace(folder / "README.md", "`--page-size N`", "`--page-size N`, `--batch N`")


@broken("packaging/help", "special input")
def help_is_the_name(folder: Path) -> None:
    """A mandatory help text that explains nothing."""
    in_settings(folder, '    page_size: int = option(500, help="Page size.", gt=0)\n')


@broken("packaging/errors")
def errors_without_context(folder: Path) -> None:
    """Every error has the same word."""
    in_connector(
        folder,
        "    def list_data(self, request):\n"
        "        try:\n"
        "            return super().list_data(request)\n"
        "        except InvalidArgument as error:\n"
        '            if "Cursor" in error.message:\n'
        '                raise InvalidArgument("bad request") from error\n'
        "            raise\n",
    )


@broken("packaging/errors", "special input")
def type_is_not_named(folder: Path) -> None:
    """An unsupported data type is refused, but not named."""
    methods = "".join(
        f"    def {method}(self, request):\n"
        "        if request.type not in self.data_types:\n"
        '            raise InvalidArgument("unsupported data type")\n'
        f"        return super().{method}(request)\n\n"
        for method in ("list_data", "write_data", "write_updates")
    )
    in_connector(folder, methods)


@broken("packaging/secrets")
def password_is_plain(folder: Path) -> None:
    """A password is a str, which every log of the settings shows."""
    in_settings(folder, '    api_token: str = option("", help="what the server asks for")\n')
    replace(folder / "README.md", "`--page-size N`", "`--page-size N`, `--api-token TOKEN`")


@broken("packaging/secrets", "special input")
def validator_tells_the_secret(folder: Path) -> None:
    """A validator that quotes the value that it refuses."""
    in_settings(
        folder,
        '    key: SecretStr | None = option(None, help="32 hexadecimal digits")\n\n'
        '    @field_validator("key", mode="before")\n'
        "    @classmethod\n"
        "    def _check_key(cls, value: Any) -> Any:\n"
        "        if value is not None and len(value) != 32:\n"
        '            raise ValueError(f"{value!r} has no 32 digits")\n'
        "        return value\n",
    )
    replace(folder / "connector.py", "__all__ = [", "from pydantic import SecretStr, field_validator\n\n__all__ = [")
    replace(folder / "README.md", "`--page-size N`", "`--page-size N`, `--key KEY`")


@broken("packaging/test-data")
def no_test_data(folder: Path) -> None:
    """The tests make up their documents."""
    shutil.rmtree(folder / "test_data")


@broken("packaging/test-data")
def no_invalid_test_data(folder: Path) -> None:
    """Only success is tested."""
    shutil.rmtree(folder / "test_data" / "invalid")


@broken("packaging/test-data", "special input")
def valid_document_without_an_id(folder: Path) -> None:
    """One of the valid documents cannot be written."""
    with (folder / "test_data" / "valid" / "documents.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"name": "nobody"}\n')


@broken("packaging/test-data", "special input")
def edge_case_that_is_no_document(folder: Path) -> None:
    """A truncated edge case."""
    (folder / "test_data" / "edge" / "single.ejsonl").write_text('{"_id": "on', encoding="utf-8")


@broken("packaging/test-data", "special input")
def invalid_document_that_is_valid(folder: Path) -> None:
    """A test of refusals that would refuse nothing."""
    with (folder / "test_data" / "invalid" / "missing-id.ejsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": 1}\n')


@broken("packaging/test-data", "special input")
def test_data_of_one_type_only(folder: Path) -> None:
    """It also accepts JSON, but no test uses any."""
    (folder / "test_data" / "valid" / "documents.jsonl").unlink()


@broken("packaging/readme")
def no_readme(folder: Path) -> None:
    """A folder of code."""
    (folder / "README.md").unlink()


@broken("packaging/readme", "special input")
def option_that_the_readme_lacks(folder: Path) -> None:
    """An option was renamed, and the README was not."""
    replace(folder / "README.md", "--partitions", "--readers")


@broken("identity/other-data")
def id_is_the_connectors_name(folder: Path) -> None:
    """The id says what is connected, but not to which data."""
    replace(
        folder / "connector.py",
        "return str(found)",
        'return "packaged"',
    )
