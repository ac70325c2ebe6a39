"""The report in a real browser, where there is one: no error, no overflow, tables that sort."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",
    "--dump-dom",
]
SORT = """
const table = document.querySelector(".board"), buttons = table.querySelectorAll("thead button");
const column = index => [...table.tBodies[0].rows].map(row => row.cells[index].dataset.v);
buttons[1].click(); const rising = column(1);
buttons[1].click(); const falling = column(1);
buttons[0].click(); const names = column(0);
document.title = JSON.stringify({rising, falling, names});
"""
MEASURE = """
const frame = document.querySelector("iframe");
frame.onload = () => document.title = JSON.stringify(frame.contentDocument.body.scrollWidth);
"""

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine"),
]


def title(page: Path, tmp_path: Path) -> object:
    """What a page's script left in its title, and that nothing went wrong on the way."""
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert not re.findall(r".*CONSOLE.*", done.stderr)
    return json.loads(re.search(r"<title>(.*?)</title>", done.stdout)[1].replace("&quot;", '"'))


@pytest.fixture
def report(real: Path, tmp_path: Path) -> Path:
    """A copy of the report that a test may add to."""
    return Path(shutil.copytree(real / "reports", tmp_path / "reports"))


def test_a_click_on_a_heading_sorts_and_a_second_one_reverses(report: Path, tmp_path: Path):
    page = report / "index.html"
    page.write_text(page.read_text().replace("</body>", f"<script>{SORT}</script></body>"))
    found = title(page, tmp_path)
    assert found["rising"] == sorted(found["rising"], key=float)
    assert found["falling"] == found["rising"][::-1]
    assert found["names"] == sorted(found["names"])


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", ["index", "variants/documents-unet", "datasets/notmnist"])
def test_no_page_is_wider_than_its_window(page: str, width: int, report: Path, tmp_path: Path):
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe src="{(report / page).as_uri()}.html" style="width:{width}px;height:900px">'
        f"</iframe><script>{MEASURE}</script>"
    )
    assert title(outer, tmp_path) <= width
