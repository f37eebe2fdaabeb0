"""The HTML report in a real browser."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.report import html
from dsync_kit.report.contents import Report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture
def browse(tmp_path: Path, broken: Report) -> Callable[..., str]:
    """Open the report, run a script in it, and return the resulting page."""

    def run(script: str = "", fragment: str = "", width: int = 1000) -> str:
        page = tmp_path / "report.html"
        page.write_text(html.render(broken).replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
        command = [
            str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900",
            "--dump-dom", f"{page.as_uri()}{fragment}",
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return run


def shown_rules(page: str) -> list[str]:
    """The ids of the rules that are not hidden."""
    tags = re.findall(r'<details class="rule[^>]*>', page)
    return [re.findall(r'id="([^"]*)"', tag)[0] for tag in tags if "hidden" not in tag]


def test_status_filter(browse: Callable[..., str]) -> None:
    """A button shows the rules of one status."""
    page = browse("document.querySelector('button[data-status=\"not-exercised\"]').click()")
    assert shown_rules(page) == ["write/large"]


def test_area_filter(browse: Callable[..., str]) -> None:
    """The list of areas shows the rules of one area."""
    page = browse("area.value = 'list'; area.dispatchEvent(new Event('change'))")
    assert shown_rules(page) == ["list/cursor-advances", "list/ends"]


def test_both_filters_with_nothing_left(browse: Callable[..., str]) -> None:
    """If no rule is left, the page says so."""
    page = browse(
        "document.querySelector('button[data-status=\"skipped\"]').click();"
        "area.value = 'list'; area.dispatchEvent(new Event('change'))"
    )
    assert shown_rules(page) == []
    assert '<p id="none">' in page


def test_a_link_opens_its_rule(browse: Callable[..., str]) -> None:
    """The address of a rule leads to it, unfolded."""
    page = browse(fragment="#write/large")
    assert re.search(r'<details[^>]* id="write/large"[^>]* open=""', page)


@pytest.mark.parametrize("width", [500, 1400])
def test_the_page_fits_the_screen(browse: Callable[..., str], width: int) -> None:
    """Only the matrix scrolls sideways, within its frame."""
    page = browse("document.title = document.documentElement.scrollWidth <= innerWidth ? 'fits' : 'wide'", width=width)
    assert "<title>fits</title>" in page


def test_data_runs_no_script(browse: Callable[..., str]) -> None:
    """A script in the data is shown; only the page's own script and this test's are there."""
    assert browse("document.title = document.scripts.length").count("<title>2</title>") == 1
