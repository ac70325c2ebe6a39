"""The figures of every kind of variant, drawn from the outputs of its stages."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkbench.errors import InkbenchError
from inkbench.figures import variant
from inkbench.figures.outputs import open_variant
from inkbench.reporting.collect import ORDER
from made_results import VARIANTS

pytestmark = pytest.mark.slow

RECONSTRUCTION = {"reconstructions", "code", "activations", "progress", "filters", "weights"}
CLASSIFICATION = {"confusion", "misclassified", "per-class", "reliability", "filters", "weights"}
PAGES = {"pages-fold", "pages-wrinkle", "pages-coffee", "pages-footprint"}
EXPECTED = {
    "mnist-denoising-ae": RECONSTRUCTION | {"denoising"},
    "mnist-vae": RECONSTRUCTION | {"samples", "interpolations", "manifold", "units"},
    "notmnist-cnn": CLASSIFICATION,
    "notmnist-stacked-logreg": CLASSIFICATION | {"progress"},
    "documents-unet": PAGES | {"close-up", "pages", "per-page", "progress"},
}


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ({"loss": "bce"}, "binary cross-entropy"),
        ({"loss": "bce", "model": {"l1": 1e-5}}, "binary cross-entropy + penalty"),
        ({"loss": "bernoulli_nats"}, "negative ELBO in nats; validation: at the mean code"),
        ({"loss": "huber", "patches": {"weight": 2}}, "Huber loss; training: weighted"),
        ({"loss": "huber", "patches": {"weight": 1}}, "Huber loss"),
    ],
)
def test_loss_name_says_what_the_curve_measures(block, name):
    assert variant.loss_name(block) == name


@pytest.fixture(scope="module")
def plots(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figures of one variant of each kind, a folder per variant."""
    folder = tmp_path_factory.mktemp("plots")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in EXPECTED:
            (folder / name).mkdir()
            variant.write(open_variant(name), folder / name)
    return folder


@pytest.fixture
def project_copy(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that a test may break, as the working directory."""
    for part in ("models", "evaluations"):
        shutil.copytree(project / part, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draw(name: str) -> set[str]:
    return {figure.name for figure in variant.draw(open_variant(name))}


def change(path: Path, **arrays: np.ndarray | None) -> None:
    """Replace arrays of an .npz file; None removes one."""
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files} | arrays
    np.savez(path, **{name: values for name, values in kept.items() if values is not None})


@pytest.mark.parametrize("name", EXPECTED)
def test_write_draws_the_figures_of_the_task(name, plots):
    stems = {path.stem for path in (plots / name).iterdir()}
    assert stems == EXPECTED[name] | {"curves", "network"}
    assert {stem if stem in ORDER else stem.split("-")[0] for stem in stems} <= set(ORDER)


def test_write_stores_metadata_and_readable_sizes(plots):
    for path in plots.glob("*/*.png"):
        with Image.open(path) as image:
            assert set(image.text) == {"Title", "Description", "Source"}, path
            assert len(image.text["Description"]) > 20, path
            assert path.parent.name in image.text["Source"]
            assert 900 < image.width < 2600, path


@pytest.mark.parametrize(
    ("name", "missing", "command"),
    [
        ("nope", "models/nope/train.json", "dvc repro train@nope"),
        ("mnist-vae", "evaluations/mnist-vae", "dvc repro evaluate@mnist-vae"),
    ],
)
def test_open_variant_names_missing_outputs(name, missing, command, project_copy):
    shutil.rmtree(project_copy / missing, ignore_errors=True)
    with pytest.raises(InkbenchError, match=f"{missing}.*{command}"):
        open_variant(name)


@pytest.mark.parametrize(
    ("name", "file", "reader"),
    [
        ("mnist-conv-ae", "evaluations/{}/samples.npz", variant._reconstructions),
        ("mnist-conv-ae", "evaluations/{}/weights.npz", variant._weights),
        ("mnist-conv-ae", "models/{}/snapshots.npz", variant._progress),
        ("mnist-conv-ae", "models/{}/history.csv", variant._curves),
        ("mnist-conv-ae", "models/{}/model.keras", variant._architecture),
        ("notmnist-cnn", "evaluations/{}/per_class.csv", variant._classification),
        ("notmnist-cnn", "evaluations/{}/confusion.csv", variant._classification),
        ("documents-unet", "evaluations/{}/pages.npz", variant._pages),
    ],
)
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_draw_names_missing_and_broken_files(
    name, file, reader, content, project_copy, monkeypatch
):
    monkeypatch.setitem(variant.TASKS, VARIANTS[name].task, [reader])  # and no other figure
    path = project_copy / file.format(name)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(InkbenchError, match=file.format(name)) as error:
        draw(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "file", "array", "values"),
    [
        ("notmnist-cnn", "misclassified.npz", "probability", np.full(12, np.nan)),
        ("mnist-vae", "codes.npz", "tsne2", None),
    ],
)
def test_draw_names_missing_and_nan_arrays(name, file, array, values, project_copy):
    change(project_copy / "evaluations" / name / file, **{array: values})
    with pytest.raises(InkbenchError, match=f"{file}.*{array}"):
        draw(name)


def test_draw_accepts_a_perfect_classifier_and_a_single_class(project_copy):
    folder = project_copy / "evaluations/notmnist-cnn"
    empty = np.empty(0, np.uint8)
    pictures = np.empty((0, 28, 28), np.uint8)
    change(
        folder / "misclassified.npz",
        images=pictures,
        labels=empty,
        predicted=empty,
        probability=empty,
    )
    (folder / "confusion.csv").write_text("actual,predicted\n" + "A,A\n" * 40)
    assert {"misclassified", "confusion"} <= draw("notmnist-cnn")


def test_draw_shows_a_page_of_a_kind_whose_typical_page_is_the_median(project_copy):
    path = project_copy / "evaluations/documents-unet/pages.npz"
    with np.load(path) as archive:
        role = archive["role"].astype("U7")
    role[role == "typical"] = "median"
    change(path, role=role)
    assert draw("documents-unet") >= PAGES


def test_draw_accepts_a_single_epoch(project_copy):
    path = project_copy / "models/mnist-conv-ae/history.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert "curves" in draw("mnist-conv-ae")


def test_draw_skips_figures_of_absent_optional_files(project_copy):
    (project_copy / "evaluations/mnist-denoising-ae/denoising.npz").unlink()
    (project_copy / "evaluations/mnist-vae/generated.npz").unlink()
    assert not {"denoising", "samples"} & (draw("mnist-vae") | draw("mnist-denoising-ae"))


def test_made_results_cover_every_task():
    tasks = {variant.task for variant in VARIANTS.values()}
    assert tasks == set(variant.TASKS) - {"cleaning"}  # has the figures of restoration
    assert variant.TASKS["cleaning"] == variant.TASKS["restoration"]
