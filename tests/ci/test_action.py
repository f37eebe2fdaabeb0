"""The GitHub Action, the rendered workflow and the pre-commit hook: parsed as by their systems, and run here."""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsync_kit import __version__
from dsync_kit.scaffold.rendering import Answers, scaffold

from .conftest import Command, Repository, clean_environ

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""How GitHub runs a step whose shell is bash."""

OTHERS_ACTIONS = {"actions/checkout": {"fetch-depth"}, "actions/setup-python": {"python-version"}}
"""The steps that cannot run here: each with those of its inputs that we use."""


def shell_steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Our own steps; the other steps use only actions that we know."""
    for step in steps:
        if "uses" in step:
            name, _, version = step["uses"].partition("@")
            assert re.fullmatch(r"v\d+", version)
            assert set(step.get("with", {})) <= OTHERS_ACTIONS[name]
    return [step for step in steps if "run" in step]


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a new environment in which the action's own step installed the kit."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
    python = folder / "bin" / "python"
    show = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip())
    # Everything of this environment but the kit: pip finds it installed, and, since it lies elsewhere, leaves it alone.
    others = tmp_path_factory.mktemp("others")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "dsync" not in path.name and path.suffix != ".pth":
            (others / path.name).symlink_to(path)
    (site / "others.pth").write_text(f"{others}\n", encoding="utf-8")
    install = next(step for step in shell_steps(ACTION["runs"]["steps"]) if step["name"] == "Install dsync-kit")
    environ = clean_environ(
        PATH=f"{folder}/bin:/usr/bin:/bin",
        GITHUB_ACTION_PATH=str(ROOT),
        VERSION=ACTION["inputs"]["version"]["default"],
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    done = subprocess.run([*BASH, install["run"]], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "bin" / "dsync-kit").is_file()
    return folder / "bin"


class Runner:
    """Runs the steps of an action, or of a workflow's job, in a repository."""

    def __init__(self, repository: Repository, bin_folder: Path) -> None:
        self.folder = repository.folder
        self.page = repository.folder.parent / "page.md"
        self.environ = clean_environ(
            PATH=f"{bin_folder}:/usr/bin:/bin",
            GITHUB_ACTIONS="true",
            GITHUB_BASE_REF="main",
            GITHUB_STEP_SUMMARY=str(self.page),
            PIP_DISABLE_PIP_VERSION_CHECK="1",
        )

    def run(self, steps: list[dict[str, Any]], inputs: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """The last step that ran: the first that failed, or the last of all."""
        for step in shell_steps(steps):
            environ = {name: self._value(str(text), inputs) for name, text in step.get("env", {}).items()}
            assert "${{" not in step["run"], "what is given would be run as code: it belongs into env"
            done = subprocess.run(
                [*BASH, step["run"]],
                cwd=self.folder,
                env={**self.environ, **environ},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                return done
        return done

    @staticmethod
    def _value(text: str, inputs: dict[str, str]) -> str:
        return re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: inputs[found[1]], text)


@pytest.fixture
def runner(repository: Repository, bin_folder: Path) -> Runner:
    """Runs steps in a repository with two working connectors, one of which the branch changes."""
    for name in ("one", "two"):
        repository.working_connector(f"connectors/{name}")
    repository.write(".gitignore", "__pycache__/\n*.egg-info/\n.dsync-kit/\n")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    repository.write("connectors/one/new.py")
    repository.commit()
    return Runner(repository, bin_folder)


def inputs(**given: str) -> dict[str, str]:
    """The action's inputs: the given ones, and defaults for the others."""
    return {
        name: given.get(name.replace("-", "_"), described["default"]) for name, described in ACTION["inputs"].items()
    }


def test_the_action_is_complete() -> None:
    """It meets GitHub's format: a name, a composite run, a shell for each step, described and used inputs."""
    assert ACTION["name"]
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in shell_steps(ACTION["runs"]["steps"]))
    assert all(described["description"] and isinstance(described["default"], str) for described in inputs_described())
    used = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert (
        used
        == set(ACTION["inputs"])
        == {*("base", "connectors", "shared", "profile", "strict", "python-version", "version")}
    )


def inputs_described() -> list[dict[str, Any]]:
    return list(ACTION["inputs"].values())


def test_the_action_runs(runner: Runner, repository: Repository) -> None:
    """With the kit installed, it installs the touched connector, passes a good change, and stops a bad one."""
    *steps, last = [step for step in ACTION["runs"]["steps"] if step.get("name") != "Install dsync-kit"]
    steps.append({**last, "run": last["run"].rstrip() + " --rule 'info/*' --rule 'packaging/*'"})
    done = runner.run(steps, inputs(profile="quick"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "connectors/one (1 of 1)" in done.stdout
    assert "| `connectors/one` | ✅ conformant" in runner.page.read_text(encoding="utf-8")
    text = (repository.folder / "connectors/one/connector.py").read_text(encoding="utf-8")
    repository.write("connectors/one/connector.py", text.replace('db_type="null"', 'db_type=""'))
    repository.commit()
    done = runner.run(steps[-1:], inputs(profile="quick", base="main"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error file=connectors/one/connector.py,line=" in done.stdout


def test_what_the_action_is_given_is_checked(runner: Runner) -> None:
    """A wrong input stops it with one sentence."""
    last = ACTION["runs"]["steps"][-1:]
    for given, message in (
        (inputs(strict="yes"), "strict is 'yes': expected true or false"),
        (inputs(profile="slow"), "there is no profile 'slow'"),
        (inputs(base="$(touch injected)"), "git finds no such branch or commit here"),
        (inputs(connectors="absent"), "--connectors absent: no connector is there"),
        (inputs(shared="connectors/*\nno such/*\n"), "--shared no such/*: it matches no file"),
    ):
        done = runner.run(last, given)
        assert done.returncode == 2
        assert message in done.stdout + done.stderr
    assert not (runner.folder / "injected").exists()


def test_the_workflow_of_a_connector(bin_folder: Path, tmp_path: Path) -> None:
    """It requires this version of the kit, fetches the history, and verifies the connector at the root."""
    made = scaffold(Answers(scheme="memory", name="scratch", ci="github"), output=tmp_path / "scratch")
    repository = Repository(made.folder)
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    repository.write("tests/test_new.py")
    repository.commit()
    workflow = yaml.safe_load((repository.folder / ".github/workflows/connectors.yml").read_text(encoding="utf-8"))
    assert set(workflow[True]) == {"pull_request", "push"}  # YAML 1.1 reads `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    job = workflow["jobs"]["verify"]
    assert job["defaults"]["run"]["shell"] == "bash"
    assert job["steps"][0]["with"]["fetch-depth"] == 0
    kit, *others = shell_steps(job["steps"])
    assert kit["run"] == f'python -m pip install "dsync-kit>={__version__}"'
    runner = Runner(repository, bin_folder)
    assert others[-1]["run"] == "dsync-kit ci"
    others[-1]["run"] += " --profile quick --rule 'info/*' --rule 'packaging/*'"
    done = runner.run(others, {})  # the kit is installed: this version of it may not be published yet
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| `.` | ✅ conformant" in runner.page.read_text(encoding="utf-8")


def test_the_hook(repository: Repository, dsync_kit: Command) -> None:
    """It is complete, and its entry verifies the changes about to be committed, with the quick profile."""
    [hook] = HOOKS
    assert hook["id"] == "dsync-kit-ci"
    assert hook["name"]
    assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("system", False, True)
    command, *words = hook["entry"].split()
    assert command == "dsync-kit"
    repository.working_connector("connectors/one")
    repository.git("add", "--all")
    first = dsync_kit(*words, "--rule", "info/*")
    assert "connectors/one (1 of 1)" in first.stdout
    assert re.search(r"profile +quick,", first.stdout)
    assert first.returncode == 0
    repository.commit()
    assert dsync_kit(*words).stdout.startswith("no connector is touched (1 known; compared with HEAD)")
