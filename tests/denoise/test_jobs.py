"""`inkbench denoise` in several processes, after an interruption, and with buckets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import keras
import psutil
import pytest
import s3fs
from PIL import Image

import s3_server
from helpers import contents, inkbench
from inkbench import models
from inkbench.models.common import storage


@pytest.fixture
def model(here: Path) -> str:
    """An untrained cleaner."""
    keras.utils.set_random_seed(0)
    storage.save(
        models.build("scan_unet", (None, None, 6), 0, {"first": 2, "width": 2}), here / "m.keras"
    )
    return "m.keras"


@pytest.fixture
def scans(here: Path, page: Image.Image) -> list[str]:
    """Names of a folder of pages, the last one damaged."""
    (here / "scans").mkdir()
    names = [f"{number:02}.png" for number in range(40)]
    for number, name in enumerate(names):
        page.crop((number, 0, number + 300, 200)).save(here / "scans" / name)
    (here / "scans" / names[-1]).write_bytes(b"no image")
    return names


def test_jobs_and_resume_give_the_files_of_one_process(model, scans):
    arguments = ["denoise", "scans", "--model", model, "--report"]
    assert inkbench(*arguments, "one.json", "-o", "one") == 1
    command = [sys.executable, "-m", "inkbench.cli", *arguments, "two.json", "-o", "two"]
    with subprocess.Popen([*command, "--jobs", "2"], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any(Path().glob("two/[0-9]*")):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, messages = process.communicate(timeout=60)
    assert "one process instead" not in messages
    assert process.returncode == 128 + signal.SIGTERM
    done = {path: path.stat().st_mtime_ns for path in Path("two").iterdir()}
    assert 0 < len(done) < len(scans) - 1 and not any(path.name[0] == "." for path in done)
    earlier = Path("two.json").read_text() if Path("two.json").exists() else '{"cleaned": []}'
    assert inkbench(*arguments, "two.json", "-o", "two", "--resume") == 1
    assert contents(Path("one")) == contents(Path("two"))
    assert {path: path.stat().st_mtime_ns for path in done} == done
    report = json.loads(Path("two.json").read_text())
    assert [len(report[key]) for key in ("cleaned before", "errors")] == [len(done), 1]
    kept = json.loads(earlier)["cleaned"]
    assert report["cleaned"][: len(kept)] == kept
    assert len(report["cleaned"]) == len(kept) + len(scans) - 1 - len(done)


@pytest.mark.usefixtures("scans")
@pytest.mark.parametrize("started", ["Agent", "_Worker"])  # Ray itself, our processes
def test_sigterm_ends_jobs_that_are_starting(started, model):
    command = [sys.executable, "-m", "inkbench.cli", "denoise", "scans", "--model", model]
    with subprocess.Popen(
        [*command, "--jobs", "2", "-o", "out"], stderr=subprocess.PIPE, text=True
    ) as process:
        children = partial(psutil.Process(process.pid).children, recursive=True)
        while not any(started in child.name() for child in children()):
            time.sleep(0.02)
        family = children()
        process.send_signal(signal.SIGTERM)
        _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (128 + signal.SIGTERM, "model: m.keras\n")
    assert psutil.wait_procs(family, timeout=60)[1] == []


@pytest.mark.usefixtures("without_network")
def test_resume_cleans_what_is_newer_than_its_result(here, page):
    for name in "abc":
        page.save(f"{name}.png")
    arguments = ["denoise", "a.png", "b.png", "c.png", "-o", "out", "--resume"]
    assert inkbench(*arguments) == 0
    times = {name: Path(f"out/{name}.png").stat().st_mtime_ns for name in "abc"}
    os.utime("b.png")
    Path("out/c.png").unlink()
    assert inkbench(*arguments) == 1  # b.png exists
    assert inkbench(*arguments, "--force") == 0
    again = {name: Path(f"out/{name}.png").stat().st_mtime_ns for name in "abc"}
    assert [again[name] > times[name] for name in "abc"] == [False, True, True]


@pytest.mark.usefixtures("here", "without_network")
def test_one_process_needs_no_ray(page, monkeypatch):
    page.save("a.png")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert inkbench("denoise", "a.png", "-o", "b") == 0


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.serving(tmp_path_factory.mktemp("s3") / "s3.log", "ours") as url:
        yield url


@pytest.fixture
def bucket(
    endpoint: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[s3fs.S3FileSystem]:
    """An S3 server with one bucket, `ours`."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "our-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "our-secret")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(here / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3fs.S3FileSystem(skip_instance_cache=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.usefixtures("without_network")
def test_buckets_are_read_and_written(bucket, scans, monkeypatch, capsys):
    shutil.rmtree("out", ignore_errors=True)
    for name in scans[:3] + scans[-1:]:
        bucket.put_file(f"scans/{name}", f"ours/scans/deep/{name}")
    bucket.pipe_file("ours/scans/notes.txt", b"text")
    bucket.pipe_file("ours/scans/", b"")  # as consoles mark a folder
    time.sleep(1)  # S3 counts in seconds, and what was cleaned in the same second counts as old
    assert inkbench("denoise", "s3://ours/scans", "-o", "s3://ours/out", "--compare") == 1
    printed = capsys.readouterr()
    assert "s3://ours/scans/deep/00.png → s3://ours/out/deep/00.png" in printed.out
    assert "error: s3://ours/scans/deep/39.png: " in printed.err and "notes.txt" in printed.err
    bucket.invalidate_cache()
    names = [path.removeprefix("ours/out/deep/") for path in bucket.find("ours/out")]
    assert names == sorted(f"{n:02}{end}.png" for n in range(3) for end in ("", "-compare"))
    assert inkbench("denoise", *[f"scans/{name}" for name in scans[:3]], "-o", "out") == 0
    for name in scans[:3]:
        assert bucket.cat_file(f"ours/out/deep/{name}") == Path("out", name).read_bytes()
    assert inkbench("denoise", "s3://ours/scans/deep/0*", "-o", "s3://ours/out/deep") == 1
    assert "s3://ours/out/deep/00.png: exists" in capsys.readouterr().err
    assert inkbench("denoise", "s3://ours/scans", "-o", "s3://ours/out", "--resume") == 1
    assert "0 of 4 cleaned, 3 before" in capsys.readouterr().out
    for name in scans[:3]:
        bucket.put_file(f"out/{name}", f"ours/scans/done/deep/{name}")
    assert inkbench("denoise", "s3://ours/scans", "-o", "s3://ours/scans/done", "--resume") == 1
    assert "0 of 4 cleaned, 3 before" in capsys.readouterr().out


@pytest.mark.usefixtures("without_network")
def test_brackets_in_a_key_are_no_pattern(bucket, page, capsys):
    for name in ("scan[1].png", "scan1.png", "page[2]/a.png", "page2/a.png"):
        page.save("a.png")
        bucket.put_file("a.png", f"ours/brackets/{name}")
    keys = [f"s3://ours/brackets/{name}" for name in ("scan[1].png", "page[2]", "sca[n]1.png")]
    assert inkbench("denoise", *keys, "-o", "out") == 0
    assert sorted(os.listdir("out")) == ["a.png", "scan1.png", "scan[1].png"]


@pytest.mark.usefixtures("without_network")
@pytest.mark.parametrize(
    ("source", "out", "unset", "fact"),
    [
        ("s3://theirs/scans", "out", "", "s3://theirs/scans"),
        ("scans", "s3://theirs/out", "", "s3://theirs"),
        ("s3://ours/none", "out", "", "no images"),
        ("s3://ours/none", "out", "AWS_", "credentials"),
        ("gs://ours/none", "out", "", "s3://BUCKET"),
        ("scans", "s3://", "", "s3://BUCKET"),
    ],
)
def test_wrong_addresses_give_one_line_and_write_nothing(
    source, out, unset, fact, bucket, scans, monkeypatch, capsys
):
    if unset:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert inkbench("denoise", source, "-o", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fact in line and not Path("out").exists()


def test_bucket_without_s3fs_names_the_extra(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert inkbench("denoise", "s3://ours/scans", "-o", "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install" in line and "[s3]" in line
