"""Results depend neither on the number of cores nor on a user's settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import made_letters
from helpers import ROOT, contents
from inkbench.training import runtime

pytestmark = pytest.mark.slow

SMALL = {"dataset": "notmnist", "epochs": 1, "augment": {"shift": 1}, "precision": "float32"}
BOTH_STAGES = """
import runpy, sys
_, folder = sys.argv
for stage in ("train", "evaluate"):
    sys.argv = [stage, "small"]
    runpy.run_path(f"{folder}/{stage}.py", run_name="__main__")
"""
HOSTILE_KERAS_JSON = (
    '{"backend": "torch", "image_data_format": "channels_first", "floatx": "float64", '
    '"epsilon": 0.01}'
)


def _train_and_evaluate(
    folder: Path, prefix: tuple[str, ...] = (), **environment: str
) -> dict[str, bytes]:
    """Everything that both stages write, in a folder of their own."""
    made_letters.save(folder, train=400, valid=50, test=100)
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["train"]["small"] = params["train"]["mnist-sparse-dropout"] | SMALL
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    subprocess.run(
        [*prefix, sys.executable, "-c", BOTH_STAGES, str(ROOT / "stages")],
        cwd=folder,
        env=os.environ | {"INKBENCH_TRACKING": "off"} | environment,
        check=True,
    )
    return {
        f"{name}/{path}": content
        for name in ("models", "metrics", "evaluations")
        for path, content in contents(folder / name).items()
    }


def test_outputs_ignore_cores_and_a_user_s_keras_openmp_and_tensorflow_settings(tmp_path):
    expected = _train_and_evaluate(tmp_path / "default")  # on all cores, with default settings
    (tmp_path / "home").mkdir()
    (tmp_path / "home/keras.json").write_text(HOSTILE_KERAS_JSON)
    outputs = _train_and_evaluate(
        tmp_path / "hostile",
        ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))),
        KERAS_HOME=str(tmp_path / "home"),
        KERAS_BACKEND="jax",
        KERAS_MAX_STEPS_PER_EPOCH="1",
        OMP_NUM_THREADS="5",
        TF_XLA_FLAGS="--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    )
    assert outputs == expected


@pytest.mark.parametrize(
    ("flag", "expected"),
    [("amx_bf16", "bfloat16"), ("avx512_bf16", "float32"), ("fma", "float32")],
)
def test_set_up_chooses_the_precision_that_the_cpu_is_fast_in(flag, expected, monkeypatch):
    import keras

    monkeypatch.setattr(runtime, "cpu_flags", lambda: {flag})
    try:
        machine = runtime.set_up("auto", 0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert machine["precision"] == ("bfloat16" if machine["device"] == "gpu" else expected)
