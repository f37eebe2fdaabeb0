"""Virtual environments for the other tools, which have their own requirements."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from measures.measuring import BENCHMARKS, ROOT

__all__ = ["python_of"]


def python_of(name: str) -> str:
    """The interpreter of an environment with the packages in `pipelines/NAME/requirements.txt`, made if missing."""
    folder, wanted = ROOT / "build" / "bench" / name, BENCHMARKS / "pipelines" / name / "requirements.txt"
    python, made_of = folder / "bin" / "python", folder / "requirements.txt"
    if not made_of.exists() or made_of.read_text() != wanted.read_text():
        print(f"  installing {wanted.read_text().strip()}", flush=True)
        uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        if uv is None:
            raise RuntimeError("uv is not there: run `make bench`, which installs it")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "-r", wanted], check=True)
        shutil.copy(wanted, made_of)
    return str(python)
