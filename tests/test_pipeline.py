"""The whole pipeline for real: `dvc repro` on little synthetic data, of all datasets.

A restorer, its submission and a published result; other tests run the stages of other variants.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from project import Project, empty_store

import sharing_page as page
from helpers import contents

pytestmark = pytest.mark.slow

VARIANT = "documents-unet"
CLAIM = "notmnist-basic"  # the fastest
SMALL = {"train_limit": 4, "model": {"width": 4}, "patches": {"size": 32, "per_page": 8}}


# Less synthetic data: generating all of it takes half a minute.
FEWER = (
    ("letters", "PER_LETTER = 620", "PER_LETTER = 60"),
    ("digits", '{"train": 4000, "test": 800}', '{"train": 120, "test": 60}'),
    ("pages", "SHEETS = 12", "SHEETS = 4"),
    ("pages", "(258,) * 2 + (420,) * 2", "(258,) * 2"),
)


# Notes which files a stage opens to read.
RECORDER = """
import os, sys
if sys.orig_argv[1:2] and sys.orig_argv[1].startswith("stages/"):
    log = os.open("opened.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def note(event, args):
        if event == "open" and isinstance(args[0], str) and not args[2] & (os.O_WRONLY | os.O_RDWR):
            os.write(log, f"{os.environ['DVC_STAGE']}\\t{os.path.relpath(args[0])}\\n".encode())
    sys.addaudithook(note)
"""
OF_VARIANT = {f"{s}@{VARIANT}" for s in ("train", "evaluate", "plot", "submission")} | {"report"}
READ = {"benchmarks", "data", "evaluations", "metrics", "models", "plots", "sweeps"}


class Pipeline(Project):
    """A copy of the repository with shrunk params."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment["PYTHONPATH"] = str(folder / "src")

    def params(self) -> dict:
        return yaml.safe_load((self.folder / "params.yaml").read_text())

    def set_params(self, params: dict) -> None:
        self.write("params.yaml", yaml.safe_dump(params, sort_keys=False))

    def dvc(self, *arguments: str) -> str:
        done = self.run("dvc", *arguments, timeout=1800)
        self.stderr = done.stderr
        return done.stdout

    def stages_run(self, *arguments: str) -> set[str]:
        return set(re.findall(r"Running stage '([^']+)'", self.dvc("repro", *arguments)))

    def stale(self, params: dict) -> set[str]:
        """Stages that other params make stale, and those after them; nothing is run."""
        before = self.params()
        self.set_params(params)
        try:
            return self.stages_run("--dry", "--force-downstream")
        finally:
            self.set_params(before)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Pipeline:
    """The pipeline, run once."""
    folder = tmp_path_factory.mktemp("pipeline")
    page.copy(folder)
    shutil.copy(empty_store(tmp_path_factory), folder)
    (folder / "dvc.lock").unlink(missing_ok=True)
    shutil.rmtree(folder / "metrics", ignore_errors=True)
    pipeline = Pipeline(folder)
    for file, old, new in FEWER:
        pipeline.replace(f"src/inkbench/datasets/synthetic/{file}.py", old, new)
    pipeline.write("src/sitecustomize.py", RECORDER)
    pipeline.write(".gitignore", (folder / ".gitignore").read_text() + "/opened.log\n")
    pipeline.run("git", "init", "-q")
    pipeline.commit("A tiny pipeline")
    params = pipeline.params()
    for data in params["data"].values():
        data |= {"source": "synthetic", "limit": 400}
    params["data"]["documents"]["limit"] = 48
    params["train"] = {VARIANT: params["train"][VARIANT] | SMALL}
    params["published"] = {CLAIM: params["published"][CLAIM]}
    params["synthetic"] = {"epochs": 1, "train_limit": 200}
    pipeline.set_params(params)
    pipeline.first_run, pipeline.first_stderr = pipeline.stages_run(), pipeline.stderr
    return pipeline


def test_first_repro_runs_every_stage(pipeline):
    per_dataset = {
        f"{s}@{d}" for s in ("download", "preprocess") for d in pipeline.params()["data"]
    }
    assert pipeline.first_run == per_dataset | OF_VARIANT | {f"published@{CLAIM}"}


def test_stages_depend_on_all_data_that_they_read(pipeline, monkeypatch):
    monkeypatch.chdir(pipeline.folder)
    with Repo(str(pipeline.folder)) as repo:
        known = {s.addressing: [o.def_path for o in (*s.deps, *s.outs)] for s in repo.index.stages}
    lines = (pipeline.folder / "opened.log").read_text().splitlines()
    read = {tuple(line.split("\t")) for line in lines}
    read = {(stage, name) for stage, name in read if Path(name).parts[0] in READ}
    assert {stage.partition("@")[0] for stage, _ in read} >= {"preprocess", "train", "report"}
    unknown = {
        (stage, name)
        for stage, name in read
        if not any(part.startswith(".") for part in Path(name).parts)
        and not any(Path(name).is_relative_to(path) for path in known[stage])
    }
    assert unknown == set()


@pytest.mark.parametrize(
    ("block", "key", "value", "stage"),
    [
        ("data", "mnist", {"source": "auto"}, "download@mnist"),
        ("published", CLAIM, {"seed": 1}, f"published@{CLAIM}"),
    ],
)
def test_changed_setting_makes_its_stage_stale(pipeline, block, key, value, stage, monkeypatch):
    monkeypatch.chdir(pipeline.folder)
    before = pipeline.params()
    pipeline.set_params(before | {block: before[block] | {key: before[block][key] | value}})
    try:
        with Repo(str(pipeline.folder)) as repo:
            assert stage in repo.status([stage])
    finally:
        pipeline.set_params(before)


def test_second_repro_runs_no_stage(pipeline):
    assert pipeline.stages_run() == set()


def test_repro_in_a_clone_runs_no_stage_after_dvc_pull(pipeline, tmp_path):
    untracked = shutil.ignore_patterns("mlflow.db*", "mlartifacts", ".tracking")
    owner = shutil.copytree(pipeline.folder, tmp_path / "owner", ignore=untracked)
    origin = tmp_path / "inkbench.git"
    places = {page.GIT: str(origin), page.FOLDER: str(tmp_path / "store")}
    shell = page.Shell(tmp_path / "home", places)
    shell.run(tmp_path, f"git init --bare --initial-branch main {origin}")
    shell.run(owner, f"git checkout -B main\ngit remote add origin {origin}")
    shell.recipe(owner, "A folder")
    shell.recipe(owner, "Publish a version")
    model = contents(owner / "models/documents-unet")
    shutil.rmtree(owner)
    output = shell.recipe(tmp_path, "All of it, in a fresh clone")
    assert "Running stage" not in output
    assert "Data and pipelines are up to date." in output
    assert shell.run(tmp_path / "inkbench", "git status --short") == ""
    shell.recipe(tmp_path, "A model")
    assert contents(tmp_path / "documents-unet") == model


def test_changed_learning_rate_reruns_that_variant_alone(pipeline):
    params = pipeline.params()
    params["train"][VARIANT]["learning_rate"] /= 2
    assert pipeline.stale(params) == OF_VARIANT


def test_changed_split_keeps_the_download(pipeline):
    params = pipeline.params()
    params["data"]["documents"]["seed"] = 1
    assert pipeline.stale(params) == {"preprocess@documents"} | OF_VARIANT


def test_synthetic_data_is_labelled_everywhere(pipeline):
    metrics = json.loads((pipeline.folder / f"metrics/{VARIANT}.json").read_text())
    assert metrics["data_source"] == "synthetic"
    for dataset in pipeline.params()["data"]:
        raw = pipeline.folder / f"data/raw/{dataset}/provenance.json"
        assert json.loads(raw.read_text())["source"] == "synthetic"
    assert "synthetic" in (pipeline.folder / "reports/index.html").read_text().lower()


def test_training_on_synthetic_data_is_cut_to_the_limits_in_params(pipeline):
    limits = pipeline.params()["synthetic"]
    asked = pipeline.params()["train"][VARIANT]["epochs"]
    assert f"train.{VARIANT}: synthetic data: 1 of {asked} epochs" in pipeline.first_stderr
    card = json.loads((pipeline.folder / f"models/{VARIANT}/train.json").read_text())
    assert card["epochs"] == card["variant"]["epochs"] == limits["epochs"]
    assert card["variant"]["train_limit"] <= limits["train_limit"]
    claim = json.loads((pipeline.folder / f"metrics/published/{CLAIM}.json").read_text())
    assert claim["epochs"] == limits["epochs"]


def test_dvc_shows_metrics_params_plots_and_the_graph(pipeline):
    with Repo(str(pipeline.folder)) as repo:
        shown = repo.metrics.show()[""]["data"]
        assert "learning_rate" in str(repo.params.diff(all=True))
        assert f"train@{VARIANT}" in {getattr(stage, "name", None) for stage in repo.index.graph}
    assert {Path(file).stem for file in shown} == {VARIANT, CLAIM}
    pipeline.dvc("plots", "show", "--out", "shown")
    assert (pipeline.folder / "shown/index.html").stat().st_size > 10_000


def test_mlflow_has_a_run_for_every_stage(pipeline):
    pipeline.sync()  # uploads what a slow machine has not uploaded yet
    (parent,) = pipeline.seen().parents
    runs = pipeline.seen().stages(parent)
    assert {run.info.status for run in runs} == {"FINISHED"}
    tags = [run.data.tags for run in runs]
    per_variant = {(stage, VARIANT) for stage in ("train", "evaluate", "plot", "submission")}
    per_dataset = {(s, d) for s in ("download", "preprocess") for d in pipeline.params()["data"]}
    alone = {("report", None), ("published", CLAIM)}
    seen = {(one["stage"], one.get("variant") or one.get("dataset")) for one in tags}
    assert seen == per_variant | per_dataset | alone
    trainings = [run for run in runs if run.data.tags["stage"] == "train"]
    assert {run.data.tags["data_source"] for run in trainings} == {"synthetic"}
    assert {run.data.params["train.epochs"] for run in trainings} == {"1"}  # the limit
