"""What is to be run, and in which chains."""

import shutil

import pytest
from toy import Toy

from inkbench.errors import InkbenchError
from inkbench.pipeline import machine
from inkbench.pipeline.plan import Chain, Plan, plan, predict

VARIANTS = ("digits-a", "digits-b", "letters-a")


def chains(steps: Plan) -> dict[str, list[str]]:
    """Stages by chain."""
    return {chain.name: chain.stages for chain in steps.chains}


def of(variant: str) -> list[str]:
    """Stages of a variant."""
    return [f"{kind}@{variant}" for kind in ("train", "evaluate", "plot")]


def test_plan_of_a_fresh_tree_has_downloads_first_and_a_chain_per_key(serial):
    steps = plan(serial / "fresh")
    assert steps.first == ["download@digits", "download@letters"]
    data = {name: [f"preprocess@{name}"] for name in ("digits", "letters")}
    assert chains(steps) == data | {name: of(name) for name in VARIANTS}
    inputs = {chain.name: chain.inputs for chain in steps.chains}
    assert inputs["digits"] == {"download@digits"}
    assert inputs["digits-b"] == {"preprocess@digits"}
    assert steps.last == ["report"]
    assert steps.known == {}


def test_plan_leaves_out_what_the_lock_knows(serial):
    steps = plan(serial / "data")
    assert steps.first == []
    assert chains(steps) == {name: of(name) for name in VARIANTS}
    done = plan(serial / "done")
    assert done.chains == [] and done.first == [] and "report" in done.known


def test_plan_knows_results_of_the_run_cache(serial, toy):
    cache = str(serial / "done/.dvc/cache")
    steps = plan(toy.folder, cache=cache)
    assert steps.chains == []
    assert set(steps.known) >= {name for variant in VARIANTS for name in of(variant)}


def test_plan_ignores_what_a_killed_writer_left_in_the_run_cache(serial, toy, tmp_path):
    cache = shutil.copytree(serial / "done/.dvc/cache", tmp_path / "cache")
    for folder in cache.glob("runs/*/*"):
        (folder / ".half.tmp").touch()
    assert plan(toy.folder, cache=str(cache)).chains == []


def test_plan_of_a_target_has_only_what_it_needs(serial):
    assert chains(plan(serial / "data", ["evaluate@letters-a"])) == {
        "letters-a": ["train@letters-a", "evaluate@letters-a"]
    }
    with pytest.raises(InkbenchError, match="no-such"):
        plan(serial / "data", ["train@no-such"])


def test_plan_reruns_what_an_edit_makes_stale(serial, tmp_path):
    toy = Toy(serial / "done").copy(tmp_path / "toy")
    toy.replace("params.yaml", "rate: 2", "rate: 5")
    steps = plan(toy.folder)
    assert chains(steps) == {"digits-b": of("digits-b")}
    assert steps.last == ["report"]


def test_plan_leaves_stages_that_the_run_cache_cannot_hold_to_dvc(toy):
    more = "  made:\n    cmd: touch made\n    outs: [made]\n"
    more += "  read:\n    cmd: cat made\n    deps: [made]\n"
    toy.write("dvc.yaml", (toy.folder / "dvc.yaml").read_text() + more)
    steps = plan(toy.folder)
    assert set(steps.first) == {"made", "read"} and chains(steps) == {v: of(v) for v in VARIANTS}


def test_chains_start_with_the_longest_and_predict_says_how_long(toy, monkeypatch):
    toy.write("benchmarks/costs.csv", "variant,seconds\ndigits-a,10\ndigits-b,40\nletters-a,30\n")
    monkeypatch.chdir(toy.folder)
    steps = plan(toy.folder)
    assert list(chains(steps)) == ["digits-b", "letters-a", "digits-a"]
    told = predict(steps, 2)
    assert "2 at a time: 40 s" in told
    assert "1 at a time: 80 s" in told
    assert "at least 40 s" in told
    chain = Chain("digits-b", ["evaluate@digits-b", "plot@digits-b"])  # its training is done
    assert "1 at a time: 0 s" in predict(Plan(chains=[chain]), 1)


def test_differences_name_what_another_machine_has():
    here = machine.facts("numpy==1\nno-such-package==1\n")
    assert here["numpy"][0].isdigit()
    assert "no-such-package" not in here
    assert machine.differences(here, here) == ""
    told = machine.differences(here, here | {"Python": "3.1", "CPU flag avx9": "there"})
    assert "Python 3.1, not " in told
    assert "CPU flag avx9 there, not missing" in told


def test_facts_name_a_gpu_that_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "0000:01:00.0").mkdir()
    file = tmp_path / "0000:01:00.0/information"
    file.write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 16\n")
    monkeypatch.setattr(machine, "_GPUS", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert machine.facts("")["GPU"] == "NVIDIA H100 80GB HBM3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "GPU" not in machine.facts("")
