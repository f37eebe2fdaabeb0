"""Every command in the project's pages exists and runs, or is listed here with the reason why it does not."""

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from dsync_kit.cli import kit, new
from dsync_kit.cli.endpoints import take_ends
from dsync_kit.registry import packaged_folder
from dsync_kit.scaffold.releases import released

from .commands import OURS, PAGES, ROOT, Command, commands_in

SECONDS = 60

PLACEHOLDERS = {
    "S": "shop",
    "ID": "list/ends",
    "SOURCE": "/dev/fakesource",
    "SINK": "/dev/null",
    "TARGET": "reference://",
}
"""Words that stand for others. Any other word in capitals is a mistake, but for these:"""
LITERALS = ("HEAD",)

MOVED = {"127.0.0.1:8088": "127.0.0.1:0", "/tmp/": "{sandbox}/tmp/"}  # noqa: S108 - what the pages say
"""What must be another here: the port may be taken, and nothing is written outside of the sandbox."""

SHORTER = {
    "verify": ["--profile", "quick", "--rule", "info/*"],
    "ci": ["--profile", "quick", "--rule", "info/*"],
}
"""What is added so that it takes seconds; rules that the page names itself stay."""

PREPARED = {
    "docs/ci.md": [["dsync-new", "connector", "--scheme", "memory", "--name", "s3", "--defaults"]],
    "docs/update.md": [
        ["dsync-new", "connector", "--scheme", "memory", "--name", "s3", "--defaults"],
        ["dsync-new", "connector", "--scheme", "mine", "--defaults"],
        ["rm", "connectors/mine/.copier-answers.yml"],
        ["git", "add", "--all"],
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "made"],
    ],
}
"""What a page takes for granted."""

FAILING = {
    r"dsync-kit replay ": (2, "no failure .* is saved"),
    r"dsync-kit verify .* --against v1\.4": (2, "there is no commit 'v1.4' in the repository"),
}
"""Commands that cannot succeed where nothing has failed, or been released: the exit code, and what is said."""


@dataclass(frozen=True, slots=True)
class NotRun:
    """Commands that are not run here, with the reason."""

    pattern: str
    reason: str


NOT_RUN = (
    NotRun(r"pip install ", "tests/scaffold/test_install.py and tests/ci/test_action.py install connectors"),
    NotRun(r"pytest ", "tests/scaffold runs the tests of rendered connectors, and the suite those of the examples"),
    NotRun(r"dsync ", "dsync's own binary: tests/test_dsync.py runs it where DSYNC_BIN names one"),
    NotRun(r".*\./shelf ", "tests/sdk/test_guide.py runs the page's connector"),
    NotRun(r".*\./tables ", "tests/sdk/test_guide_tables.py runs the page's connector"),
    NotRun(r"dsync-kit ci --list \|", "tests/ci/test_action.py runs it: it installs connectors"),
    NotRun(r"dsync-kit fuzz ", "it explores for minutes or hours: tests/cli/test_fuzz.py runs it for seconds"),
    NotRun(r"dsync-kit e2e ", "a flow takes half a minute: tests/e2e runs some"),
    NotRun(r"dsync-kit badge report", "a report of the reader's own: tests/cli/test_badge.py makes one"),
    NotRun(r"dsync-kit run .*fixture://", "a folder of the reader's own: tests of the example run one"),
    NotRun(
        r"dsync-kit run .*\b(s3|grpc|mongodb)://", "data systems of the reader's own: tests/flow runs what is local"
    ),
    NotRun(
        r"dsync-kit (verify|schema) .*\bpublic\.", "a database of the reader's own: tests/test_dsync.py judges a table"
    ),
    NotRun(r"dsync-kit schema grpc://", "a server of the reader's own: tests/cli/test_schema.py serves one"),
    NotRun(r"dsync-(kit|new) .*\[[a-z]+-[a-z]+\]", "it tells the grammar, and is no command"),
)


