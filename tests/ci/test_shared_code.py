"""Files outside a connector that are part of it: requirements, imported modules, files that it reads."""

import pytest

from dsync_kit.errors import UsageError

from .conftest import Repository, change, touched

pytestmark = pytest.mark.usefixtures("no_outer_git")

ALL = ["connectors/a", "connectors/b", "other/c"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *(
            (path, ALL)
            for path in (
                "requirements/base.txt",
                "requirements/ci/linux.pip",
                "requirements.in",
                "requirements-dev.in",
                "dev-requirements.txt",
                "Requirements.txt",
                "constraints.in",
                "environment.yml",
                "environment-ci.yaml",
                "Pipfile",
                "Pipfile.lock",
                "poetry.lock",
                "pdm.lock",
                "pylock.ci.toml",
                "pixi.toml",
                "conda-lock.yml",
                "conda-linux-64.lock",
                "package-lock.json",
                ".python-version",
            )
        ),
        ("connectors/requirements/base.txt", ["connectors/a", "connectors/b"]),
        ("connectors/a/requirements/base.txt", ["connectors/a"]),
        ("tools/requirements/base.txt", []),
        ("docs/locking.md", []),
    ],
)
def test_requirements(monorepo: Repository, path: str, expected: list[str]) -> None:
    """Any file that defines what is installed touches the connectors below it."""
    monorepo.write(path, "changed")
    assert touched(monorepo) == expected


def settle(repository: Repository) -> None:
    """Commit everything to main as well, so that it is not a change."""
    repository.commit()
    repository.git("branch", "--quiet", "--force", "main")


def test_requirements_that_include_others(monorepo: Repository) -> None:
    """Included files count as part of a requirements file."""
    monorepo.write("connectors/requirements.txt", "-r ../tools/pinned.pip  # all of them\n")
    monorepo.write("tools/pinned.pip")
    settle(monorepo)
    monorepo.write("tools/pinned.pip", "grpcio==1\n")
    assert touched(monorepo) == ["connectors/a", "connectors/b"]


@pytest.mark.parametrize("path", [".github/workflows/gate.yml", ".gitlab-ci.yml", "Jenkinsfile"])
def test_what_runs_the_gate(monorepo: Repository, path: str) -> None:
    """It defines Python and the profile; files that it names count, too. Other workflows don't matter."""
    monorepo.write(path, "run: pip install -r tools/pinned.pip; dsync-kit ci\n")
    monorepo.write("tools/pinned.pip")
    assert touched(monorepo) == ALL
    settle(monorepo)
    monorepo.write("tools/pinned.pip", "grpcio==1\n")
    assert touched(monorepo) == ALL
    settle(monorepo)
    monorepo.write(".github/workflows/docs.yml", "run: make docs\n")
    assert touched(monorepo) == []


@pytest.mark.parametrize(
    ("statement", "path"),
    [
        ("import helper", "connectors/helper.py"),
        ("import helper", "helper.py"),
        ("import helper.deep", "libs/helper/__init__.py"),
        ("import helper.deep", "libs/helper/deep.py"),
        ("from helper import deep", "libs/src/helper/deep.py"),
        ("from helper import *", "helper/__init__.py"),
        ("from ..helper import deep", "connectors/helper.py"),
        ("from .. import helper", "connectors/helper/__init__.py"),
        ("from ... import helper", "helper.py"),
        ("def late():\n    import helper", "connectors/helper.py"),
        ("importlib.import_module('helper')", "connectors/helper.py"),
        ("importlib.import_module(name)", "connectors/anything.py"),
        ("__import__(name)", "connectors/anything.py"),
        ("this is no Python", "connectors/anything.py"),
        ("path = HERE / 'schema.sql'", "connectors/schema.sql"),
        ("run('docker compose -f ../compose.yml up')", "connectors/compose.yml"),
        ("", "connectors/__init__.py"),
    ],
)
def test_a_module_that_one_connector_imports(monorepo: Repository, statement: str, path: str) -> None:
    """Changing it touches only that connector."""
    monorepo.write("connectors/a/connector.py", statement)
    settle(monorepo)
    monorepo.write(path, "changed = 1\n")
    assert touched(monorepo) == (["connectors/a"] if statement else ["connectors/a", "connectors/b"])
    settle(monorepo)
    (monorepo.folder / path).unlink()
    assert "connectors/a" in touched(monorepo)


