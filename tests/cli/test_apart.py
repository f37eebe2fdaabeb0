"""What a connector's code may do to the process that judges it, and how `verify` and `ci` report it."""

import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.processes import judging
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.conformance.running.processes.messages import Named, Orders
from dsync_kit.report.terminal import TerminalProgress

from .conftest import Command

REGISTRATION = """
import ctypes, os, sys, threading, time
from dsync_kit.registry import RegisteredConnector, import_folder, packaged_folder
{loaded}
reference = import_folder(packaged_folder("examples") / "reference", "registration")
connector = import_folder(packaged_folder("examples") / "reference", "connector")


class Odd(connector.ReferenceConnector):
    def {method}(self, request):
        {called}
        return super().{method}(request)


CONNECTOR = RegisteredConnector(
    name="odd", schemes=("odd",), settings=reference.CONNECTOR.settings, create=Odd, usage="odd://"
)
"""
CONFORMANCE = """
from dsync_kit.testing import Harness


class OddHarness(Harness):
    def start(self):
        return ["odd://"]


HARNESS = OddHarness
"""
IN_A_RULE = "if self.count(request.partition.namespace) > 1: "
"""Not where the kit lists its first document, before any rule runs."""

QUICK = ("--profile", "quick", "--rule", "info/answers", "--rule", "list/complete")

Odd = Callable[..., Path]


@pytest.fixture
def odd(tmp_path: Path) -> Odd:
    """Makes a connector's folder with code that runs when it is loaded, and code that runs in one of its calls."""

    def make(name: str = "odd", *, loaded: str = "", called: str = "pass", method: str = "list_data") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        text = REGISTRATION.format(loaded=loaded, called=called, method=method)
        (folder / "registration.py").write_text(text, encoding="utf-8")
        (folder / "conformance.py").write_text(CONFORMANCE, encoding="utf-8")
        return folder

    return make


def changed(folder: Path) -> str:
    """Makes a repository of the folder, in which every connector has changed since the commit that it returns."""
    for words in (["init", "-q", "-b", "main"], ["commit", "-q", "--allow-empty", "-m", "nothing"]):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@x", *words], cwd=folder, check=True)
    return "main"


@pytest.mark.parametrize("ended", ["sys.exit(0)", "os._exit(0)", "sys.exit('needs libfoo')"])
def test_a_connector_that_cannot_be_loaded_is_not_judged(dsync_kit: Command, odd: Odd, ended: str) -> None:
    """Exit code 3, with the reason as far as there is one: neither 0 nor a violation."""
    done = dsync_kit("verify", odd(loaded=ended), *QUICK, columns=200)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "not judged" in done.stdout
    if "libfoo" in ended:
        assert "registration.py cannot be loaded: needs libfoo" in done.stdout
    if "_exit" in ended:
        assert "ended with status 0 before the first rule, during loading the connector" in done.stdout


@pytest.mark.parametrize(
    ("called", "seen"),
    [
        ("os._exit(0)", "ended with status 0 during ListData(namespace='dsynckit_"),
        ("ctypes.string_at(0)", "ended by SIGSEGV during ListData(namespace='dsynckit_"),
        ("sys.exit(0)", "the connector asked for its process to end: sys.exit(0)"),
    ],
)
def test_a_call_that_ends_the_process_is_a_violation(dsync_kit: Command, odd: Odd, called: str, seen: str) -> None:
    """Exit code 1, with the running rule and the call."""
    done = dsync_kit("verify", odd(called=IN_A_RULE + called), *QUICK, columns=200)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "list/complete · MUST violated" in done.stdout
    assert seen in done.stdout


