"""Benchmarks keep the user's files, measure what they say, and name what stops them."""

import csv
import sys
import tarfile
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from helpers import contents, script
from inkbench.denoise import guard
from inkbench.errors import InkbenchError


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an empty folder the working directory."""
    monkeypatch.chdir(tmp_path)


def code_of(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of a script."""
    monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *arguments])
    try:
        module.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with a model that does nothing, beside four pages in the folder ``scans``."""
    module = script("benchmarks/scans.py")
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


def test_scans_goes_on_after_a_page_that_cannot_be_measured(scans, monkeypatch, capsys):
    Path("scans/b.png").write_bytes(b"no image")
    Image.new("L", (9, 9)).save("scans/a.bin.png")
    Path("scans/a.txt").write_text("the text of a.jpg and a.png")
    assert code_of(scans, monkeypatch, "scans") == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "inkbench: " in line]
    assert len(errors) == 3 and "skipped" not in "".join(errors)
    assert "b.png" in errors[-1] and "another size" in errors[0]
    (table,) = Path().glob("*/scans.csv")
    assert {line.split(",")[0] for line in table.open()} == {"page", "x/001.png", "y/001.png"}


def test_scans_needs_english_for_error_rates(scans, monkeypatch):
    listed = SimpleNamespace(stdout="List of available languages:\ndeu\n", stderr="")
    monkeypatch.setattr(scans.shutil, "which", lambda _: "tesseract")
    monkeypatch.setattr(scans.subprocess, "run", lambda *_, **__: listed)
    Path("scans/a.txt").write_text("text")
    assert code_of(scans, monkeypatch, "scans") == 0


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, without Tesseract."""
    module = script("benchmarks/probes.py")
    monkeypatch.setattr(module, "words", lambda before, after: float((before == after).mean()))
    return module


def test_probes_hold_for_untouched_pages_of_which_only_the_born_digital_is_white(probes):
    drawn = list(probes.probes(lambda page: page))
    failing = [name for name, holds, *_ in drawn if not (holds or name.startswith("scale"))]
    around = ("black", "dark table", "white lid")
    assert failing == [f"sheet on {name}" for name in around], "whose paper must become white"
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


def test_words_counts_every_copy_of_a_word(monkeypatch):
    module, page = script("benchmarks/probes.py"), np.zeros((4, 4), np.uint8)
    texts = iter([b"the fox\nthe dog", b"the dog barks"])
    read = lambda *_, **__: SimpleNamespace(stdout=next(texts))  # noqa: E731
    monkeypatch.setattr(module.shutil, "which", lambda _: "tesseract")
    monkeypatch.setattr(module.subprocess, "run", read)
    assert module.words(page, page) == 0.5


@pytest.fixture
def pages() -> ModuleType:
    """The script."""
    return script("benchmarks/pages.py")


@pytest.mark.parametrize("size", ["large", "1240", "0x10", "3000x4000"])
def test_pages_refuses_a_size_that_it_cannot_draw(size, pages, monkeypatch, capsys):
    assert code_of(pages, monkeypatch, "--size", size) == 2
    assert size in capsys.readouterr().err.splitlines()[-1]


def test_pages_names_a_missing_model(pages, monkeypatch, capsys):
    assert code_of(pages, monkeypatch, "--model", "none.keras") == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert "none.keras" in message and "--model" in message


