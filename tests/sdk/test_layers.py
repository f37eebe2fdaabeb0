"""The layout: each module imports only from lower layers, and the public names exist."""

import ast
import importlib
import inspect
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kit" / "dsync_kit"

# Each layer may import from those before it; the modules of one line stand side by side.
LAYERS = (
    {"__init__"},
    {"protocol"},
    {"usage", "output"},
    {"git", "project"},
    {"bounds"},
    {"errors", "bson_bytes"},
    {"documents", "cursors", "namespaces"},
    {"conversion", "partial", "incoming"},
    {"connector"},
    {"settings"},
    {"files.stores", "files.content"},
    {"files.logs"},
    {"files.reading"},
    {"files.compacting", "files.foreign"},
    {"files"},
    {"registry", "store", "postgresql"},
    {"serving"},
    {"server", "client"},
    {"testing"},
    {"targets"},
    {"flow"},
    {"scaffold"},
    {"conformance"},
    {"conformance.results"},
    {"conformance.documents"},
    {"conformance.calls"},
    {"conformance.verdicts"},
    {"conformance.subject"},
    {"conformance.case"},
    {"conformance.rules"},
    {"conformance.running"},
    {"report"},
    {"readme"},
    {"gate", "e2e", "spark"},
    {"cli", "pytest_plugin"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}

MOST_MODULES = 15
"""The most modules that a folder holds, its subfolders aside: more are not taken in at a glance."""

HEAVY = ("copier", "hypothesis", "grpc", "pydantic")


def modules() -> list[Path]:
    generated = PACKAGE / "protocol" / "adiom"
    return sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if generated not in path.parents and "_bundled" not in path.relative_to(PACKAGE).parts
    )


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part of the layout that a module belongs to: `dsync_kit.protocol.adiom.v1` is in `protocol`."""
    names = module.split(".")[1:]
    return next((part for end in (2, 1) if (part := ".".join(names[:end])) in LAYER), names[0] if names else "__init__")


def imports(path: Path) -> frozenset[str]:
    """Our modules that a file imports, anywhere in it."""
    return _imports(path, path.read_text(encoding="utf-8"))


@cache
def _imports(path: Path, code: str) -> frozenset[str]:
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    found = set[str]()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            # `from dsync_kit import errors` imports the module dsync_kit.errors
            found.update(name if is_module(name := f"{source}.{alias.name}") else source for alias in node.names)
    return frozenset(found)


def is_module(name: str) -> bool:
    """Whether a dotted name is one of our modules, not something in one."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_only_from_layers_before(path: Path) -> None:
    """A module imports only its own part of the layout, or lower layers; even for annotations."""
    part = part_of(dotted(path))
    assert part in LAYER, f"{part} has no place in the layout: give it one"
    wrong = set()
    for name in imports(path):
        if name.split(".")[0] != "dsync_kit":
            continue
        other = part_of(name)
        assert other in LAYER, f"{dotted(path)} imports {name}, which has no place in the layout"
        if other != part and LAYER[other] >= LAYER[part]:
            wrong.add(name)
    assert not wrong


def test_no_modules_import_each_other() -> None:
    """No module imports itself through others, not even inside a layer."""
    graph = {dotted(path): imports(path) for path in modules()}
    order = TopologicalSorter({name: found & graph.keys() - {name} for name, found in graph.items()})
    order.prepare()  # raises CycleError, which names the circle


def test_a_folder_can_be_taken_in() -> None:
    """No folder has more modules than a reader can take in at a glance."""
    sizes = Counter(path.parent for path in modules() if path.name != "__init__.py")
    assert {str(folder.relative_to(PACKAGE)): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_the_layer_test_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds every way to write an import of a higher layer."""
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "dsync_kit")
    (tmp_path / "dsync_kit" / "conformance" / "results").mkdir(parents=True)
    (tmp_path / "dsync_kit" / "server.py").touch()
    module = tmp_path / "dsync_kit" / "errors.py"
    for line in (
        "import dsync_kit.server",
        "from dsync_kit.server import Tls",
        "from dsync_kit import server",
        "from .server import Tls",
        "from . import server",
        "def late():\n    import dsync_kit.server as s",
        "if TYPE_CHECKING:\n    from dsync_kit.server import Tls",
    ):
        module.write_text(line, encoding="utf-8")
        with pytest.raises(AssertionError):
            test_imports_only_from_layers_before(module)
    module = tmp_path / "dsync_kit" / "conformance" / "results" / "outcome.py"
    module.write_text("from dsync_kit.conformance.case.case import Case", encoding="utf-8")
    with pytest.raises(AssertionError):
        test_imports_only_from_layers_before(module)


def test_the_circle_test_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds two modules of one layer that import each other, even only in annotations."""
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "dsync_kit")
    folder = tmp_path / "dsync_kit" / "flow"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("from dsync_kit.flow import other", encoding="utf-8")
    (folder / "other.py").write_text("if TYPE_CHECKING:\n    from dsync_kit.flow.one import One", encoding="utf-8")
    with pytest.raises(CycleError):
        test_no_modules_import_each_other()


def public_modules() -> list[str]:
    return [
        dotted(path)
        for path in modules()
        if not any(part.startswith("_") for part in path.relative_to(PACKAGE).with_suffix("").parts[:-1])
        and (path.name == "__init__.py" or not path.name.startswith("_"))
    ]


@pytest.mark.parametrize("name", public_modules())
def test_exported_names(name: str) -> None:
    """A public module lists its exports in `__all__`; each name exists, once, in order. A docstring alone exports
    nothing."""
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    if exported is None:
        assert len(ast.parse(inspect.getsource(module)).body) == 1
        return
    assert [missing for missing in exported if not hasattr(module, missing)] == []
    assert len(set(exported)) == len(exported)


def start_modules() -> list[str]:
    """The modules that a command's name starts; what those import inside their commands may be heavy."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    started = {str(target).partition(":")[0] for target in project["scripts"].values()}
    return sorted(started & {dotted(path) for path in modules()})


@pytest.mark.parametrize("name", [*start_modules(), "dsync_kit.cli.verify", "dsync_kit.cli.replay"])
def test_commands_start_light(name: str) -> None:
    """Starting a command loads none of the heavy libraries: they wait until the command needs them. The process that
    reports never needs them; the processes that judge do."""
    code = f"import sys, {name}; print(*(heavy for heavy in {HEAVY} if heavy in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
