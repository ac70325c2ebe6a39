"""`inkbench repro` on nodes that share nothing but an S3 remote, and what can go wrong there.

Set OUTAGE to make S3 fail for more seconds.
"""

import json
import os
import re
import shutil
import subprocess
import time

import pytest
import s3fs
from PIL import Image
from toy import Toy

from helpers import contents, inkbench
from inkbench import models
from inkbench.models.common import storage

pytestmark = pytest.mark.slow

LONG = 900  # seconds, for a busy machine
CHAIN = ("train", "evaluate", "plot")
OUTAGE = float(os.environ.get("OUTAGE", "3"))


def chain(variant: str) -> list[str]:
    """Stages of a variant."""
    return [f"{kind}@{variant}" for kind in CHAIN]


def test_repro_on_two_nodes_gives_the_bytes_of_a_serial_run_and_asks_before_it_uses_a_third(
    cluster, serial, tmp_path, expected
):
    """The third has another version of a package."""
    toy = Toy(serial / "fresh").copy(tmp_path / "toy")
    toy.write("requirements.lock", "numpy==9.9 --hash=…\n")
    (tmp_path / "packages/numpy-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "packages/numpy-0.1.dist-info/METADATA").write_text("Name: numpy\nVersion: 0.1\n")
    cluster.start("mixed", slots=4, PYTHONPATH=str(tmp_path / "packages"))
    cluster.use(toy)
    printed = toy.run("inkbench", "repro").stdout
    (refusal,) = (line for line in printed.splitlines() if "--allow-mixed" in line)
    assert "numpy 0.1, not " in refusal
    first = [f"{k}@{d}" for k in ("download", "preprocess") for d in ("digits", "letters")]
    variants = [stage for name in ("digits-a", "digits-b", "letters-a") for stage in chain(name)]
    assert toy.executed() == sorted([*first, *variants, "report@"])
    assert toy.outputs() == expected
    for name in ("one", "two"):
        assert any((cluster.folder / name / "cache/files").rglob("*")), "the node was used"
        assert list((cluster.folder / name / "scratch").glob("*/*")) == []
    assert not (cluster.folder / "mixed").exists()
    assert cluster.files_with("our-secret") == []

    toy = Toy(serial / "data").copy(tmp_path / "own")
    toy.write("requirements.lock", "numpy==9.9 --hash=…\n")
    cluster.use(toy)
    tracked = {"INKBENCH_TRACKING": "on", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    printed = toy.run("inkbench", "repro", "--allow-mixed", "plot@letters-a", **tracked).stdout
    assert toy.executed() == sorted(chain("letters-a"))
    (warning,) = (line for line in printed.splitlines() if "differs" in line)
    assert "numpy 0.1, not " in warning
    journals = [file.read_text() for file in toy.folder.glob(".tracking/*/events.jsonl")]
    starts = [json.loads(journal.partition("\n")[0]) for journal in journals]
    assert {start["dvc_stage"] for start in starts} == set(chain("letters-a"))
    assert all("numpy 0.1" in start["tags"]["worker.differs"] for start in starts)
    cluster.stop("mixed")


def test_repro_runs_no_stage_twice_where_other_outputs_are_recorded(
    cluster, serial, tmp_path, expected
):
    """A fresh clone of what was trained on another kind of CPU, and tracking is impossible."""
    toy = Toy(serial / "done").copy(tmp_path / "toy")
    (md5,) = set(re.findall(r"path: models/digits-a\n +hash: md5\n +md5: (\w+)\.dir", toy.lock))
    toy.write("dvc.lock", toy.lock.replace(md5, "0" * 32))
    for folder in (".dvc/cache/runs", "models", "evaluations", "plots", "reports"):
        shutil.rmtree(toy.folder / folder)
    cluster.use(toy)
    bad = {"MLFLOW_TRACKING_URI": "file:./mlruns", "INKBENCH_TRACKING": "on"}
    assert "MLFLOW_TRACKING_URI" in toy.run("inkbench", "repro", **bad).stderr
    assert toy.executed() == sorted(chain("digits-a"))
    assert toy.outputs() == expected


def test_repro_says_that_the_token_is_refused(cluster, toy):
    cluster.use(toy)
    done = toy.run("inkbench", "repro", check=False, RAY_AUTH_TOKEN="0" * 64)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert cluster.address in done.stderr and "RAY_AUTH_TOKEN" in done.stderr


def test_denoise_cleans_files_of_a_bucket_on_a_cluster(cluster, serial, tmp_path, monkeypatch):
    toy = Toy(serial / "fresh").copy(tmp_path / "toy")
    cluster.use(toy)
    network = models.build("scan_unet", (None, None, 6), 0, {"first": 2, "width": 2})
    storage.save(network, toy.folder / "m.keras")
    keys = {"key": "our-key", "secret": "our-secret"}
    bucket = s3fs.S3FileSystem(**keys, endpoint_url=cluster.gate.url, skip_instance_cache=True)
    (toy.folder / "scans").mkdir()
    for number in range(3):
        path = toy.folder / f"scans/{number}.png"
        Image.effect_noise((120, 90), 50 + number).save(path)
        bucket.put_file(str(path), f"toy/scans/{path.name}")
    command = ("inkbench", "denoise", "--model", "m.keras", "-o")
    printed = toy.run(*command, "s3://toy/out", "s3://toy/scans", "--address", cluster.address)
    assert "3 of 3 cleaned" in printed.stdout and "one process" not in printed.stderr
    monkeypatch.chdir(toy.folder)
    assert inkbench(*command[1:], "out", "scans") == 0
    cleaned = contents(toy.folder / "out")
    assert len(cleaned) == 3
    assert {name: bucket.cat_file(f"toy/out/{name}") for name in cleaned} == cleaned


def test_repro_keeps_what_succeeds(cluster, toy, expected):
    """A killed Ray worker, a killed training and a failing stage; then the head is killed."""
    cluster.use(toy)
    toy.ask("pause-train-digits-a-epoch2", "pause-train-digits-b-epoch2", "fail-evaluate-letters-a")
    head = toy.start("inkbench", "repro")
    of_killed_worker, killed = toy.paused("train-digits-a"), toy.paused("train-digits-b")
    cluster.worker(of_killed_worker).kill()
    toy.wait_for(lambda: of_killed_worker not in cluster.processes(), seconds=60)
    killed.kill()
    toy.go_on()
    assert head.wait(timeout=LONG) == 1, toy.log.read_text()
    assert "failed as requested" in toy.log.read_text()
    ran = ["train@digits-a", *chain("digits-a"), "train@digits-b", *chain("letters-a")[:2]]
    assert toy.executed() == sorted(ran)
    assert toy.epochs().count("digits-a 1") == 1, "the killed training resumes on its node"
    assert (toy.notes / "growth").read_text() == "true", "trainings share the memory of a GPU"

    (toy.notes / "fail-evaluate-letters-a").unlink()
    toy.ask("pause-plot-letters-a-start")
    head = toy.start("inkbench", "repro")
    toy.wait_for(lambda: "digits-b: done" in toy.log.read_text(), LONG)
    toy.paused("plot-letters-a")
    head.kill()
    toy.wait_for(lambda: cluster.processes() == [], seconds=60)
    toy.go_on()
    assert toy.executed() == sorted([*chain("digits-b"), *chain("letters-a")[1:]])

    toy.run("inkbench", "repro")
    again = toy.executed()  # the evaluation, too, if the chain came to the other node
    assert [name for name in again if name != "evaluate@letters-a"] == ["plot@letters-a", "report@"]
    assert toy.outputs() == expected


def test_repro_survives_a_full_disk(cluster, toy, expected):
    cluster.use(toy)
    scratch = cluster.folder / "small"
    scratch.mkdir()
    tiny = f'mount -t tmpfs -o size=64k none {scratch} && exec "$@"'
    own = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", tiny, "sh")
    if subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("a tmpfs needs user namespaces, which are off here")
    cluster.start("small", *own, slots=4)
    done = toy.run("inkbench", "repro", "plot@letters-a", check=False)
    assert done.returncode == 1
    assert f"{scratch}: [Errno 28]" in done.stdout
    assert toy.executed() == []
    cluster.stop("small")
    shutil.rmtree(scratch)
    toy.run("inkbench", "repro", "plot@letters-a")
    own = {name: file for name, file in toy.outputs().items() if "letters-a" in name}
    assert own == {name: file for name, file in expected.items() if "letters-a" in name}


def test_repro_survives_a_killed_raylet_and_an_outage_and_notices_an_edit(cluster, toy):
    cluster.use(toy)
    toy.ask("pause-train-digits-a-epoch2", "pause-train-digits-b-epoch2")
    head = toy.start("inkbench", "repro")
    trainings = {toy.paused(f"train-digits-{name}") for name in "ab"}
    (lost,) = (training for training in trainings if cluster.node(training) == "two")
    cluster.kill_raylet("two")
    toy.wait_for(lambda: lost not in cluster.processes(), seconds=60)
    toy.replace("stages/plot.py", '"""Any stage', '"""Any  stage')
    cluster.gate.is_open = False
    toy.go_on()
    toy.wait_for(lambda: cluster.gate.refused, LONG)
    time.sleep(OUTAGE)
    cluster.gate.is_open = True
    assert head.wait(timeout=LONG) == 2, toy.log.read_text()
    assert "run `inkbench repro` again" in toy.log.read_text()
    variants = [stage for name in ("digits-a", "digits-b", "letters-a") for stage in chain(name)]
    executed = toy.executed()
    assert len(executed) == len(variants) + 1, "the training of the killed raylet, twice"
    assert set(executed) == set(variants)
    assert "train@" not in toy.lock, "nothing is recorded"

    toy.run("inkbench", "repro")
    plots = [f"plot@{name}" for name in ("digits-a", "digits-b", "letters-a")]
    assert toy.executed() == [*plots, "report@"]
    toy.run("dvc", "repro")
    assert toy.executed() == []
