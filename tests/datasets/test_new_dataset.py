"""A dataset is added with one module and one block of params.yaml."""

import gzip
import json
import re
from importlib.resources import files

import pytest
import yaml
from project import Project

import sharing_page as page

pytestmark = pytest.mark.slow

ARCHIVE = "digits.csv.gz"  # as scikit-learn ships it: 64 pixels from 0 to 16, and the label
MODULE = '''
"""Handwritten digits of 8×8 pixels (E. Alpaydin, C. Kaynak, UCI dataset 80)."""

from inkbench import layout
from inkbench.datasets.specs import Archive, Spec

SPEC = Spec(
    name="tiny",
    title="Tiny digits",
    about="Handwritten digits of 8×8 pixels.",
    limits="Too small to tell much.",
    tasks=("classification", "reconstruction"),
    image_shape=(8, 8),
    classes=tuple("0123456789"),
    editions={"all": ((Archive("digits.csv.gz", ("http://nowhere.invalid/x",), 2**20),),)},
    licence="CC BY 4.0",
    citation="UCI dataset 80",
)


def preprocess(settings):
    import numpy as np

    from inkbench.datasets.reading import archives, labelled, provenance

    source = provenance.load(SPEC.name)
    lines = archives.gunzip(layout.raw(SPEC.name) / "digits.csv.gz", limit=2**20).splitlines()
    table = np.loadtxt(lines, delimiter=",")
    images = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    return labelled.write(SPEC, settings, source, images, table[:, -1].astype(np.uint8))
'''
DATA = {"source": "auto", "subset": "all", "seed": 0, "valid": 0.1, "test": 0.2}
TRAINING = {
    "dataset": "tiny",
    "epochs": 1,
    "batch_size": 64,
    "learning_rate": 0.003,
    "schedule": "constant",
    "optimiser": "adam",
    "seed": 0,
    "precision": "float32",
}
VARIANTS = {
    "tiny-ae": {
        "task": "reconstruction",
        "family": "dense_autoencoder",
        "model": {"hidden": [32], "code": 8},
        "loss": "bce",
    },
    "tiny-cnn": {
        "task": "classification",
        "family": "cnn",
        "model": {"padding": "same", "dropout": 0.1},
        "loss": "cross_entropy",
    },
}


COMMANDS = [
    *("download tiny", "preprocess tiny"),
    *(f"{stage} {name}" for stage in ("train", "evaluate", "plot") for name in VARIANTS),
]
RUN = """
import runpy, sys
for command in sys.argv[1:]:
    sys.argv = command.split()
    runpy.run_path(f"stages/{sys.argv[0]}.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the repository with one more dataset and two variants of it, built.

    All stages run in one process, so TensorFlow starts once.
    """
    folder = tmp_path_factory.mktemp("pipeline")
    page.copy(folder / "repository")
    project = Project(folder / "repository")
    (project.folder / "dvc.lock").unlink()
    archive = files("sklearn") / "datasets/data" / ARCHIVE
    (folder / "mirror/tiny").mkdir(parents=True)
    (folder / "mirror/tiny" / ARCHIVE).write_bytes(archive.read_bytes())
    project.environment |= {
        "PYTHONPATH": str(project.folder / "src"),
        "INKBENCH_MIRROR": str(folder / "mirror"),
        "INKBENCH_TRACKING": "off",
    }
    project.write("src/inkbench/datasets/tiny.py", MODULE.lstrip())
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["data"]["tiny"] = DATA
    params["train"] |= {name: TRAINING | block for name, block in VARIANTS.items()}
    project.write("params.yaml", yaml.safe_dump(params, sort_keys=False))
    project.run("git", "init", "-q")
    project.commit("One more dataset")
    project.run("python", "-c", RUN, *COMMANDS, timeout=600)
    return project


def test_new_dataset_has_stages(project):
    planned = project.run("dvc", "repro", "--dry", *(f"plot@{name}" for name in VARIANTS)).stdout
    assert set(re.findall(r"> python stages/(\w+)\.py (\S+)", planned)) == {
        tuple(command.split()) for command in COMMANDS
    }


def test_new_dataset_is_preprocessed(project):
    card = json.loads((project.folder / "data/processed/tiny/dataset.json").read_text())
    with gzip.open(project.folder / "data/raw/tiny" / ARCHIVE) as table:
        assert sum(card["counts"][part]["total"] for part in card["counts"]) == len(
            table.readlines()
        )
    assert card["data_source"] == "real"
    assert card["image_shape"] == [8, 8]


@pytest.mark.parametrize(
    ("variant", "metric", "figure"),
    [("tiny-ae", "test_bce", "reconstructions"), ("tiny-cnn", "test_accuracy", "confusion")],
)
def test_new_dataset_has_metrics_and_figures(project, variant, metric, figure):
    metrics = json.loads((project.folder / f"metrics/{variant}.json").read_text())
    assert 0 < metrics[metric] < 1
    assert (project.folder / f"plots/{variant}/{figure}.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("old", "new", "command", "facts"),
    [
        ("same\n      dropout: 0.1", "valid", "train.py tiny-cnn", ["'cnn'", "8×8"]),
        ("tiny:\n    source: auto", "tiny:\n    source: synthetic", "download.py tiny", ["auto"]),
    ],
    ids=["family-that-needs-larger-images", "no-synthetic-version"],
)
def test_new_dataset_is_refused_in_one_line(project, old, new, command, facts):
    before = (project.folder / "params.yaml").read_text()
    assert before.count(old) == 1
    project.write("params.yaml", before.replace(old, new))
    run = project.run("python", *f"stages/{command}".split(), check=False)
    project.write("params.yaml", before)
    assert run.returncode == 2
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("inkbench: error")]
    assert all(fact in line for fact in facts)
