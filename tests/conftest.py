"""What all tests share: how much of the campaigns is run, and what their commands keep."""

import os
from pathlib import Path

import pytest

# Hypothesis draws constants of this checkout's modules, too. Commands that each run in a folder of their own would
# read all modules again.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--campaign-share N`."""
    parser.addoption("--campaign-share", type=int, default=1, metavar="N", help="run one test of N of each campaign")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep every Nth test with the marker `campaign`, and all others."""
    share = config.getoption("--campaign-share")
    campaign = [item for item in items if item.get_closest_marker("campaign")]
    left_out = {item for index, item in enumerate(campaign) if index % share}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
