"""What the tests as a whole share: how much of the campaigns is run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--campaign-share N`."""
    parser.addoption("--campaign-share", type=int, default=1, metavar="N", help="run one test of N of each campaign")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep every Nth test behind the marker `campaign`; all others stay as they are."""
    share = config.getoption("--campaign-share")
    campaign = [item for item in items if item.get_closest_marker("campaign")]
    left_out = {item for index, item in enumerate(campaign) if index % share}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
