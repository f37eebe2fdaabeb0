"""Measures the kit side by side with others, and writes the tables of `docs/benchmarks.md`.

    python benchmarks/bench.py [--only SECTION …] [--runs 5]

Each section is a module of `measures/`. What a section needs and is not there is said, and the section is left out.
"""

import argparse
import importlib
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS = (
    "data-path",
    "driven-by-dsync",
    "verify",
    "start-up",
    "object-store",
    "mongodb",
    "postgresql",
    "spark",
    "capacity",
)
PAGE = HERE.parent / "docs" / "benchmarks.md"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="the sections to renew")
    parser.add_argument("--runs", type=int, default=5, help="runs of each contender (default: 5)")
    options = parser.parse_args(words)
    for name in options.only:
        print(f"{name}:", flush=True)
        began = time.monotonic()
        lines = importlib.import_module(f"measures.{name.replace('-', '_')}").measure(options.runs)
        machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
        lines += ["", f"*Measured in {time.monotonic() - began:.0f} s on {machine}.*"]
        text = "\n".join(lines)
        print(f"\n{text}\n", flush=True)
        _renew(name, text)
    return 0


def _renew(name: str, text: str) -> None:
    begin, end = f"<!-- {name}: written by benchmarks/bench.py -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    if begin not in page:
        raise SystemExit(f"{PAGE} has no place for {name}: {begin}")
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    PAGE.write_text(between.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
