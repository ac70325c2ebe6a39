"""Choose the trained model that a command uses: a given file, the champion, or the best built."""

import contextlib
import ctypes
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inkbench import datasets, layout
from inkbench.data_source import REAL
from inkbench.errors import InkbenchError
from inkbench.pipeline import machine
from inkbench.tracking import record, registry, store
from inkbench.training import runtime

if TYPE_CHECKING:
    import keras


T = TypeVar("T")

# Threads of one operation and operations at a time, by value: results must not depend on cores.
_THREADS = (2, 1)
_MMAP_THRESHOLD = -3  # of glibc: returning large arrays at once saves 100 MB, and costs a tenth


def model(dataset: str, task: str, given: Path | None = None) -> tuple["keras.Model", str]:
    """Load the model for a task, and a line that names it; a ``given`` file takes precedence.

    Raises
    ------
    InkbenchError
        If there is no model, or the given one is not for this task.
    """
    return _choose(dataset, task, given, lambda path: _loaded(path, dataset, task))


def content(dataset: str, task: str, given: Path | None = None) -> tuple[bytes, str]:
    """The bytes of the same model's file, for other processes to load; TensorFlow stays out."""
    return _choose(dataset, task, given, _read)


def _choose(dataset: str, task: str, given: Path | None, use: Callable[[Path], T]) -> tuple[T, str]:
    if given is not None:
        return use(given), f"model: {given}"
    with _in_repository():
        failure = ""
        try:
            champion = _champion(dataset, task, use)
        except Exception as error:  # a client can fail in many ways
            champion, failure = None, f" (not the champion: {store.public(error)})"
        if champion:
            return champion
        try:
            variant = _built(dataset, task)
        except InkbenchError as error:
            raise InkbenchError(f"{error}{failure}") from None
        path, card = layout.model(variant), record.read_json(layout.training_card(variant))
        is_real = card.get("data_source", REAL) == REAL
        data = "" if is_real else " from synthetic data, which only shows that the code runs"
        return use(path), f"model: {path}, as the pipeline built it{data}{failure}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InkbenchError(f"{path}: cannot be read ({error.strerror}); name a model") from None


def _loaded(path: Path, dataset: str, task: str) -> "keras.Model":
    from inkbench.models.common import storage

    with contextlib.suppress(AttributeError):  # all but glibc
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 2**23)
    machine.share_gpu()  # with the other processes of --jobs
    runtime.start_tensorflow(*_THREADS)
    loaded = storage.load(path)
    spec = datasets.spec(dataset)
    pages = {((None, None, None, n), (None, None, None, n // 2)) for n in (2, 6)}  # grey, colour
    images = ((None, *spec.image_shape), (None, len(spec.classes)))
    expected: Any = {images} if task == "classification" else pages
    inputs, outputs = (getattr(loaded, f"{end}_shape", None) for end in ("input", "output"))
    if not any((inputs, outputs) == pair for pair in expected):  # lists have no hash
        raise InkbenchError(
            f"{path}: not a model for {task}: its input has shape {inputs}, its output {outputs}"
        )
    return loaded


@contextlib.contextmanager
def _in_repository() -> Iterator[None]:
    """Change to the repository around us, or else to the one that inkbench is installed from."""
    for folder in (Path.cwd(), *Path.cwd().parents, Path(__file__).parents[2]):
        if (folder / "dvc.yaml").is_file() and (folder / layout.PARAMS).is_file():
            with contextlib.chdir(folder):
                yield
            return
    raise InkbenchError(f"{Path.cwd()}: no dvc.yaml here or above; name a model with --model FILE")


def _built(dataset: str, task: str) -> str:
    """The trained variant for a task with the best test metric."""
    variants = [
        name
        for name, block in (_params().get("train") or {}).items()
        if isinstance(block, dict) and registry.competes(block, {"dataset": dataset, "task": task})
    ]
    if not variants:
        raise InkbenchError(
            f"no variant of {layout.PARAMS} is for {dataset} and {task}; add one, or use --model"
        )
    trained = [name for name in variants if layout.model(name).is_file()]
    if not trained:
        raise InkbenchError(
            f"{layout.model(variants[-1])} not found; run `dvc repro train@{variants[-1]}`"
        )
    _, rule = _registered(dataset, task)

    def rank(name: str) -> tuple[bool, float]:
        try:
            metrics = json.loads(layout.metrics(name).read_text(encoding="utf-8"))
            return registry.rank({**metrics, "value": metrics[rule["metric"]]}, rule)
        except (OSError, ValueError, KeyError):
            return False, -math.inf

    return max(trained, key=rank)


def _registered(dataset: str, task: str) -> tuple[str, dict[str, str]]:
    """Name and rule of the registered model for a task; both empty if there is none."""
    for name, rule in (_params().get("registry") or {}).items():
        if isinstance(rule, dict) and (rule.get("dataset"), rule.get("task")) == (dataset, task):
            return name, rule
    return "", {}


def _champion(dataset: str, task: str, use: Callable[[Path], T]) -> tuple[T, str] | None:
    """The registered model with the alias ``champion``; None if there is no store yet."""
    if store.is_missing():
        return None
    # A user is waiting, so a server that does not answer is not asked twice.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    name, _ = _registered(dataset, task)
    if not name:
        return None
    version = registry.champion(store.Store.open(create=False), registry.PREFIX + name)
    if version is None:
        return None
    tags = version.tags
    title = f"{registry.PREFIX}{name}@{registry.CHAMPION}, version {version.version}"
    facts = [tags.get("variant"), tags.get("value") and f"{tags['metric']} {tags['value']}"]
    facts.append(tags.get("data_source") and f"{tags['data_source']} data")
    source = f"model: {title} ({', '.join(filter(None, facts))})"
    local = layout.model(tags.get("variant") or "?")
    if local.is_file() and record.md5(local) == tags.get("model.md5"):
        return use(local), source
    return _downloaded(f"models:/{version.name}/{version.version}", use), source


def _downloaded(uri: str, use: Callable[[Path], T]) -> T:
    from mlflow import artifacts

    with tempfile.TemporaryDirectory() as folder:
        artifacts.download_artifacts(uri, dst_path=folder)
        files = sorted(Path(folder).rglob("model.keras"))
        if not files:
            raise InkbenchError(f"{uri} holds no model.keras")
        return use(files[0])


def _params() -> dict:
    """``params.yaml`` without validation, because another variant may be unfinished."""
    import yaml

    try:
        return yaml.safe_load(layout.PARAMS.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InkbenchError(f"{layout.PARAMS}: not valid YAML: {error}") from None
