"""The model that a command uses, and the line that names it."""

import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from inkbench import chosen
from inkbench.errors import InkbenchError
from inkbench.models.common import storage
from inkbench.tracking import registry, store
from inkbench.training import runtime

PARAMS = """
registry:
  documents-restorer: {dataset: documents, task: restoration, metric: test_rmse, best: min}
train:
  good: {dataset: documents, task: restoration}
  better: {dataset: documents, task: restoration}
  untrained: {dataset: documents, task: restoration}
  elsewhere: {dataset: documents, task: restoration, split: mlebench}
"""


class Loaded:
    """A fake model that knows its file."""

    input_shape = (None, None, None, 2)
    output_shape = (None, None, None, 1)

    def __init__(self, path: Path) -> None:
        self.path = path


class Version:
    name, version = "inkbench-documents-restorer", "7"

    def __init__(self, **tags: str) -> None:
        self.tags = {"metric": "test_rmse", "value": "0.02", "data_source": "real", **tags}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline with three trained variants, no store, and no Keras."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(storage, "load", Loaded)
    monkeypatch.setattr(runtime, "start_tensorflow", lambda *threads: None)
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)  # set first, so that monkeypatch restores it
    Path("params.yaml").write_text(PARAMS)
    Path("dvc.yaml").touch()
    Path("metrics").mkdir()
    for name, rmse in (("good", 0.03), ("better", 0.02), ("elsewhere", 0.01)):
        Path("models", name).mkdir(parents=True)
        Path("models", name, "model.keras").write_text(name)
        Path("metrics", f"{name}.json").write_text(json.dumps({"test_rmse": rmse}))
    return tmp_path


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, folder: Path):
    """Puts a champion, or a failure, into the registry."""
    (folder / "mlflow.db").touch()

    def put(answer: Version | Exception) -> None:
        def champion(_: object, name: str) -> Version:
            assert name == "inkbench-documents-restorer"
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(store.Store, "open", lambda **_: None)
        monkeypatch.setattr(registry, "champion", champion)

    return put


def test_model_takes_a_given_file_anywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "load", Loaded)
    monkeypatch.setattr(runtime, "start_tensorflow", lambda *threads: None)
    monkeypatch.chdir(tmp_path)
    model, source = chosen.model("documents", "restoration", Path("mine.keras"))
    assert model.path == Path("mine.keras") and source == "model: mine.keras"


def test_content_is_that_of_the_same_file(folder):
    content, source = chosen.content("documents", "restoration")
    assert (content, source) == (b"better", chosen.model("documents", "restoration")[1])
    with pytest.raises(InkbenchError, match=r"mine\.keras"):
        chosen.content("documents", "restoration", Path("mine.keras"))


def test_model_refuses_a_model_for_another_task(folder):
    with pytest.raises(InkbenchError, match="not a model for classification"):
        chosen.model("notmnist", "classification", Path("mine.keras"))


def test_model_refuses_an_autoencoder_as_classifier(folder, monkeypatch):
    monkeypatch.setattr(Loaded, "input_shape", (None, 28, 28))
    monkeypatch.setattr(Loaded, "output_shape", (None, 28, 28))
    with pytest.raises(InkbenchError, match=r"not a model for classification.*28, 28"):
        chosen.model("notmnist", "classification", Path("mine.keras"))


@pytest.mark.parametrize("end", ["input_shape", "output_shape"])
def test_model_refuses_a_model_with_several_ends(end, folder, monkeypatch):
    monkeypatch.setattr(Loaded, end, [(None, 4), (None, 5)])
    with pytest.raises(InkbenchError, match="not a model for restoration"):
        chosen.model("documents", "restoration", Path("mine.keras"))


def test_model_takes_the_highest_metric_where_the_rule_says_max(folder):
    Path("params.yaml").write_text(PARAMS.replace("best: min", "best: max"))
    assert chosen.model("documents", "restoration")[0].path == Path("models/good/model.keras")


def test_model_ignores_an_unfinished_block(folder):
    for block in ("", "TODO", "[]"):
        Path("params.yaml").write_text(
            PARAMS.replace("train:", f"  mine: {block}\ntrain:") + f"  mine: {block}\n"
        )
        assert chosen.model("documents", "restoration")[0].path == Path("models/better/model.keras")
    Path("params.yaml").write_text("registry:\ntrain:\n")
    with pytest.raises(InkbenchError, match=r"no variant of params\.yaml is for documents"):
        chosen.model("documents", "restoration")


def test_model_takes_the_best_built_without_a_store(folder):
    model, source = chosen.model("documents", "restoration")
    assert model.path == Path("models/better/model.keras")
    assert source == "model: models/better/model.keras, as the pipeline built it"


def test_model_prefers_real_data_as_the_registry_does(folder):
    for name, rmse, source in (("good", 0.05, "real"), ("better", 0.01, "synthetic")):
        metrics = {"test_rmse": rmse, "data_source": source}
        Path("metrics", f"{name}.json").write_text(json.dumps(metrics))
    assert "models/good/" in chosen.model("documents", "restoration")[1]


def test_model_of_synthetic_data_is_named_as_such(folder):
    for source in ("real", "synthetic"):
        Path("models/better/train.json").write_text(json.dumps({"data_source": source}))
        line = chosen.model("documents", "restoration")[1]
        assert ("synthetic data" in line) == (source == "synthetic")


def test_model_is_found_from_a_subfolder(folder, monkeypatch):
    (folder / "models/good/deep").mkdir()
    monkeypatch.chdir(folder / "models/good/deep")
    assert chosen.model("documents", "restoration")[0].path == Path("models/better/model.keras")
    assert Path.cwd() == folder / "models/good/deep"


def test_model_prefers_the_champion_and_its_local_file(registered):
    md5 = hashlib.md5(b"good").hexdigest()
    registered(Version(variant="good", **{"model.md5": md5}))
    model, source = chosen.model("documents", "restoration")
    assert model.path == Path("models/good/model.keras")
    assert source == (
        "model: inkbench-documents-restorer@champion, version 7 (good, test_rmse 0.02, real data)"
    )


def test_model_downloads_a_champion_that_is_not_local(registered, monkeypatch):
    def download(uri: str, dst_path: str) -> None:
        assert uri == "models:/inkbench-documents-restorer/7"
        data = Path(dst_path, "data")
        data.mkdir()
        (data / "model.keras").touch()

    artifacts = SimpleNamespace(download_artifacts=download)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(artifacts=artifacts))
    registered(Version(variant="good", **{"model.md5": "another"}))
    model, _ = chosen.model("documents", "restoration")
    assert model.path.parts[-2:] == ("data", "model.keras")


def test_model_falls_back_if_the_registry_fails(registered):
    registered(InkbenchError("http://example.org does not answer"))
    model, source = chosen.model("documents", "restoration")
    assert model.path == Path("models/better/model.keras")
    assert source.endswith("(not the champion: http://example.org does not answer)")


def test_model_names_the_command_that_trains_it(folder):
    for name in ("good", "better"):
        Path("models", name, "model.keras").unlink()
    with pytest.raises(InkbenchError, match="dvc repro train@untrained"):
        chosen.model("documents", "restoration")
