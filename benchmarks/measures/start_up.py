"""How long a command takes until it does its work."""

import shutil
import sys
import tempfile
from pathlib import Path

from measures.measuring import BENCHMARKS, KIT, ROOT, command, interleaved, median, table, times

__all__ = ["measure"]

BIN = Path(sys.executable).parent
_BARE = "a bare typer program, `--help`"
_COPIER = "`copier copy` of the same template"


def measure(runs: int) -> list[str]:
    """The section's lines."""
    commands = {
        _BARE: f"{sys.executable} {BENCHMARKS}/pipelines/typer/bare.py --help",
        "`dsync-new --help`": f"{BIN}/dsync-new --help",
        "`dsync-kit --help`": f"{KIT} --help",
        "`dsync-kit rules`": f"{KIT} rules",
    }
    helps = interleaved(
        {name: lambda line=line: command(line).wall for name, line in commands.items()},  # type: ignore[misc]
        3 * runs,
    )
    with tempfile.TemporaryDirectory() as folder:
        copied, rendered = Path(folder) / "copied", Path(folder) / "rendered"

        def copy() -> float:
            shutil.rmtree(copied, ignore_errors=True)
            return command(f"{BIN}/copier copy --quiet --defaults -d scheme=s3 {ROOT}/template {copied}").wall

        def render() -> float:
            shutil.rmtree(rendered, ignore_errors=True)
            return command(f"{BIN}/dsync-new connector --scheme s3 --defaults --output {rendered}").wall

        scaffolds = interleaved({_COPIER: copy, "`dsync-new connector --scheme s3`": render}, runs)
    return [
        f"Wall time of whole commands; medians of {3 * runs} and {runs} runs.",
        "",
        *_table(helps, _BARE),
        "",
        *_table(scaffolds, _COPIER),
    ]


def _table(found: dict[str, list[float]], base: str) -> list[str]:
    rows = [
        [name, f"{1000 * median(seconds):.0f} ms", times(median(seconds) / median(found[base]))]
        for name, seconds in found.items()
    ]
    return table(["command", "wall time", "ratio"], rows)