def test_what_a_connector_does_not_import(monorepo: Repository) -> None:
    """It touches nothing: an unused module, one with a similar name, and one that only tests import."""
    monorepo.write("connectors/a/connector.py", '"""As helper.py says, see notes.txt."""\nimport json\nimport own\n')
    monorepo.write("connectors/a/own.py")
    monorepo.write("connectors/a/README.md")
    monorepo.write("connectors/a/tests/test_a.py", "import helper\nREADME = 'README.md'\n")
    settle(monorepo)
    for path in ("helper.py", "connectors/own.py", "notes.txt", "README.md", "connectors/README.md", "jsons/own.py"):
        monorepo.write(path, "changed")
    assert touched(monorepo) == []


def test_modules_that_import_each_other(monorepo: Repository) -> None:
    """The distance of the change doesn't matter; any file in an imported package may be read."""
    monorepo.write("connectors/a/connector.py", "import common.first\n")
    monorepo.write("common/__init__.py")
    monorepo.write("common/first.py", "from .second import x\n")
    monorepo.write("common/second.py", "import far\nfrom . import first\n")
    monorepo.write("libs/far.py")
    settle(monorepo)
    for path in ("libs/far.py", "common/second.py", "common/data/table.csv"):
        monorepo.write(path, "changed")
        assert touched(monorepo) == ["connectors/a"]
        settle(monorepo)
    monorepo.write("connectors/b/connector.py", "import first\n")
    monorepo.write("connectors/a/first.py", "x = 1\n")
    assert touched(monorepo) == ["connectors/a", "connectors/b"]


def test_a_connector_that_imports_another(monorepo: Repository) -> None:
    """The import uses the package name that the other one's pyproject.toml gives its folder."""
    monorepo.copy("null", "connectors/null")
    monorepo.write("other/c/connector.py", "from dsync_connector_null.connector import NullConnector\n")
    settle(monorepo)
    monorepo.write("connectors/null/connector.py", "changed = 1\n")
    assert touched(monorepo) == ["connectors/null", "other/c"]


@pytest.mark.parametrize(
    "project",
    [
        '[tool.setuptools]\npackage-dir = { "shared.lib" = "code" }\n',
        '[tool.hatch.build.targets.wheel.sources]\n"code" = "shared/lib"\n',
        '[tool.hatch.build.targets.wheel.force-include]\n"code" = "shared/lib"\n',
    ],
)
def test_a_package_in_a_folder_of_another_name(monorepo: Repository, project: str) -> None:
    """It is found where its project says that it is."""
    monorepo.write("libs/pyproject.toml", project)
    monorepo.write("connectors/a/connector.py", "from shared.lib.deep import x\n")
    settle(monorepo)
    monorepo.write("libs/code/deep.py", "x = 1\n")
    assert touched(monorepo) == ["connectors/a"]


@pytest.mark.parametrize("glob", ["common/*.py", "common", "./common/", "c?mmon/**"])
def test_shared_files(monorepo: Repository, glob: str) -> None:
    """A folder or a glob works, even for deleted files."""
    monorepo.write("common/deep/x.py")
    settle(monorepo)
    assert touched(monorepo, base="HEAD", shared=[glob]) == []
    (monorepo.folder / "common/deep/x.py").unlink()
    assert touched(monorepo, base="HEAD", shared=[glob]) == ALL


@pytest.mark.parametrize("glob", ["comon/*.py", "/common", "../common/*", "connectors/a/absent.py"])
def test_a_glob_that_matches_nothing(monorepo: Repository, glob: str) -> None:
    """It is an error, because a mistyped glob would let changes pass."""
    monorepo.write("common/x.py")
    with pytest.raises(UsageError, match=r"--shared .*: it matches no file, neither in the repository nor in"):
        change(monorepo, shared=["common/*", glob])