def kill(module: ModuleType, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run ``kill`` on a process that runs this code in the place of `inkbench denoise`."""
    monkeypatch.setattr(module, "command", lambda *_: [sys.executable, "-c", code])
    module.kill(Path(), Path(), Namespace(model=None, jobs=2, pages=10))


def test_kill_does_not_wait_for_a_run_that_has_ended(pages, monkeypatch):
    with pytest.raises(InkbenchError, match="exit code 3"):
        kill(pages, monkeypatch, "raise SystemExit(3)")


def test_kill_names_and_ends_a_run_in_one_process(pages, monkeypatch):
    code = "import os, time; open('pid', 'w').write(str(os.getpid()))\n"
    code += "for i in range(9): open(f'{i}.png', 'w')\ntime.sleep(60)"
    with pytest.raises(InkbenchError, match="one process"):
        kill(pages, monkeypatch, code)
    assert not psutil.pid_exists(int(Path("pid").read_text()))


def test_start_node_shows_why_ray_does_not_start(tmp_path, monkeypatch):
    module = script("benchmarks/cluster.py")
    (tmp_path / "ray").write_text("#!/bin/sh\necho no such port\nexit 1\n")
    (tmp_path / "ray").chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InkbenchError, match="no such port"), ExitStack() as opened:
        module.start_node(opened, tmp_path / "node", [], {})


@pytest.mark.parametrize("size", [14, 103])
def test_generate_leaves_five_images_empty(size):
    script("benchmarks/preprocess.py").generate(Path("letters.tar.gz"), size)
    with tarfile.open("letters.tar.gz") as archive:
        sizes = [member.size for member in archive]
    assert len(sizes) == size and sizes.count(0) == 5


@pytest.fixture
def overhead() -> ModuleType:
    """The script."""
    return script("benchmarks/overhead.py")


def test_shares_account_for_every_second(overhead):
    run = [
        overhead.StageTimes("preprocess", 100, 104, 0),
        overhead.StageTimes("train", 106, 136, 22),
        overhead.StageTimes("evaluate", 139, 150, 0),
        overhead.StageTimes("plot", 151, 155, 0),
    ]
    spent = overhead.shares(run, start_up=5)
    assert spent == {
        "data": 4,
        "training": 22,
        "trainings: start-up, set-up, saving": 8,
        "evaluation": 6,
        "evaluations: start-up": 5,
        "plotting": 4,
        "between stages: DVC, start of Python": 2 + 3 + 1,
    }
    assert sum(spent.values()) == 155 - 100


def test_longest_is_the_series_with_most_trainings(overhead):
    whole = [overhead.StageTimes("train", start, start + 5, 4) for start in (100, 110, 120)]
    later = [overhead.StageTimes("train", 500, 505, 4), overhead.StageTimes("report", 506, 510, 0)]
    assert overhead.longest([*whole, *later]) == whole


def parallel(overhead: ModuleType) -> list:
    """Two chains at the same time; a long training ends long after the last short stage began."""
    return [
        overhead.StageTimes("train", 100, 300, 190),
        overhead.StageTimes("train", 101, 120, 10),
        overhead.StageTimes("evaluate", 121, 130, 0),
        overhead.StageTimes("report", 301, 305, 0),
    ]


def test_longest_keeps_stages_together_that_ran_beside_a_long_one(overhead):
    stages = parallel(overhead)
    assert overhead.longest(stages) == stages


def test_shares_refuses_stages_that_ran_in_parallel(overhead):
    with pytest.raises(InkbenchError, match="dvc repro"):
        overhead.shares(parallel(overhead), start_up=5)


def test_tracking_counts_the_wall_time_of_parallel_stages_once(overhead, monkeypatch):
    tracking, counted = script("benchmarks/tracking.py"), {}
    Path("models/mnist-vae").mkdir(parents=True)
    Path("models/mnist-vae/train.json").touch()
    monkeypatch.setattr(tracking, "executions", lambda: parallel(overhead))
    monkeypatch.setattr(tracking, "copy_repository", lambda folder: None)
    monkeypatch.setattr(tracking, "report", lambda *_, **facts: counted.update(facts))
    assert code_of(tracking, monkeypatch, "mnist-vae") == 0
    assert counted == {"stages": 4, "seconds": 305 - 100}


STAGE = """
import os, sys
from pathlib import Path
assert Path("data/processed/notmnist/train.npz").is_file(), "the clone's own data"
assert os.environ["INKBENCH_TRACKING"] == "off"
def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
"""
TRAIN = STAGE + "write(f'models/{sys.argv[1]}/model.keras', 'weights')\n"
EVALUATE = STAGE + "write(f'metrics/{sys.argv[1]}.json', {number})\n"


@pytest.fixture
def verify(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Runs the script on a variant with fake stages; returns its exit code."""
    Path("params.yaml").write_text((root / "params.yaml").read_text())
    Path("stages").mkdir()
    Path("stages/train.py").write_text(TRAIN)
    Path("stages/evaluate.py").write_text(EVALUATE.replace("{number}", "'0.5'"))
    module = script("benchmarks/verify_repro.py")
    monkeypatch.setattr(module, "STAGES", tmp_path / "stages")
    return lambda: code_of(module, monkeypatch, "notmnist-cnn")


@pytest.fixture
def data() -> None:
    """The clone's processed data."""
    Path("data/processed/notmnist").mkdir(parents=True)
    Path("data/processed/notmnist/train.npz").touch()


def test_verify_repro_accepts_equal_bytes(verify, data, capfd):
    assert verify() == 0
    assert capfd.readouterr().out.startswith("notmnist-cnn: repeatable")
    assert not Path("models").exists()


def test_verify_repro_names_a_file_that_differs(verify, data, capfd):
    Path("stages/evaluate.py").write_text(EVALUATE.replace("{number}", "str(os.getpid())"))
    assert verify() == 1
    message = capfd.readouterr().err
    assert "not repeatable: metrics/notmnist-cnn.json" in message


def test_verify_repro_exits_with_the_code_of_a_failed_stage(verify, data):
    Path("stages/train.py").write_text("raise SystemExit(2)")
    assert verify() == 2


def test_verify_repro_names_missing_data_and_the_way_out(verify, capfd):
    assert verify() == 2
    message = capfd.readouterr().err
    assert "data/processed/notmnist" in message and "dvc repro" in message
