"""A worker on an old Python or without a home, and what the head makes of workers."""

import io
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import ray

from inkbench.cluster import worker
from inkbench.cluster.head import Head, Options
from inkbench.errors import InkbenchError
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


def test_head_gives_a_lost_chain_back_to_its_node(tmp_path, monkeypatch):
    """What it has done, and its checkpoint, are there."""

    def submit(head: Head, task: Task, node_id: str) -> None:
        chosen.append(node_id)
        task.status = "done"

    chosen: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Head, "_find_nodes", lambda _: None)
    monkeypatch.setattr(Head, "_submit", submit)
    with Progress() as progress:
        head = Head(Options(), progress)
        head._nodes = {"one": Node("one", 1), "two": Node("two", 4)}
        head.tasks += [Task(Tree(), Chain("a"), node=head._nodes["one"]), Task(Tree(), Chain("b"))]
        assert list(head.results()) == []
    assert chosen == ["one", "two"]


def test_head_gives_nothing_to_a_node_that_does_not_answer(tmp_path, monkeypatch, capsys):
    def compare(*_: object) -> None:
        raise ray.exceptions.GetTimeoutError

    nodes = [
        {"NodeID": name, "Alive": True, "NodeManagerHostname": name}
        | {"Resources": {"memory": 9e9, "CPU": 2}}
        for name in ("one", "two")
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(Head, "_compare", compare)
    with Progress() as progress:
        head = Head(Options(), progress)
        head._remote = {"remote": "r"}
        with pytest.raises(InkbenchError, match="no worker is left"):
            head._find_nodes()
    assert capsys.readouterr().out.count("does not answer") == 2


def test_scratch_deletes_what_killed_workers_left_and_nothing_in_use(tmp_path):
    with worker._scratch(tmp_path) as used:
        (tmp_path / "left").mkdir()
        (tmp_path / "left/lock").touch()
        with worker._scratch(tmp_path) as other:
            assert {path.name for path in tmp_path.iterdir()} == {used.name, other.name}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("jobs", "free", "slots"), [(0, 5e9, 2), (0, 1e9, 1), (4, 1e9, 4)])
def test_slots_follow_free_memory_unless_jobs_are_given(jobs, free, slots, monkeypatch):
    resources = {"memory": 9e9, "CPU": 4}
    node = {"NodeID": "n", "Alive": True, "NodeManagerHostname": "h", "Resources": resources}
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    with Progress() as progress:
        head = Head(Options(jobs=jobs), progress)
        head._find_nodes()
    assert head._nodes["n"].slots == slots


def test_a_chain_has_lost_its_input_once_that_chain_failed():
    tree = Tree()
    with Progress() as progress:
        head = Head(Options(), progress)
    data = Task(tree, Chain("d", ["preprocess@d"]), status="failed")
    training = Task(tree, Chain("v", ["train@v"], {"preprocess@d"}))
    head.tasks += [data, training]
    assert head._has_lost_input(training)
    data.status = "runs"
    assert not head._has_lost_input(training)


def test_a_chain_waits_for_what_it_reads_though_a_node_is_free(monkeypatch):
    submitted: list[str] = []

    def submit(task: Task, node_id: str) -> None:
        submitted.append(task.chain.name)
        task.status = "runs"

    with Progress() as progress:
        head = Head(Options(), progress)
        monkeypatch.setattr(head, "_find_nodes", lambda: None)
        monkeypatch.setattr(head, "_submit", submit)
        head._nodes["n"] = Node("n", 2)
        tree = Tree()
        head.tasks.append(Task(tree, Chain("d", ["preprocess@d"])))
        head.tasks.append(Task(tree, Chain("v", ["train@v"], {"preprocess@d"})))
        assert list(head.results()) == [] and submitted == ["d"]
        tree.plan.known["preprocess@d"] = {}
        assert list(head.results()) == [] and submitted == ["d", "v"]
