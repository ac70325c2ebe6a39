"""`dvc exp run` as docs/tracking.md shows it, where DVC's cache has lost some of what it lists."""

import json
import shutil

import pytest
import tracking_page as page
import yaml

pytestmark = pytest.mark.slow


def documented(name: str) -> list[str]:
    """The documented command, for a variant of the miniature pipeline.

    ``longer`` runs in the workspace, ``wider`` in a copy of it.
    """
    (command,) = (line for line in page.commands() if f"--name {name} " in line)
    return [*command.split()[:-1], "train.mnist-b.epochs=4"]


@pytest.mark.parametrize(("lost", "place"), [("a file", "longer"), ("a folder's list", "wider")])
def test_experiment_runs_again_what_the_run_cache_lists_but_the_cache_lost(lost, place, project):
    lock = yaml.safe_load((project.folder / "dvc.lock").read_text())
    (model,) = lock["stages"]["train@mnist-a"]["outs"]
    cache = project.folder / ".dvc/cache/files/md5"
    listed = cache / model["md5"][:2] / model["md5"][2:]
    file = json.loads(listed.read_text())[0]["md5"]
    (cache / file[:2] / file[2:] if lost == "a file" else listed).unlink()
    shutil.rmtree(project.folder / model["path"])
    project.run(*documented(place), INKBENCH_TRACKING="off")
    project.run("dvc", "exp", "apply", place)
    assert "Data and pipelines are up to date" in project.run("dvc", "status").stdout
