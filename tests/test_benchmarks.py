"""Benchmarks keep the user's files, measure what they say, and name what stops them."""

import csv
import importlib
import sys
import tarfile
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from helpers import contents
from inkbench.denoise import guard
from inkbench.errors import InkbenchError


@pytest.fixture
def script(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Imports a script by name; the working directory is an empty folder."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    monkeypatch.chdir(tmp_path)
    return importlib.import_module


def code_of(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of a script."""
    monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *arguments])
    try:
        module.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def scans(script, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with a model that does nothing, beside four pages in the folder ``scans``."""
    module = script("scans")
    monkeypatch.setattr(module.chosen, "model", lambda *_: (None, "no model"))
    monkeypatch.setattr(module, "clean", lambda _, pixels, dpi: SimpleNamespace(pixels=pixels))
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    page = np.full((120, 90), 230, np.uint8)
    page[40:60, 20:70] = 30
    for name in ("x/001.png", "y/001.png", "a.jpg", "a.png"):
        Path("scans", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(page).save(Path("scans", name))
    return module


def test_scans_measures_every_page_and_changes_none(scans, monkeypatch):
    before = contents(Path("scans"))
    assert code_of(scans, monkeypatch, "scans") == 0
    assert contents(Path("scans")) == before
    (table,) = Path().glob("*/scans.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["page"] for row in rows} == before.keys()
    assert len(rows) == 4 * len(before)
    assert contents(table.parent).keys() == {f"{name}.png" for name in before} | {"scans.csv"}


def test_scans_measures_the_same_pages_again_if_the_results_are_beside_them(scans, monkeypatch):
    for _ in range(2):
        assert code_of(scans, monkeypatch, "scans", "-o", "scans/measured") == 0
    assert "measured" not in Path("scans/measured/scans.csv").read_text()


def test_scans_refuses_to_overwrite_a_page(scans, monkeypatch, capsys):
    Path("measured").mkdir()
    Path("measured/a.png.png").symlink_to(Path("scans/a.jpg").resolve())
    before = contents(Path("scans"))
    for out in ("scans", "measured"):
        assert code_of(scans, monkeypatch, "scans", "-o", out) == 2
        (message,) = capsys.readouterr().err.splitlines()
        assert out in message and "-o" in message
    assert contents(Path("scans")) == before


@pytest.fixture
def probes(script, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, without Tesseract."""
    module = script("probes")
    monkeypatch.setattr(module, "words", lambda before, after: float((before == after).mean()))
    return module


def test_probes_hold_for_untouched_pages_of_which_only_the_born_digital_is_white(probes):
    drawn = list(probes.probes(lambda page: page))
    of_cleaner = [probe for probe in drawn if not probe[0].startswith("scale")]
    assert [name for name, holds, *_ in of_cleaner if not holds] == []
    white = [name for name, *_, page, _ in drawn if guard.is_white(page)]
    assert white == ["born-digital page"]


def test_probes_fail_for_blank_pages(probes):
    blank = probes.probes(lambda page: np.full_like(page, 255))
    holding = [name for name, holds, *_ in blank if holds and not name.startswith("scale")]
    assert holding == ["ink 205", "ink 220"], "which are too pale to be required"


def test_probes_of_scale_compare_letter_heights(probes, monkeypatch):
    heights = iter([12.0, 11.0, None])  # of the plain page, with grain and with a halftone
    monkeypatch.setattr(probes.scale, "letter_height", lambda _: (next(heights), 1.0))
    assert [holds for _, holds, *_ in probes._scales(lambda page: page)] == [True, False]


def test_words_counts_every_copy_of_a_word(script, monkeypatch):
    module, page = script("probes"), np.zeros((4, 4), np.uint8)
    texts = iter([b"the fox\nthe dog", b"the dog barks"])
    read = lambda *_, **__: SimpleNamespace(stdout=next(texts))  # noqa: E731
    monkeypatch.setattr(module.shutil, "which", lambda _: "tesseract")
    monkeypatch.setattr(module.subprocess, "run", read)
    assert module.words(page, page) == 0.5


@pytest.mark.parametrize("size", ["large", "1240", "0x10", "3000x4000"])
def test_pages_refuses_a_size_that_it_cannot_draw(size, script, monkeypatch, capsys):
    assert code_of(script("pages"), monkeypatch, "--size", size) == 2
    assert size in capsys.readouterr().err.splitlines()[-1]


def test_pages_names_a_missing_model(script, monkeypatch, capsys):
    assert code_of(script("pages"), monkeypatch, "--model", "none.keras") == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert "none.keras" in message and "--model" in message


def kill(module: ModuleType, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run ``kill`` on a process that runs this code in the place of `inkbench denoise`."""
    monkeypatch.setattr(module, "command", lambda *_: [sys.executable, "-c", code])
    module.kill(Path(), Path(), Namespace(model=None, jobs=2, pages=10))


def test_kill_does_not_wait_for_a_run_that_has_ended(script, monkeypatch):
    with pytest.raises(InkbenchError, match="exit code 3"):
        kill(script("pages"), monkeypatch, "raise SystemExit(3)")


def test_kill_names_and_ends_a_run_in_one_process(script, monkeypatch):
    code = "import os, time; open('pid', 'w').write(str(os.getpid()))\n"
    code += "for i in range(9): open(f'{i}.png', 'w')\ntime.sleep(60)"
    with pytest.raises(InkbenchError, match="one process"):
        kill(script("pages"), monkeypatch, code)
    assert not psutil.pid_exists(int(Path("pid").read_text()))


def test_start_node_shows_why_ray_does_not_start(script, tmp_path, monkeypatch):
    module = script("cluster")
    (tmp_path / "ray").write_text("#!/bin/sh\necho no such port\nexit 1\n")
    (tmp_path / "ray").chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InkbenchError, match="no such port"), ExitStack() as opened:
        module.start_node(opened, tmp_path / "node", [], {})


@pytest.mark.parametrize("size", [14, 103])
def test_generate_leaves_five_images_empty(size, script):
    script("preprocess").generate(Path("letters.tar.gz"), size)
    with tarfile.open("letters.tar.gz") as archive:
        sizes = [member.size for member in archive]
    assert len(sizes) == size and sizes.count(0) == 5
