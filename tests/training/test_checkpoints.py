"""A checkpoint is used only if nothing has changed."""

from types import SimpleNamespace

import pytest

from inkbench.training.checkpoints import Checkpoint, DamagedCheckpoint, TrainingState

MODEL = SimpleNamespace(save_weights=lambda path: path.write_bytes(b"weights"))


def test_state_ignores_a_checkpoint_with_another_fingerprint(tmp_path):
    state = TrainingState(objective=0, epoch=1, history=[{"epoch": 1, "loss": 0.5}])
    Checkpoint(tmp_path, "fingerprint").save(MODEL, state)
    assert Checkpoint(tmp_path, "fingerprint").state() == state
    assert Checkpoint(tmp_path, "another").state() == TrainingState()


@pytest.mark.parametrize("file", ["state.json", "epoch-1.npz"])
def test_state_raises_on_a_damaged_checkpoint(tmp_path, file):
    Checkpoint(tmp_path, "fingerprint").save(MODEL, TrainingState(history=[{"epoch": 1}]))
    (tmp_path / file).write_bytes(b"damaged")
    with pytest.raises(DamagedCheckpoint):
        Checkpoint(tmp_path, "fingerprint").state()
