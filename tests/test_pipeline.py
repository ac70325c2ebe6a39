"""The real pipeline, end to end: `dvc repro` on tiny stand-in data, one variant a dataset."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sharing_page as page

pytestmark = pytest.mark.slow

VARIANTS = ("notmnist-cnn", "mnist-vae", "documents-unet")
CLAIM = "notmnist-basic"  # the quickest to run again
SHRUNK = {
    "notmnist-cnn": {"epochs": 1, "train_limit": 200},
    "mnist-vae": {"epochs": 1, "train_limit": 200, "model": {"code": 4, "width": 4}},
    "documents-unet": {
        "epochs": 1,
        "train_limit": 4,
        "model": {"width": 4},
        "patches": {"size": 32, "per_page": 8},
    },
}


class Pipeline:
    """A copy of the repository with shrunk params."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def params(self) -> dict:
        return yaml.safe_load((self.folder / "params.yaml").read_text())

    def write(self, params: dict) -> None:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def run(self, *command: str) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("INKBENCH_", "MLFLOW_"))}
        environment = clean | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        ran = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run("dvc", *arguments)

    def stages_run(self, *arguments: str) -> set[str]:
        return set(re.findall(r"Running stage '([^']+)'", self.dvc("repro", *arguments)))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Pipeline:
    """The pipeline, run once."""
    folder = tmp_path_factory.mktemp("pipeline")
    page.copy(folder)
    (folder / "dvc.lock").unlink(missing_ok=True)
    shutil.rmtree(folder / "metrics", ignore_errors=True)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "A tiny pipeline"]):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    pipeline = Pipeline(folder)
    params = pipeline.params()
    for data in params["data"].values():
        data |= {"source": "stand-in", "limit": 400}
    params["data"]["documents"]["limit"] = 48
    params["train"] = {name: params["train"][name] | SHRUNK[name] for name in VARIANTS}
    claim = params["published"][CLAIM] | {"epochs": 1, "train_limit": 200}
    params["published"] = {CLAIM: claim}
    pipeline.write(params)
    pipeline.first_run = pipeline.stages_run()
    return pipeline


def test_every_kind_of_stage_ran(pipeline):
    per_dataset = {
        f"{s}@{d}" for s in ("download", "preprocess") for d in pipeline.params()["data"]
    }
    per_variant = {f"{s}@{v}" for s in ("train", "evaluate", "plot") for v in VARIANTS}
    alone = {"report", f"published@{CLAIM}", "submission@documents-unet"}
    assert pipeline.first_run == per_dataset | per_variant | alone


def test_a_second_run_does_nothing(pipeline):
    assert pipeline.stages_run() == set()


def test_a_fresh_clone_of_what_was_pushed_runs_no_stage(pipeline, tmp_path):
    untracked = shutil.ignore_patterns("mlflow.db*", "mlartifacts", ".tracking")
    owner = shutil.copytree(pipeline.folder, tmp_path / "owner", ignore=untracked)
    origin = tmp_path / "inkbench.git"
    places = {page.GIT: str(origin), page.FOLDER: str(tmp_path / "store")}
    shell = page.Shell(tmp_path / "home", places)
    shell.run(tmp_path, f"git init --bare --initial-branch main {origin}")
    shell.run(owner, f"git checkout -B main\ngit remote add origin {origin}")
    shell.recipe(owner, "A folder")
    shell.recipe(owner, "Publish a version")
    model = page.contents(owner / "models/documents-unet")
    shutil.rmtree(owner)
    said = shell.recipe(tmp_path, "All of it, in a fresh clone")
    assert "Running stage" not in said
    assert "Data and pipelines are up to date." in said
    shell.recipe(tmp_path, "A model")
    assert page.contents(tmp_path / "documents-unet") == model


