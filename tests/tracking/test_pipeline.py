"""Stages, hashes and staleness, read as DVC reads them."""

from pathlib import Path

import pytest
from project import Project

from inkbench.errors import InkbenchError
from inkbench.tracking import pipeline
from inkbench.tracking.pipeline import CommittedFiles, Execution, Files
from inkbench.tracking.syncing import current

PARAMS = "data: {a: {n: 1}, b: {n: 2}}\ntop: {rate: 1e-05}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with parameters and something to depend on."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / ".dvcignore").write_text("__pycache__/\n*.tmp\n")
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("a")
    (tmp_path / "code" / "__pycache__" / "a.pyc").write_text("x")
    return tmp_path


def stages(folder: Path, text: str) -> dict[str, pipeline.Stage]:
    (folder / "dvc.yaml").write_text(text)
    return pipeline.stages(Files(folder))


def test_foreach_over_a_mapping_gives_one_stage_a_key(folder: Path) -> None:
    found = stages(
        folder,
        "stages:\n  x:\n    foreach: ${data}\n    do:\n      cmd: run ${key} ${item.n}\n"
        "      params: ['data.${key}']\n      outs: [{'out/${key}': {persist: true}}]\n",
    )
    assert found["x@b"].cmd == "run b 2"
    assert found["x@b"].params == {"params.yaml": ("data.b",)}
    assert found["x@b"].outs == ("out/b",)


def test_foreach_over_a_list_gives_one_stage_an_item(folder: Path) -> None:
    found = stages(folder, "stages:\n  x:\n    foreach: [u, v]\n    do:\n      cmd: run ${item}\n")
    assert {name: stage.cmd for name, stage in found.items()} == {"x@u": "run u", "x@v": "run v"}


def test_a_float_without_a_dot_is_a_number_as_it_is_for_dvc(folder: Path) -> None:
    found = stages(folder, "stages:\n  x:\n    cmd: run\n    params: [top.rate]\n")
    now = pipeline.execution(found["x"], Files(folder))
    assert now.params == {"params.yaml": {"top.rate": 1e-5}}


def test_ignored_files_do_not_change_a_folders_hash(folder: Path) -> None:
    before = Files(folder).md5("code")
    (folder / "code" / "b.tmp").write_text("b")
    assert Files(folder).md5("code") == before
    (folder / "code" / "b.py").write_text("b")
    assert Files(folder).md5("code") != before


def test_a_missing_dependency_has_no_hash(folder: Path) -> None:
    assert Files(folder).md5("nowhere") is None


@pytest.mark.parametrize("change", ["cmd", "deps", "params"])
def test_the_stage_hash_depends_on_all_that_goes_in(change: str) -> None:
    inputs = {"cmd": "run", "deps": {"a": "1"}, "params": {"params.yaml": {"k": 1}}}
    other = {"cmd": "walk", "deps": {"a": "2"}, "params": {"params.yaml": {"k": 2}}}
    one = Execution("x", outs={}, **inputs)
    two = Execution("x", outs={}, **(inputs | {change: other[change]}))
    assert one.hash != two.hash


def test_the_stage_hash_does_not_depend_on_what_comes_out() -> None:
    assert Execution("x", "run", {}, {"o": "1"}, {}).hash == Execution("x", "run", {}, {}, {}).hash


def test_hashes_of_the_files_are_those_that_dvc_recorded(template: Project) -> None:
    lock = pipeline.recorded(Files(template.folder))
    files = Files(template.folder)
    now = {name: pipeline.execution(stage, files) for name, stage in pipeline.stages(files).items()}
    assert len(lock) == 8
    assert {name: one.hash for name, one in now.items()} == {n: one.hash for n, one in lock.items()}


def test_a_commit_has_the_hashes_of_its_working_tree(template: Project) -> None:
    for path in ("stages/train.py", "src/code"):
        assert CommittedFiles(template.folder, "HEAD").md5(path) == Files(template.folder).md5(path)


def stale(project: Project) -> set[str]:
    files = Files(project.folder)
    return current(pipeline.recorded(files), files)[1]


def test_nothing_is_stale_after_a_run(template: Project) -> None:
    assert stale(template) == set()


def test_a_changed_parameter_makes_what_depends_on_it_stale(project: Project) -> None:
    project.replace("params.yaml", "epochs: 2", "epochs: 4")
    assert stale(project) == {"train@mnist-b", "evaluate@mnist-b", "plot@mnist-b", "report"}


def test_changed_code_makes_what_depends_on_it_stale(project: Project) -> None:
    project.replace("stages/plot.py", '"""Any', '"""Some')
    assert stale(project) == {"plot@mnist-a", "plot@mnist-b", "report"}


def test_a_file_with_conflict_markers_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("<<<<<<< HEAD\nstages:\n=======\n")
    with pytest.raises(InkbenchError, match=r"dvc\.lock is not valid YAML") as said:
        pipeline.recorded(Files(tmp_path))
    assert "\n" not in str(said.value)
