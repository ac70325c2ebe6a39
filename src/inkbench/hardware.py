"""What the machine offers a training, and what was taken of it."""

from pathlib import Path
from typing import Literal

from inkbench import quiet

# AVX512-BF16 alone did not pay here: float32 was as fast or faster on every network but the U-Net.
_BFLOAT16_FLAGS = {"amx_bf16"}


def set_up(precision: Literal["auto", "float32", "bfloat16"], seed: int) -> dict[str, str | int]:
    """Prepare TensorFlow for a repeatable training, before any model is built.

    Parameters
    ----------
    precision
        ``auto`` takes bfloat16 where the CPU computes in it, or a GPU is there.
    seed
        Seeds Python, NumPy and Keras.

    Returns
    -------
    dict
        ``device`` (cpu or gpu), ``precision`` and ``threads`` (of the graph; kernels take half).
    """
    quiet.start_tensorflow(kernels_at_once=2)  # the halves of a batch: inkbench.models.halves
    import keras
    import tensorflow as tf

    device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    if precision == "auto":
        fits = device == "gpu" or _BFLOAT16_FLAGS & _cpu_flags()
        precision = "bfloat16" if fits else "float32"
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return {"device": device, "precision": precision, "threads": threads}


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}