def test_a_call_before_the_first_rule_that_ends_the_process(dsync_kit: Command, odd: Odd) -> None:
    """Calls that the kit makes before it runs rules count as well: exit code 1, neither 0 nor 3."""
    done = dsync_kit("verify", odd(method="write_updates", called="os._exit(0)"), *QUICK, columns=200)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ended with status 0 during WriteUpdates(namespace='dsynckit_" in done.stdout


def test_a_process_that_somebody_kills_is_not_the_connectors_fault(dsync_kit: Command, odd: Odd) -> None:
    """SIGKILL comes from outside, for example if memory runs out: not judged, and the rule is named."""
    done = dsync_kit("verify", odd(called=IN_A_RULE + "os.kill(os.getpid(), 9)"), *QUICK, columns=200)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "ended by SIGKILL (by someone, or for lack of memory) while it ran, during ListData(" in done.stdout


def test_the_gate_goes_on_after_a_connector_that_ends_its_process(dsync_kit: Command, odd: Odd, tmp_path: Path) -> None:
    """Each connector gets its verdict, and the worst one is the exit code."""
    odd("a", loaded="os._exit(0)")
    odd("b", called="os._exit(0)")
    odd("c")
    done = dsync_kit("ci", "--base", changed(tmp_path), *QUICK, columns=200)
    assert done.returncode == 1, done.stdout + done.stderr
    a, b, c = done.stdout.splitlines()[-3:]
    assert a.startswith("a: not judged: ")
    assert b.startswith("b: not conformant: 1 MUST rule violated")
    assert c.startswith("c: conformant: ")


def test_two_connectors_with_a_module_of_one_name_are_judged_apart(
    dsync_kit: Command, odd: Odd, tmp_path: Path
) -> None:
    """Each puts its folder on sys.path, and imports its own helper."""
    for name in "ab":
        loaded = f"sys.path.insert(0, os.path.dirname(__file__)); import helper; assert helper.NAME == {name!r}"
        (odd(name, loaded=loaded) / "helper.py").write_text(f"NAME = {name!r}\n")
    done = dsync_kit("ci", "--base", changed(tmp_path), *QUICK, columns=200)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_connector_does_to_its_process_stays_there(dsync_kit: Command, odd: Odd) -> None:
    """It prints, forks, leaves a thread, closes standard output, patches modules: the report is complete, nothing else
    is on standard output or standard error, and nothing keeps running."""
    loaded = """
import builtins, shutil
print("noise")
if os.fork() == 0:
    time.sleep(600)
threading.Thread(target=time.sleep, args=(600,)).start()
builtins.input = shutil.rmtree = os.getcwd = None
sys.stdout.close()
os.close(1)
"""
    called = "sys.stderr.write('noise'); os.fork()"
    done = dsync_kit("verify", odd(loaded=loaded, called=called), *QUICK, "--report", "json=-")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["counts"]["passed"] == 2, done.stdout
    assert "noise" not in done.stderr


def test_a_connector_that_changes_the_folder(dsync_kit: Command, odd: Odd) -> None:
    """Its process restarts in the user's folder, from which the user named it."""
    odd(method="get_info", called="os.chdir('/')")
    done = dsync_kit("verify", "./odd", "--profile", "quick", "--rule", "durability/starts-again")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_printed_is_shown_with_the_failure(dsync_kit: Command, odd: Odd) -> None:
    """Printed lines appear like logged ones."""
    done = dsync_kit("verify", odd(called="print('looking for it'); raise ValueError"), *QUICK, columns=200)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "looking for it" in done.stdout


@pytest.mark.parametrize("called", ["time.sleep(600)", "import re; re.match('(a+)+$', 'a' * 64 + 'b')"])
def test_a_call_that_blocks_is_named(dsync_kit: Command, odd: Odd, called: str) -> None:
    """It may take as long as the option says; if it holds even the interpreter's lock, its process is ended."""
    done = dsync_kit("verify", odd(called=IN_A_RULE + called), *QUICK, "--timeout", "0.5", columns=200)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "list/complete · MUST violated" in done.stdout
    assert "did not answer within 0.5 seconds" in done.stdout
    assert "ListData(" in done.stdout


def test_the_rule_that_is_running_is_named_without_a_terminal(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds, the output names it, with the running call."""
    monkeypatch.setattr(judging, "_SAID_AFTER", (0.5, 1.5))
    named = Named(str(odd(called="time.sleep(2)")), timeout=1.0)
    orders = Orders(named, PROFILES["quick"], 1, rules=("list/complete",))
    console = Console(file=io.StringIO(), width=200)
    with Crew() as crew, TerminalProgress(console) as progress:
        for event in judging.judge_apart(orders, crew, str):
            progress.show(event)
    assert re.search(
        r"list/complete has been running for \d s: ListData\(namespace='dsynckit_", console.file.getvalue()
    )
