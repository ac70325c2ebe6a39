"""A checkpoint is used only where everything is as it was."""

from pathlib import Path

import pytest

from inkbench.training.checkpoints import Checkpoint, DamagedCheckpoint, TrainingState


class SavesWeights:
    """As much of a model as a checkpoint needs."""

    def save_weights(self, path: Path) -> None:
        """Write something."""
        path.write_bytes(b"weights")


def test_a_checkpoint_of_other_settings_or_code_is_not_used(tmp_path):
    state = TrainingState(objective=0, epoch=1, history=[{"epoch": 1, "loss": 0.5}])
    Checkpoint(tmp_path, "fingerprint").save(SavesWeights(), state)
    assert Checkpoint(tmp_path, "fingerprint").state() == state
    assert Checkpoint(tmp_path, "another").state() == TrainingState()


@pytest.mark.parametrize("file", ["state.json", "epoch-1.npz"])
def test_a_damaged_checkpoint_is_known_as_such(tmp_path, file):
    Checkpoint(tmp_path, "fingerprint").save(SavesWeights(), TrainingState(history=[{"epoch": 1}]))
    (tmp_path / file).write_bytes(b"damaged")
    with pytest.raises(DamagedCheckpoint):
        Checkpoint(tmp_path, "fingerprint").state()
