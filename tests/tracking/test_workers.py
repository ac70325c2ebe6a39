"""`inkbench repro` on this machine: the same runs in MLflow as a serial run, and the same bytes."""

import subprocess

import psutil
import pytest
from project import Project, Seen

pytestmark = pytest.mark.slow

STALE = ["evaluate@mnist-a", "plot@mnist-a", "report", "train@mnist-a"]
OUTPUTS = ("dvc.lock", "models", "metrics", "plots", "reports")


def outputs(project: Project) -> dict[str, bytes]:
    """Bytes of everything that a run writes."""
    paths = [path for name in OUTPUTS for path in [*project.folder.glob(f"{name}/**/*")]]
    paths.append(project.folder / "dvc.lock")
    files = (path for path in paths if path.is_file())
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


def story(seen: Seen) -> dict[str, object]:
    """What a store tells of the stages that ran, without ids and times."""
    models = {model.source_run_id for model in seen.models()}
    return {
        run.data.tags["dvc.stage"]: (
            run.info.status,
            run.data.params,
            seen.curve(run, "loss"),
            {key: tag for key, tag in run.data.tags.items() if key.startswith(("dvc.", "stage"))},
            run.info.run_id in models,
            run.data.tags["mlflow.parentRunId"] == seen.parents[-1].info.run_id,
        )
        for run in seen.stages()
    }


def workers(head: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Ray workers of a head that run a chain."""
    children = psutil.Process(head.pid).children(recursive=True)
    return [child for child in children if child.name().startswith("ray::run_chain")]


def test_repro_on_workers_gives_the_bytes_and_runs_of_a_serial_run(template, tmp_path):
    """One Ray worker is killed on the way: its task is run again and leaves one run."""
    serial, parallel = (template.copy(tmp_path / name) for name in ("serial", "parallel"))
    for project in (serial, parallel):
        project.replace("params.yaml", "epochs: 3", "epochs: 4")
        project.commit("longer")
    serial.run("dvc", "repro")
    here, go = tmp_path / "here", tmp_path / "go"
    pause = {"FAKE_PAUSE": "train:epoch", "FAKE_HERE": str(here), "FAKE_GO": str(go)}
    head = parallel.start("inkbench", "repro", "--jobs", "1", **pause)
    parallel.wait_for(here.exists)
    (worker,) = workers(head)
    worker.kill()
    go.touch()
    assert head.wait(timeout=300) == 0, parallel.errors.read_text()
    assert outputs(parallel) == outputs(serial)
    for project in (serial, parallel):
        project.wait_uploaded()
        project.kill_uploader()
        project.sync()  # whatever the uploader had still to do
    live = [story(project.seen()) for project in (serial, parallel)]
    assert set(live[1]) >= set(STALE)
    assert live[1] == live[0]
    assert len(parallel.seen().stages()) == len(serial.seen().stages())


def test_repro_ends_with_its_raylet(project, tmp_path):
    project.replace("params.yaml", "epochs: 3", "epochs: 4")
    here = tmp_path / "here"
    pause = {"FAKE_PAUSE": "train:epoch", "FAKE_HERE": str(here), "FAKE_GO": str(tmp_path / "go")}
    untracked = {"INKBENCH_TRACKING": "off"}
    head = project.start("inkbench", "repro", "--jobs", "1", **pause, **untracked)
    project.wait_for(here.exists)
    family = psutil.Process(head.pid).children(recursive=True)
    next(process for process in family if process.name() == "raylet").kill()
    assert head.wait(timeout=180) != 0  # Ray ends it, or it finds no worker
    assert psutil.wait_procs(family, timeout=60)[1] == []


def test_repro_starts_no_ray_when_nothing_is_stale(project, tmp_path):
    nowhere = {"RAY_TMPDIR": str(tmp_path / "ray"), "INKBENCH_TRACKING": "off"}
    done = project.run("inkbench", "repro", **nowhere)
    assert "report" in done.stdout
    assert "Ray" not in done.stdout  # which it would say: its folder cannot be made


def test_repro_runs_serially_where_ray_cannot_start(project):
    project.replace("params.yaml", "epochs: 3", "epochs: 4")
    impossible = {"RAY_TMPDIR": "/proc/nowhere", "INKBENCH_TRACKING": "off"}
    done = project.run("inkbench", "repro", **impossible)
    (reason,) = (line for line in done.stdout.splitlines() if line.startswith("inkbench:"))
    assert "Ray cannot start" in reason
    assert "Running stage 'train@mnist-a'" in done.stdout
    assert done.stderr == ""
