"""Libraries without what they say past Python, and Keras without what it loads for nothing."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import TextIO

# Keras loads these if it finds them, for features that are not used here: nearly half of its start.
_OPTIONAL = ("matplotlib", "pandas", "scipy", "sklearn")


def start_tensorflow(kernels_at_once: int = 1) -> None:
    """Import TensorFlow and Keras, look for GPUs, and pin the number of threads.

    What the two say on stderr is thrown away, unless the import fails.

    Parameters
    ----------
    kernels_at_once
        Operations that shall share the cores. No effect once TensorFlow is there.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _swallowed_stderr(), _hidden(*_OPTIONAL):
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")
    tf.get_logger().setLevel("ERROR")
    # oneDNN's results depend on the number of threads.
    threads = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    tf.config.threading.set_intra_op_parallelism_threads(max(1, threads // kernels_at_once))
    tf.config.threading.set_inter_op_parallelism_threads(threads)


@contextlib.contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Let packages that are not loaded yet seem not to be installed."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _swallowed_stderr() -> Iterator[None]:
    """Hold back what C++ code writes to file descriptor 2; give it out if the block fails."""
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


def _text(descriptor: int) -> TextIO:
    return open(descriptor, "w", buffering=1, errors="backslashreplace")


@contextlib.contextmanager
def decoders_silent() -> Iterator[None]:
    """Keep what libraries say about bad files from stderr; it is said in our own words there."""
    own, saved = sys.stderr, os.dup(2)
    own.flush()
    with warnings.catch_warnings(), open(os.devnull, "wb") as nowhere, _text(saved) as ours:
        warnings.filterwarnings("ignore", module="PIL")
        os.dup2(nowhere.fileno(), 2)  # libtiff writes there, past Python
        try:
            if own is sys.__stderr__:
                sys.stderr = ours
            yield
        finally:
            sys.stderr = own
            ours.flush()
            os.dup2(saved, 2)
