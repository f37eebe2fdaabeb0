"""A connector can be installed, as a wheel or editable, and is then known to every command."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.scaffold.rendering import Answers

ROOT = Path(__file__).parents[2]
LIST = "from dsync_kit.registry import discover; print([c.name for c in discover()])"


def run(*words: str | Path, cwd: Path, code: int = 0) -> str:
    """The output of a command that ends with `code`."""
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def uv() -> Path:
    """uv, from the development environment."""
    return Path(sys.executable).parent / "uv"


def test_install(uv: Path, rendered: Callable[[Answers], Path], tmp_path: Path) -> None:
    """The wheel holds only the package; both ways of installing register the connector, and its name is then taken."""
    folder = tmp_path / "s3"
    shutil.copytree(rendered(Answers(scheme="s3")), folder)
    run(uv, "build", "--wheel", "--out-dir", tmp_path / "dist", folder, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {f"dsync_connector_s3/{path.name}" for path in folder.glob("*.py")}

    run(uv, "venv", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    # What is installed here is visible there, too: only the connector is new.
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (site / "development.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT / 'kit'}\n")
    again = (python, "-m", "dsync_kit.cli.new", "connector", "--scheme", "s3", "--defaults")
    for words in ((wheel,), ("--editable", folder)):
        run(uv, "pip", "install", "--python", python, "--no-deps", *words, cwd=tmp_path)
        assert "'s3'" in run(python, "-c", LIST, cwd=tmp_path)
        assert "the name 's3' is taken by a registered connector" in run(*again, cwd=tmp_path, code=2)
    # The folder that it was installed from may be made again, without what installing it has left there.
    shutil.rmtree(folder / "build", ignore_errors=True)
    assert "dsync-kit verify" in run(*again, "--output", folder, "--force", cwd=tmp_path)
    run(uv, "pip", "uninstall", "--python", python, "dsync-connector-s3", cwd=tmp_path)
    assert "'s3'" not in run(python, "-c", LIST, cwd=tmp_path)
