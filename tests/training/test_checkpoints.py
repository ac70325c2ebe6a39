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


def test_save_leaves_the_checkpoint_of_another_fingerprint_whole_until_it_is_done(tmp_path):
    state = TrainingState(epoch=1, history=[{"epoch": 1, "loss": 0.5}])
    Checkpoint(tmp_path, "first").save(MODEL, state)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def killed(path):
        path.write_bytes(b"half of other weights")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checkpoint(tmp_path, "second").save(SimpleNamespace(save_weights=killed), state)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("file", ["state.json", "epoch-1-*.npz"])
def test_state_raises_on_a_damaged_checkpoint(tmp_path, file):
    Checkpoint(tmp_path, "fingerprint").save(MODEL, TrainingState(history=[{"epoch": 1}]))
    (damaged,) = tmp_path.glob(file)
    damaged.write_bytes(b"damaged")
    with pytest.raises(DamagedCheckpoint):
        Checkpoint(tmp_path, "fingerprint").state()
