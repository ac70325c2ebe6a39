"""The static report: complete, self-contained, honest about its data."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import made_audits
from helpers import contents
from inkbench.errors import InkbenchError
from inkbench.reporting import site
from made_results import VARIANTS

pytestmark = pytest.mark.slow

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """What a page links to and shows; complains of tags that do not close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "img":
            self.images.append(found)
        self.links += [found[key] for key in ("href", "src") if found.get(key)]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{self.path}: stray </{tag}>"

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def pages(real: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in (real / "reports").rglob("*.html")}


def test_there_is_a_page_for_every_variant_and_dataset(pages: dict[Path, Page], real: Path):
    found = {str(path.relative_to(real / "reports")) for path in pages}
    assert found == (
        {"index.html", "published.html"}
        | {f"variants/{name}.html" for name in VARIANTS}
        | {f"datasets/{name}.html" for name in ("notmnist", "mnist", "documents")}
    )


def test_every_page_is_well_formed(pages: dict[Path, Page]):
    assert {page.path.name: page.open for page in pages.values() if page.open} == {}


def test_no_link_or_image_is_broken(pages: dict[Path, Page], real: Path):
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("data:"):
                continue
            assert not re.match(r"[a-z]+:|//|/", link), f"{path} leaves the folder: {link}"
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_relative_to((real / "reports").resolve())
            assert target.is_file(), f"{path}: {link}"
            if anchor:
                assert anchor in pages[Path(target)].ids, f"{path}: {link}"


def test_no_page_asks_another_host(pages: dict[Path, Page]):
    for path in pages:
        fetched = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?https?:", path.read_text())
        assert fetched == [], path


def test_every_image_has_a_description_and_its_true_size(pages: dict[Path, Page]):
    for path, page in pages.items():
        assert page.images or "variants" not in path.parts
        for image in page.images:
            assert image["alt"] and len(image["alt"]) > 10
            with Image.open(path.parent / image["src"]) as picture:
                assert (image["width"], image["height"]) == tuple(map(str, picture.size))


def test_what_files_say_is_escaped(real: Path):
    text = (real / "reports/variants/mnist-vae.html").read_text()
    assert "<mnist-vae>" not in text and "&lt;mnist-vae&gt;" in text


def test_a_model_card_says_all_that_a_model_card_must(real: Path):
    text = Page(real / "reports/variants/documents-unet.html").text
    for heading in ("Figures", "Metrics", "Data", "Training", "Limits", "How to load it"):
        assert heading in text
    for fact in ("CC BY 4.0", "learning rate", "storage.load", "test_rmse_coffee", "0.155"):
        assert fact in text


def test_a_data_card_says_what_was_skipped(real: Path):
    text = Page(real / "reports/datasets/notmnist.html").text
    assert "notMNIST_small/A/broken.png" in text and "empty file" in text


def test_every_table_that_sorts_has_values_to_sort_by(pages: dict[Path, Page]):
    found = [t for path in pages for t in re.findall(r"<table.*?</table>", path.read_text(), re.S)]
    sortable = [table for table in found if "<button" in table]
    assert sortable
    for table in sortable:
        for row in re.findall(r"<tr>.*?</tr>", table.split("<tbody>")[1], re.S):
            assert len(re.findall(r"<t[hd]", row)) == row.count("data-v=")


def test_every_claim_that_was_run_again_has_its_figure_and_its_picture(real: Path):
    page = Page(real / "reports/published.html")
    assert set(made_audits.METRICS) <= page.ids
    assert {f"published-{name}" for name in made_audits.METRICS} <= page.ids
    for text in ("loss 0.1677, printed as 16.77 %", "95 % of such draws: 65.00 % to 83.75 %"):
        assert text in page.text
    assert "synthetic data" not in page.text.lower()


def test_a_claim_run_again_on_stand_in_data_says_so(small: Path):
    for path in small.glob("metrics/published/*.json"):
        if path.stem != "mnist-logits":
            path.unlink()
    path = small / "metrics/published/mnist-logits.json"
    path.write_text(path.read_text().replace('"real"', '"synthetic"'))
    (small / "reports").mkdir()
    site.render(small / "reports")
    text = Page(small / "reports/published.html").text
    assert "(synthetic data: 1 × 20,000 digits shown" in text and "MNIST digits are" in text


def test_real_data_carries_no_banner(pages: dict[Path, Page]):
    assert not [path for path in pages if 'class="banner"' in path.read_text()]


def test_stand_in_data_carries_the_banner_on_every_page(small: Path):
    path = small / "metrics/mnist-vae.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_source": "synthetic"}))
    (small / "reports").mkdir()
    site.render(small / "reports")
    for path in (small / "reports").rglob("*.html"):
        banner = re.search(r'class="banner".*?</div>', path.read_text(), re.S)
        assert banner and "MNIST digits are" in banner[0], path


def test_the_same_inputs_give_the_same_bytes_and_claims_not_run_again_no_picture(small: Path):
    shutil.rmtree(small / "metrics/published")
    once, again = small / "once", small / "again"
    for folder in (once, again):
        folder.mkdir()
        site.render(folder)
    assert contents(once) == contents(again)
    page = Page(once / "published.html")
    assert "cannot generate new images" in page.text and page.images == []


def refused(mine: Path, match: str) -> None:
    (mine / "reports").mkdir()
    with pytest.raises(InkbenchError, match=match) as error:
        site.render(mine / "reports")
    assert "\n" not in str(error.value)


def test_no_metrics_at_all_is_one_clear_line(mine: Path):
    shutil.rmtree(mine / "metrics")
    refused(mine, r"metrics/ holds no metrics yet; run `dvc repro`")


def test_metrics_of_a_variant_that_is_gone_say_so(mine: Path):
    shutil.rmtree(mine / "models/mnist-vae")
    refused(mine, r"models/mnist-vae/train.json not found.*delete metrics/mnist-vae.json")


@pytest.mark.parametrize(
    "file",
    [
        "metrics/mnist-vae.json",
        "models/mnist-vae/train.json",
        "models/mnist-vae/history.csv",
        "plots/mnist-vae/code.png",
        "evaluations/notmnist-cnn/confusion.csv",
        "data/processed/mnist/dataset.json",
        "data/processed/mnist/train.npz",
        "metrics/published/notmnist-basic.json",
        "evaluations/published/mnist-sparse-pair/curve.csv",
    ],
)
def test_a_broken_file_is_named(file: str, small: Path):
    (small / file).write_bytes(b"garbage")
    refused(small, file)


@pytest.mark.parametrize(
    "folder", ["plots/mnist-vae", "data/processed/mnist", "evaluations/notmnist-cnn"]
)
def test_a_missing_folder_is_named(folder: str, small: Path):
    shutil.rmtree(small / folder)
    refused(small, folder)
