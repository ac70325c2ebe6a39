"""A project with figures, and its report; no test may write into them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import made_audits
import made_results
from helpers import ROOT

STEMS = {
    "reconstruction": ["reconstructions", "code", "curves", "weights", "samples"],
    "classification": ["confusion", "misclassified", "curves"],
    "restoration": ["close-up", "pages", "curves"],
}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything the report stage reads, with blank figures and real data."""
    root = made_results.copy(tmp_path_factory, "real")
    made_audits.write(root, "real")
    shutil.copy(ROOT / "params.yaml", root)
    for name, variant in made_results.VARIANTS.items():
        (root / "plots" / name).mkdir(parents=True)
        for stem in STEMS[variant.task]:
            metadata = PngInfo()
            metadata.add_itxt("Title", stem)
            metadata.add_itxt("Description", f'The "{stem}" of <{name}>.')
            Image.new("P", (80, 40)).save(root / f"plots/{name}/{stem}.png", pnginfo=metadata)
    return root


@pytest.fixture(scope="session")
def report(project: Path) -> Path:
    """The report on the project."""
    from inkbench.reporting import site

    folder = project / "reports"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        site.render(folder)
    return folder


@pytest.fixture
def project_copy(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that a test may break, as the working directory."""
    for part in ("data", "models", "metrics", "plots", "evaluations", "benchmarks"):
        shutil.copytree(project / part, tmp_path / part)
    shutil.copy(project / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(project_copy: Path) -> Path:
    """The copy, reduced to one variant per dataset, so that its report renders quickly."""
    for path in project_copy.glob("metrics/*.json"):
        if path.stem not in ("mnist-vae", "notmnist-cnn", "documents-unet"):
            path.unlink()
    return project_copy
