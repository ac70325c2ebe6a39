"""`inkbench repro` on nodes that share nothing but an S3 remote, and what can go wrong there."""

import pytest
from raylets import Cluster
from toy import Toy

pytestmark = pytest.mark.slow

ALL = sorted(
    [f"{kind}@{name}" for kind in ("download", "preprocess") for name in ("digits", "letters")]
    + [
        f"{k}@{v}"
        for k in ("train", "evaluate", "plot")
        for v in ("digits-a", "digits-b", "letters-a")
    ]
    + ["report@"]
)


def test_repro_on_two_nodes_gives_the_same_bytes(
    cluster: Cluster, serial, tmp_path, expected
) -> None:
    toy = cluster.use(Toy(serial / "fresh").copy(tmp_path / "toy"))
    toy.run("inkbench", "repro")
    assert toy.executed() == ALL
    assert toy.outputs() == expected
    for name in ("one", "two"):
        assert list((cluster.folder / name / "cache/files").rglob("*")), "it was used"
        assert [path.name for path in (cluster.folder / name / "scratch").iterdir()] == [".lock"]


def test_repro_keeps_what_succeeds_and_resumes(cluster: Cluster, toy: Toy, expected) -> None:
    """A killed Ray worker, a killed training and a failing stage, in one run."""
    cluster.use(toy)
    toy.ask("pause-train-digits-a-epoch2", "pause-train-digits-b-epoch2", "fail-evaluate-letters-a")
    head = toy.start("inkbench", "repro")
    training, other = toy.paused("train-digits-a"), toy.paused("train-digits-b")
    cluster.worker(training).kill()
    toy.wait_for(lambda: not training.is_running(), seconds=10)
    other.kill()
    toy.go_on()
    assert head.wait(timeout=300) == 1
    ran = ["train@digits-a", "train@digits-a", "evaluate@digits-a", "plot@digits-a"]
    ran += ["train@digits-b", "train@letters-a", "evaluate@letters-a"]
    assert toy.executed() == sorted(ran)
    assert "digits-a 3" in toy.epochs()
    assert toy.epochs().count("digits-a 1") == 1, "the killed training resumes"

    (toy.notes / "fail-evaluate-letters-a").unlink()
    toy.run("inkbench", "repro")
    missing = ["train@digits-b", "evaluate@digits-b", "plot@digits-b"]
    missing += ["evaluate@letters-a", "plot@letters-a", "report@"]
    assert toy.executed() == sorted(missing)
    assert toy.outputs() == expected
    assert cluster.processes() == []
