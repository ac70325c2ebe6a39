"""Start TensorFlow and Keras so that results depend on code, data and CPU type alone.

Threads, Keras' user settings, seeds and op determinism are pinned here, before anything else
imports Keras.
"""

import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

# Threads of a pipeline stage, on any machine. The sums of oneDNN, OpenBLAS and OpenMP depend on
# their number, so it must not follow the number of cores.
THREADS = 2

# Keras imports these if they are installed, for features that we do not use: half of its start-up.
_OPTIONAL = ("matplotlib", "pandas", "scipy", "sklearn")
# What would change how much is trained, or how numbers are rounded. ONEDNN_MAX_CPU_ISA is left: it
# imitates another type of CPU, on which results may depend.
_OVERRIDES = (
    *("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS"),
    *("NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE"),
)
# AVX512-BF16 alone did not pay here: float32 was as fast or faster on every network but the U-Net.
_BFLOAT16_FLAGS = {"amx_bf16"}


def set_up(
    precision: Literal["auto", "float32", "bfloat16"], seed: int, kernel_threads: int = 1
) -> dict[str, str | int]:
    """Prepare a pipeline stage that trains or runs a model, before any model is built.

    Parameters
    ----------
    precision
        ``auto`` chooses bfloat16 on a GPU or a CPU with AMX, float32 elsewhere.
    seed
        Seeds Python, NumPy and Keras.
    kernel_threads
        Threads of one operation. With 1, `THREADS` operations run at a time
        (see `inkbench.training.split_batch`).

    Returns
    -------
    dict
        ``device`` (cpu or gpu), ``precision`` and ``threads``.
    """
    _pin_numpy_threads()
    start_tensorflow(kernel_threads, THREADS)
    import keras
    import tensorflow as tf

    device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    if precision == "auto":
        fast = device == "gpu" or _BFLOAT16_FLAGS & cpu_flags()
        precision = "bfloat16" if fast else "float32"
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return {"device": device, "precision": precision, "threads": threads}


def start_tensorflow(kernel_threads: int = 0, parallel_kernels: int = 0) -> None:
    """Import TensorFlow and Keras quietly, with fixed threads and Keras' default settings.

    What they print on stderr is discarded unless the import fails. Does nothing if TensorFlow is
    already imported.

    Parameters
    ----------
    kernel_threads
        Threads of one operation; 0 for one per core.
    parallel_kernels
        Operations that run at a time; 0 for one per core.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # This overrides ~/.keras/keras.json.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    for variable in _OVERRIDES:
        os.environ.pop(variable, None)
    with _swallowed_stderr(), _hidden(*_OPTIONAL), _no_garbage():
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(kernel_threads)
    tf.config.threading.set_inter_op_parallelism_threads(parallel_kernels)


def _pin_numpy_threads() -> None:
    """Pin the threads of OpenBLAS and OpenMP, whether they are loaded already or later."""
    from threadpoolctl import threadpool_limits

    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    threadpool_limits(THREADS)


def cpu_flags() -> set[str]:
    """Instruction sets of the CPU, as Linux names them; none on another system."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}


@contextlib.contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Make packages that are not imported yet seem not to be installed."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Look for no garbage among objects that stay: saves a sixth of the time of the import."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def _swallowed_stderr() -> Iterator[None]:
    """Hold back what C++ code writes to file descriptor 2; print it if the block fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as swallowed:
        os.dup2(swallowed.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            swallowed.seek(0)
            sys.stderr.write(swallowed.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