class Sandbox:
    """A folder in which the commands of one page run, one after the other: a git repository with the examples."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(packaged_folder("examples"), folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "tmp").mkdir()
        git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "first")):
            subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)

    def run(self, words: list[str]) -> tuple[int, str]:
        """The exit code, and the output."""
        program = words[0]
        if program == "make":
            # What it would do: the targets themselves build environments, and run these tests.
            return self._process(["make", "--dry-run", "-C", str(ROOT), *words[1:]])
        if program not in OURS:
            return self._process(words)
        if words[1:2] == ["serve"]:
            return self._serve(words)
        if words[1:2] == ["run"] or "--jobs" in words:
            return self._process([sys.executable, "-m", "dsync_kit.cli.kit", *words[1:]])
        return self._here(kit.main if program == "dsync-kit" else new.main, words)

    def _here(self, main: Any, words: list[str]) -> tuple[int, str]:
        """Run it in this process, which is faster."""
        output = io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        argv, sys.argv = sys.argv, words
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                try:
                    main()
                except SystemExit as ended:
                    return int(ended.code or 0), output.getvalue()
        finally:
            sys.argv = argv
            for number, handler in handlers.items():
                signal.signal(number, handler)
        raise AssertionError(f"{words} did not end with an exit code")

    def _process(self, words: list[str]) -> tuple[int, str]:
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        return done.returncode, done.stdout + done.stderr

    def _serve(self, words: list[str]) -> tuple[int, str]:
        """Run it until it is serving; then stop it."""
        command = [sys.executable, "-m", "dsync_kit.cli.kit", *words[1:]]
        with subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("serving "):
                    process.send_signal(signal.SIGTERM)
            return process.wait(timeout=SECONDS), said


@pytest.fixture(autouse=True)
def no_outer_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the outer CI system's variables from the commands."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CI_", "GIT_"))]:
        monkeypatch.delenv(name)


def commands(page: Path) -> list[Command]:
    """A page's commands, without duplicates."""
    found = commands_in(page, page.read_text(encoding="utf-8"))
    return list({command.text: command for command in found}.values())


ALL = [command for page in PAGES for command in commands(page)]


def targets() -> set[str]:
    """The Makefile's targets."""
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def variables_of_make() -> set[str]:
    """The variables that the Makefile reads."""
    return set(re.findall(r"\$\((?:if \$\()?([A-Z_]+)\)", (ROOT / "Makefile").read_text(encoding="utf-8")))


def _as_local(words: list[str]) -> list[str]:
    """The ends of a run, with bundled connectors in place of those that the reader has, or will make."""
    text = " ".join({"SOURCE": "/dev/fakesource", "SINK": "/dev/null"}.get(word, word) for word in words)
    text = re.sub(r"(?:connectors/\w+ )?\b(?:s3|mongodb|example|shelf)://\S*(?: --region \S+)?", "reference://", text)
    return text.split()


