"""A worker on an old Python or without a home, and how its errors are told."""

import io
import tarfile
import time
from pathlib import Path

import ray

from inkbench.cluster import worker
from inkbench.cluster.head import Head, Options
from inkbench.pipeline.plan import Chain
from inkbench.pipeline.tasks import Node, Progress, Task, Tree


def test_unpack_needs_no_filters(tmp_path, monkeypatch):
    """Python 3.11.2, which is Debian 12's, has none."""
    (tmp_path / "file").write_text("hello")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(tmp_path / "file", "src/file")
    extract = tarfile.TarFile.extractall
    monkeypatch.setattr(tarfile.TarFile, "extractall", lambda self, path: extract(self, path))
    monkeypatch.delattr(tarfile, "tar_filter")
    worker.unpack(buffer.getvalue(), tmp_path / "tree")
    assert (tmp_path / "tree/src/file").read_text() == "hello"


def test_run_chain_needs_no_home_where_the_head_names_a_folder(tmp_path, monkeypatch):
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    (tmp_path / "file").touch()
    result = worker.run_chain(b"", {"node": str(tmp_path / "file")})
    assert str(tmp_path / "file") in result["error"]


def test_head_reports_an_exception_of_our_own_code_at_once(tmp_path, monkeypatch, capsys):
    def get(ref: object, timeout: float) -> None:
        raise ray.exceptions.RayTaskError("run_chain", "trace", TypeError("no filter"), ip="here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ray, "get", get)
    task = Task(Tree(), Chain("a"), "runs", Node("one", 1), started=time.monotonic())
    with Progress() as progress:
        assert Head(Options(retries=3), progress)._take_in(task, None)
    assert task.status == "failed" and "TypeError on one: no filter" in task.error
    assert "lost its worker" not in capsys.readouterr().out
