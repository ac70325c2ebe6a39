"""Models on disk: a ``.keras`` archive with the same bytes for the same model.

Keras writes the time of saving, the ids of Python objects and zip timestamps into the archive;
here they are made constant, so that DVC sees a change only where there is one.
"""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import disk
from inkbench.errors import InkbenchError
from inkbench.training import runtime

if TYPE_CHECKING:
    import keras

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip member can carry


def save(model: "keras.Model", path: Path) -> None:
    """Write a model canonically: temporary file first, then renamed.

    Parameters
    ----------
    model
        Best without a compiled optimiser: its state would be shipped too.
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
    """Read a model; nothing in the file can run code (`safe_mode`).

    Raises
    ------
    InkbenchError
        When the file is missing or is no Keras model.
    """
    if not path.is_file():
        raise InkbenchError(f"{path}: no such model; train it with `dvc repro`")
    if not zipfile.is_zipfile(path):
        raise InkbenchError(f"{path}: not a readable Keras model (damaged); train it again")
    runtime.start_tensorflow()
    import keras

    from inkbench.models.common import layers  # noqa: F401  (registers the layers by name)

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its deserialiser meets
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