@pytest.mark.parametrize("command", [command for command in ALL if command.words[0] in OURS], ids=str)
def test_a_command_exists(command: Command) -> None:
    """The command exists, and so does every option before those of a connector."""
    program, *words = command.words
    if program == "make":
        assert words
        variables = {word.partition("=")[0] for word in words if "=" in word}
        assert {word for word in words if "=" not in word} <= targets()
        assert variables <= variables_of_make()
        return
    group: Any = typer.main.get_command(kit.app if program == "dsync-kit" else new.app)
    params = list(group.params)
    if words and not words[0].startswith("-"):
        assert words[0] in group.commands
        subcommand = group.commands[words[0]]
        settings = subcommand.context_settings
        if words[0] == "run" and len(words) > 1 and not words[1].startswith("["):
            # The options of the run; then the ends, each with its own.
            ends = subcommand.make_context("run", words[1:]).params["words"]
            assert take_ends(_as_local(ends))
            return
        if settings.get("ignore_unknown_options") or not settings.get("allow_interspersed_args", True):
            return  # the rest may belong to a connector: only running it shows
        params = list(subcommand.params)
    known = {name for param in params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    given = {word.partition("=")[0] for word in words[: [*words, "--"].index("--")] if word.startswith("-")}
    assert given <= known


def _run_pages() -> Iterator[Any]:
    for page in PAGES:
        if commands(page):
            name = str(page.relative_to(ROOT))
            # These two verify several connectors.
            slow = name in ("docs/ci.md", "skills/create-dsync-connector/SKILL.md")
            yield pytest.param(page, id=name, marks=[pytest.mark.campaign] if slow else [])


@pytest.mark.parametrize("page", list(_run_pages()))
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """In order, in one folder, each with the exit code that a reader expects."""
    sandbox = Sandbox(tmp_path)
    for words in PREPARED.get(str(page.relative_to(ROOT)), []):
        assert sandbox.run(words)[0] == 0
    wrong = []
    for command in runnable(page):
        expected, message = next(
            (outcome for pattern, outcome in FAILING.items() if re.match(pattern, command.text)), (0, "")
        )
        code, said = sandbox.run(prepared(command, sandbox.folder))
        if code != expected or not re.search(message, said):
            wrong.append(f"{command} ended with {code}:\n{said[-2000:]}")
    assert not wrong, "\n\n".join(wrong)


def runnable(page: Path) -> Iterator[Command]:
    """The commands of a page that are run here: all except the listed ones, and names of commands in sentences."""
    for command in commands(page):
        if command.inline and len(command.words) <= 2 and command.words[0] != "make":
            continue  # that it exists is tested above, and it may need more words
        if not any(re.match(entry.pattern, command.text) for entry in NOT_RUN):
            yield command


def prepared(command: Command, sandbox: Path) -> list[str]:
    """The words that are run in place of those on the page."""
    words = []
    for word in command.words:
        word = PLACEHOLDERS.get(word, word)
        if re.fullmatch(r"[A-Z][A-Z_-]*", word) and word not in LITERALS:
            raise ValueError(f"{command}: {word} stands for something: give it a value in PLACEHOLDERS")
        if "…" in word:
            raise ValueError(f"{command}: it is not whole")
        for place, other in MOVED.items():
            word = word.replace(place, other.format(sandbox=sandbox))
        words.append(word)
    if words[0] == "dsync-kit" and words[1] in SHORTER:
        more = SHORTER[words[1]]
        words += more[:2] if "--rule" in words else more
    if words[:2] == ["dsync-kit", "run"]:
        words[2:2] = ["--limit", "100", *([] if "--mode" in words else ["--mode", "initial-sync"])]
    return words


@pytest.mark.parametrize("entry", NOT_RUN, ids=lambda entry: entry.pattern)
def test_what_is_not_run_is_there(entry: NotRun) -> None:
    """The list has no unused entry."""
    assert any(re.match(entry.pattern, command.text) for command in ALL)


@pytest.mark.parametrize("word", PLACEHOLDERS)
def test_placeholders_are_there(word: str) -> None:
    """Nor has this one."""
    assert any(word in command.words for command in ALL)


def test_the_skill_is_one() -> None:
    """It meets the agents' format: a name that equals its folder's, and a description that says when to use it."""
    page = ROOT / "skills/create-dsync-connector/SKILL.md"
    _, head, body = page.read_text(encoding="utf-8").split("---\n", 2)
    described = yaml.safe_load(head)
    assert described["name"] == page.parent.name
    assert "Use it when" in described["description"]
    assert 0 < len(described["description"]) <= 1024
    assert len(body.splitlines()) < 500


def test_the_page_on_ci_names_what_there_is() -> None:
    """It names the last release, the action's inputs and the hook."""
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:@|rev: )v([\d.]+\d)", text)) == {str(released()[-1])}
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    sentence = re.search(r"Its inputs are (.*?);", text)
    assert sentence is not None
    assert set(re.findall(r"`([a-z-]+)`", sentence[1])) == set(action["inputs"])
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert re.findall(r"- id: (\S+)", text) == [hook["id"] for hook in hooks]


def test_a_page_with_a_wrong_command_is_found_out(tmp_path: Path) -> None:
    """A wrong command is found in any place in a page."""
    page = tmp_path / "page.md"
    text = (
        "Type `dsync-kit verify x --fast` or `make\ncoffee`.\n\n"
        "```\ndsync-kit brew  # coffee\n  or  dsync-new tea --hot\n```\n\n"
        "1. first\n\n   ```sh\n   dsync-kit list 'a b' | wc\n   ```\n"
    )
    found = list(commands_in(page, text))
    assert [(command.text, command.inline) for command in found] == [
        ("dsync-kit verify x --fast", True),
        ("make coffee", True),
        ("dsync-kit brew", False),
        ("dsync-new tea --hot", False),
        ("dsync-kit list 'a b' | wc", False),
    ]
    assert found[-1].words == ["dsync-kit", "list", "a b"]
    for command in found[:4]:
        with pytest.raises(AssertionError):
            test_a_command_exists(command)
    with pytest.raises(ValueError, match="'brew' is no program that is known here"):
        list(commands_in(page, "```sh\nbrew install dsync-kit\n```\n"))
    with pytest.raises(ValueError, match="FOO stands for something"):
        prepared(Command(page, "dsync-kit list FOO", inline=False), tmp_path)
