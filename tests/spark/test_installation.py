"""How the data source is found, and what it says where something it needs is missing or too old."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pyspark_dsync
from dsync_kit.errors import UsageError
from dsync_kit.spark import DsyncDataSource

from .using import schema_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("missing", ["pyarrow", "pyspark"])
def test_without_the_extra_the_error_names_it(missing: str) -> None:
    """Whichever of its packages is missing."""
    code = f"import sys; sys.modules[{missing!r}] = None; import dsync_kit.spark"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: the Spark data source needs {missing}, which is not installed: "
        "run pip install 'dsync-kit[spark]'"
    )


def test_no_other_part_needs_the_extra() -> None:
    """Commands run without it."""
    code = "import sys; sys.modules['pyspark'] = None; import dsync_kit.cli.kit, dsync_kit.cli.run, dsync_kit.server"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_spark_finds_the_data_source_by_itself() -> None:
    """It imports the top-level modules named pyspark_*, and looks for DefaultSource; the wheel has the module."""
    assert pyspark_dsync.DefaultSource is DsyncDataSource
    assert DsyncDataSource.name() == "dsync"
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert "kit/pyspark_dsync.py" in wheel["only-include"]


@pytest.mark.parametrize("stream", ["streamReader", "streamWriter"])
def test_streams_need_a_newer_spark(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    """Before 4.2 a stream's reader doesn't learn where it stands."""
    monkeypatch.setattr("pyspark.__version__", "4.1.2")
    source = DsyncDataSource({"target": "/dev/fakesource"})
    schema = schema_of("document:string")
    with pytest.raises(UsageError, match=r"streams need pyspark 4\.2 or newer, but this is 4\.1\.2"):
        source.streamReader(schema) if stream == "streamReader" else source.streamWriter(schema, overwrite=False)
