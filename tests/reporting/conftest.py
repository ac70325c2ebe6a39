"""A made-up project with figures, and the report on it; nobody may write into them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import made_audits
import made_results

STEMS = {
    "reconstruction": ["reconstructions", "code", "curves", "weights", "samples"],
    "classification": ["confusion", "confused", "curves"],
    "restoration": ["close-up", "pages", "curves"],
}


def blank_plots(root: Path) -> None:
    """Figures as the plot stage names and describes them, with nothing on them: quick to write."""
    for name, block in made_results.VARIANTS.items():
        folder = root / "plots" / name
        folder.mkdir(parents=True)
        for stem in STEMS[block["task"]]:
            about = PngInfo()
            about.add_itxt("Title", stem)
            about.add_itxt("Description", f'The "{stem}" of <{name}>.')
            Image.new("P", (80, 40)).save(folder / f"{stem}.png", pnginfo=about)


def project(root: Path, data_source: str) -> Path:
    """Everything the report stage reads."""
    made_results.write(root, data_source)
    made_audits.write(root, data_source)
    blank_plots(root)
    return root


def render(root: Path) -> Path:
    """The report on a project."""
    from inkbench.reporting import site

    folder = root / "reports"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        site.render(folder)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on real data; nobody may write into it."""
    return project(tmp_path_factory.mktemp("real"), "real")


@pytest.fixture(scope="session")
def real(made: Path) -> Path:
    """The same with its report."""
    render(made)
    return made


@pytest.fixture
def mine(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that a test may break, as the working directory."""
    for part in ("data", "models", "metrics", "plots", "evaluations", "benchmarks"):
        shutil.copytree(made / part, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(mine: Path) -> Path:
    """The copy cut down to one variant a dataset: quick to report on."""
    for path in mine.glob("metrics/*.json"):
        if path.stem not in ("mnist-vae", "notmnist-cnn", "documents-unet"):
            path.unlink()
    return mine
