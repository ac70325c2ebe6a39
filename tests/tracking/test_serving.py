"""Models out of the registry, and the pipeline through `mlflow run`."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tracking_page as page
from project import SCRIPTS
from server import answers, free_port

from helpers import wait_for
from inkbench import layout, models
from inkbench.models.common import storage
from inkbench.tracking.record import log_model, md5
from inkbench.tracking.store import Store

pytestmark = pytest.mark.slow

NAME = "inkbench-documents-restorer"


@pytest.fixture
def restorer(store: Store, tmp_path: Path) -> Path:
    """Model file of an untrained restorer that is champion."""
    import mlflow

    path, snapshots = layout.model("documents-unet"), layout.snapshots("documents-unet")
    path.parent.mkdir(parents=True)
    storage.save(models.build("unet", (None, None, 2), 0, {"width": 8}), path)
    np.savez(snapshots, inputs=np.full((1, 32, 32, 2), 255, np.uint8))
    run = store.client.create_run(store.experiment_id)
    block = {"dataset": "documents", "task": "restoration", "family": "unet"}
    card = {"variant": block, "data_source": "synthetic"}
    log_model(store, run.info.run_id, "documents-unet", tmp_path, card)
    (model,) = store.models(md5(path))
    mlflow.register_model(f"models:/{model.model_id}", NAME)
    store.client.set_registered_model_alias(NAME, "champion", "1")
    return path


@pytest.fixture
def address(restorer: Path, tmp_path: Path) -> Iterator[str]:
    """URL of a server of the champion, started as docs/tracking.md says."""
    port = free_port()
    command = ["sh", "-euc", page.block("models serve").replace("5001", str(port))]
    environment = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/ping"), 180, process, tmp_path / "serve.log")
        yield f"{url}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)


def invoke(address: str, pages: np.ndarray) -> np.ndarray:
    """Restored pages, over HTTP."""
    body = json.dumps({"inputs": pages.tolist()}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return np.array(json.load(answer)["predictions"])


def test_serve_returns_pages_of_the_size_they_had(address, restorer):
    from inkbench.restore import restore

    random = np.random.default_rng(0)
    for size in [(40, 56), (33, 19)]:
        pages = random.integers(0, 256, (2, *size), np.uint8)
        restored = invoke(address, pages)
        assert restored.shape == (2, *size)
        expected = restore(storage.load(restorer), pages[1])
        assert np.allclose(restored[1], expected, atol=1e-4)
    with pytest.raises(urllib.error.HTTPError) as refused:
        invoke(address, pages / 255)
    assert refused.value.code == 400
    assert "0 to 255" in json.load(refused.value)["message"]
    if shutil.which("curl"):
        asked = page.block("curl").replace("http://127.0.0.1:5001/invocations", address)
        answer = subprocess.run(["sh", "-c", asked], capture_output=True, check=True).stdout
        assert np.shape(json.loads(answer)["predictions"]) == (1, 2, 3)


def test_mlflow_run_gives_a_stage_a_run_of_its_own(project, root):
    shutil.copy(root / "MLproject", project.folder)
    project.replace("params.yaml", "epochs: 3", "epochs: 4")
    command = ["mlflow", "run", ".", "--env-manager", "local", "-e", "train"]
    project.run(*command, "-P", "variant=mnist-a")
    project.wait_uploaded()
    store = project.seen()
    (run,) = store.stages(stage="train")
    assert run.data.tags["dvc.stage"] == "train@mnist-a"
    assert run.data.params["train.epochs"] == "4"
    assert run.data.tags["mlflow.parentRunId"] == store.parents[0].info.run_id
    project_run = store.client.get_run(run.data.tags["project_run"])
    assert project_run.info.run_id not in {run.info.run_id, store.parents[0].info.run_id}
