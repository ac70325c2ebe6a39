"""Every variant's figures, drawn from the files that the stages leave."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import contents
from inkbench.errors import InkbenchError
from inkbench.figures import variant
from inkbench.figures.work import open_work
from inkbench.reporting.collect import ORDER
from made_results import VARIANTS

pytestmark = pytest.mark.slow

COMMON = {"curves", "network"}
RECONSTRUCTION = {"reconstructions", "code", "activations", "progress", "filters", "weights"}
CLASSIFICATION = {"confusion", "confused", "per-class", "reliability", "filters", "weights"}
PAGES = {"pages-fold", "pages-wrinkle", "pages-coffee", "pages-footprint"}
EXPECTED = {
    "mnist-denoising-ae": RECONSTRUCTION | {"denoising"},
    "mnist-vae": RECONSTRUCTION | {"samples", "interpolations", "manifold", "units"},
    "notmnist-cnn": CLASSIFICATION,
    "notmnist-stacked-logreg": CLASSIFICATION | {"progress"},
    "documents-unet": PAGES | {"close-up", "pages", "per-page", "progress"},
}


@pytest.fixture(scope="module")
def drawn(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figures of one variant of each kind, in a folder a variant."""
    folder = tmp_path_factory.mktemp("plots")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for name in EXPECTED:
            (folder / name).mkdir()
            variant.write(open_work(name), folder / name)
    return folder


@pytest.fixture
def mine(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the made-up folder that a test may break, as the working directory."""
    for part in ("models", "evaluations"):
        shutil.copytree(made / part, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draw(name: str) -> list[str]:
    return [plate.name for plate in variant.draw(open_work(name))]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_kind_of_variant_gets_its_figures(name: str, drawn: Path):
    assert {path.stem for path in (drawn / name).iterdir()} == EXPECTED[name] | COMMON


def test_every_figure_has_a_place_in_the_report(drawn: Path):
    stems = {path.stem for path in drawn.glob("*/*.png")}
    assert {stem if stem in ORDER else stem.split("-")[0] for stem in stems} <= set(ORDER)


def test_every_figure_describes_itself_and_names_no_software(drawn: Path):
    for path in drawn.glob("*/*.png"):
        with Image.open(path) as image:
            assert set(image.text) == {"Title", "Description", "Source"}, path
            assert len(image.text["Description"]) > 20, path
            assert path.parent.name in image.text["Source"]


def test_every_figure_is_readable_at_half_size(drawn: Path):
    for path in drawn.glob("*/*.png"):
        with Image.open(path) as image:
            assert 900 < image.width < 2600, path


def test_the_same_arrays_give_the_same_bytes(
    made: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(made)
    variant.write(open_work("notmnist-cnn"), tmp_path)
    assert contents(tmp_path) == contents(drawn / "notmnist-cnn")


def test_a_missing_variant_is_one_clear_line(mine: Path):
    with pytest.raises(InkbenchError, match=r"models/nope/train.json not found; run `dvc repro"):
        open_work("nope")


def test_a_variant_that_was_not_evaluated_says_what_to_run(mine: Path):
    shutil.rmtree(mine / "evaluations/mnist-vae")
    with pytest.raises(InkbenchError, match="dvc repro evaluate@mnist-vae"):
        open_work("mnist-vae")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist-conv-ae", "evaluations/{}/samples.npz"),
        ("mnist-conv-ae", "evaluations/{}/weights.npz"),
        ("mnist-conv-ae", "models/{}/snapshots.npz"),
        ("mnist-conv-ae", "models/{}/history.csv"),
        ("mnist-conv-ae", "models/{}/model.keras"),
        ("notmnist-cnn", "evaluations/{}/per_class.csv"),
        ("documents-unet", "evaluations/{}/pages.npz"),
    ],
)
@pytest.mark.parametrize("damage", [None, b"", b"garbage"])
def test_a_missing_or_broken_file_is_named(name: str, file: str, damage: bytes | None, mine: Path):
    path = mine / file.format(name)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(InkbenchError, match=file.format(name)) as error:
        draw(name)
    assert "\n" not in str(error.value)


def change(path: Path, **arrays: np.ndarray) -> None:
    """Replace arrays of an .npz file; None takes one out."""
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files} | arrays
    np.savez(path, **{name: values for name, values in kept.items() if values is not None})


def test_nan_predictions_are_refused(mine: Path):
    path = mine / "evaluations/notmnist-cnn/predictions.npz"
    change(path, probabilities=np.full((400, 10), np.nan, np.float16))
    with pytest.raises(InkbenchError, match=r"predictions.npz: probabilities holds NaN"):
        draw("notmnist-cnn")


def test_a_missing_array_is_named(mine: Path):
    change(mine / "evaluations/mnist-vae/codes.npz", tsne2=None)
    with pytest.raises(InkbenchError, match=r"codes.npz has no array 'tsne2'"):
        draw("mnist-vae")


def test_a_classifier_without_mistakes_still_gets_its_figures(mine: Path):
    path = mine / "evaluations/notmnist-cnn/confused.npz"
    none = {name: np.empty(0, np.uint8) for name in ("labels", "predicted")}
    change(path, images=np.empty((0, 28, 28), np.uint8), probability=np.empty(0), **none)
    assert "confused" in draw("notmnist-cnn")


def test_one_class_only_still_gets_its_figures(mine: Path):
    path = mine / "evaluations/notmnist-cnn/predictions.npz"
    with np.load(path) as archive:
        change(path, labels=np.zeros_like(archive["labels"]))
    assert "confusion" in draw("notmnist-cnn")


def test_a_single_epoch_has_curves(mine: Path):
    path = mine / "models/mnist-conv-ae/history.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert "curves" in draw("mnist-conv-ae")


def test_optional_files_are_optional(mine: Path):
    for file in ("denoising.npz", "generated.npz"):
        for path in mine.glob(f"evaluations/*/{file}"):
            path.unlink()
    assert not {"denoising", "samples"} & set(draw("mnist-vae") + draw("mnist-denoising-ae"))


def test_the_made_up_variants_cover_every_task():
    assert {block["task"] for block in VARIANTS.values()} == set(variant.TASKS)
