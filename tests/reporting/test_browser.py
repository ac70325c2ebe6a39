"""The report in Chromium or Chrome, if installed: no errors, no overflow, sortable tables."""

import itertools
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
buttons[1].click(); const ascending = column(1);
buttons[1].click(); const descending = column(1);
buttons[0].click(); const names = column(0);
document.title = JSON.stringify({ascending, descending, names});
"""
MEASURE = """
onload = () => document.title = JSON.stringify(
    [...document.querySelectorAll("iframe")].map(frame => frame.contentDocument.body.scrollWidth));
"""
WIDTHS = (390, 1280)
PAGES = ("index", "published", "variants/documents-unet", "datasets/notmnist")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")


def title(page: Path, tmp_path: Path) -> object:
    """The JSON that a page's script wrote to its title; fails on console messages."""
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert not re.findall(r".*CONSOLE.*", done.stderr)
    return json.loads(re.search(r"<title>(.*?)</title>", done.stdout)[1].replace("&quot;", '"'))


def test_sort_orders_by_column_and_reverses(report, tmp_path):
    folder = Path(shutil.copytree(report, tmp_path / "reports"))
    page = folder / "index.html"
    page.write_text(page.read_text().replace("</body>", f"<script>{SORT}</script></body>"))
    order = title(page, tmp_path)
    assert order["ascending"] == sorted(order["ascending"], key=float)
    assert order["descending"] == order["ascending"][::-1]
    assert order["names"] == sorted(order["names"])


def test_pages_fit_the_window(report, tmp_path):
    windows = list(itertools.product(PAGES, WIDTHS))
    frames = [
        f'<iframe src="{(report / page).as_uri()}.html" style="width:{width}px;height:900px">'
        "</iframe>"
        for page, width in windows
    ]
    outer = tmp_path / "outer.html"
    outer.write_text(f"{''.join(frames)}<script>{MEASURE}</script>")
    measured = dict(zip(windows, title(outer, tmp_path), strict=True))
    assert {window: width for window, width in measured.items() if width > window[1]} == {}
    assert min(measured.values()) > 100, "the pages were loaded"
