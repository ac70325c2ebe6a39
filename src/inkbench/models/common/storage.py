"""Models on disk: ``.keras`` archives with the same bytes for the same model.

Keras stores the time of saving, ids of Python objects and zip timestamps in the archive. We make
them constant, so that DVC only sees real changes.
"""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import disk, layout
from inkbench.errors import InkbenchError
from inkbench.training import runtime

if TYPE_CHECKING:
    import keras

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest timestamp in a zip file


def save(model: "keras.Model", path: Path) -> None:
    """Write a model atomically, in canonical form.

    Parameters
    ----------
    model
        Not compiled, or its optimiser's state is saved too.
    path
        The ``.keras`` file to write.
    """
    with disk.new_file(path) as scratch:
        model.save(scratch)
        with zipfile.ZipFile(scratch) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        metadata = json.loads(members["metadata.json"])
        members["metadata.json"] = _json({**metadata, "date_saved": ""})
        members["config.json"] = _json(_renumbered(json.loads(members["config.json"]), {}))
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(members):
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])


def load(path: Path) -> "keras.Model":
    """Load a model with `safe_mode`: nothing in the file can run code.

    Raises
    ------
    InkbenchError
        If the file is missing or not a Keras model.
    """
    if not path.is_file():
        trained = path == layout.model(path.parent.name)
        remedy = f"train it: `dvc repro train@{path.parent.name}`" if trained else "check its name"
        raise InkbenchError(f"{path}: no such model; {remedy}")
    if not zipfile.is_zipfile(path):
        raise InkbenchError(f"{path}: not a readable Keras model (damaged); train it again")
    runtime.start_tensorflow()
    import keras

    from inkbench.models.common import layers  # noqa: F401  (registers the layers by name)

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds of error on a damaged file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InkbenchError(
            f"{path}: not a readable Keras model ({reason}); train it again"
        ) from None


def _json(tree: Any) -> bytes:
    return json.dumps(tree, sort_keys=True).encode()


def _renumbered(tree: Any, ids: dict[int, int]) -> Any:
    """Replace every ``shared_object_id`` by the order of its first appearance."""
    if isinstance(tree, dict):
        return {
            key: ids.setdefault(value, len(ids))
            if key == "shared_object_id"
            else _renumbered(value, ids)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_renumbered(item, ids) for item in tree]
    return tree