def test_a_changed_learning_rate_reruns_that_variant_and_nothing_else(pipeline):
    params = pipeline.params()
    params["train"]["mnist-vae"]["learning_rate"] /= 2
    pipeline.write(params)
    rerun = pipeline.stages_run()
    assert rerun == {"train@mnist-vae", "evaluate@mnist-vae", "plot@mnist-vae", "report"}


def test_a_changed_family_makes_its_variants_stale_and_no_other(pipeline):
    module = pipeline.folder / "src/inkbench/models/unet.py"
    text = module.read_text()
    module.write_text(text + "\n# changed\n")
    try:
        trained = {stage for stage in pipeline.stages_run("--dry") if stage.startswith("train@")}
    finally:
        module.write_text(text)
    assert trained == {"train@documents-unet"}


def test_a_changed_split_keeps_the_download(pipeline):
    params = pipeline.params()
    changed = json.loads(json.dumps(params))
    changed["data"]["mnist"]["seed"] = 1
    pipeline.write(changed)
    try:
        stale = pipeline.stages_run("--dry")
    finally:
        pipeline.write(params)
    assert stale == {"preprocess@mnist"}  # and what comes after it, if its arrays change


def test_stand_in_data_says_so_everywhere(pipeline):
    for variant in VARIANTS:
        metrics = json.loads((pipeline.folder / f"metrics/{variant}.json").read_text())
        assert metrics["data_source"] == "stand-in"
    for dataset in pipeline.params()["data"]:
        raw = pipeline.folder / f"data/raw/{dataset}/provenance.json"
        assert json.loads(raw.read_text())["source"] == "stand-in"
    assert "stand-in" in (pipeline.folder / "reports/index.html").read_text().lower()


def test_metrics_are_flat(pipeline):
    for variant in VARIANTS:
        metrics = json.loads((pipeline.folder / f"metrics/{variant}.json").read_text())
        assert all(isinstance(value, int | float | str) for value in metrics.values())


def test_dvc_answers_about_metrics_params_plots_and_the_graph(pipeline):
    shown = json.loads(pipeline.dvc("metrics", "show", "--json"))
    files = shown[""]["data"] if "" in shown else next(iter(shown.values()))["data"]
    assert {Path(file).stem for file in files} == {*VARIANTS, CLAIM}
    assert "train@mnist-vae" in pipeline.dvc("dag", "--dot")
    assert "learning_rate" in pipeline.dvc("params", "diff", "--all")
    pipeline.dvc("plots", "show", "--out", "shown")
    assert (pipeline.folder / "shown/index.html").stat().st_size > 10_000


def test_mlflow_has_a_run_for_every_stage(pipeline):
    pipeline.run("inkbench", "sync")  # brings what a slow machine's couriers have not brought yet
    script = (
        "import mlflow, json\n"
        f"mlflow.set_tracking_uri('sqlite:///{pipeline.folder}/mlflow.db')\n"
        "runs = mlflow.search_runs(experiment_names=['inkbench'], output_format='list')\n"
        "print(json.dumps([dict(run.data.tags) | {'status': run.info.status} for run in runs]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    runs = json.loads(ran.stdout.splitlines()[-1])
    stages = [run for run in runs if "mlflow.parentRunId" in run]
    assert {run["status"] for run in stages} == {"FINISHED"}
    # One parent run a state of the pipeline; another test may have made a second state.
    parents = {run["mlflow.parentRunId"] for run in stages}
    seen = [
        {
            (run["stage"], run.get("variant") or run.get("dataset"))
            for run in stages
            if run["mlflow.parentRunId"] == parent
        }
        for parent in parents
    ]
    per_variant = {(stage, v) for stage in ("train", "evaluate", "plot") for v in VARIANTS}
    per_dataset = {(s, d) for s in ("download", "preprocess") for d in pipeline.params()["data"]}
    alone = {("report", None), ("published", CLAIM), ("submission", "documents-unet")}
    assert per_variant | per_dataset | alone in seen
    trained = [run for run in stages if run["stage"] == "train"]
    assert {run["data_source"] for run in trained} == {"stand-in"}
