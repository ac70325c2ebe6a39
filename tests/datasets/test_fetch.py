"""Fetching: the right source, verified, once, and the same provenance everywhere."""

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import made_archives as made
import pytest
from loopback import Server

from helpers import contents
from inkbench import data_source, datasets, layout
from inkbench.datasets.fetching import fetch
from inkbench.datasets.reading import provenance
from inkbench.datasets.synthetic import generate
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")

Offer = Callable[..., None]
LETTERS = "notMNIST_small.tar.gz"
KAGGLE = "kaggle:denoising-dirty-documents"
NOWHERE = "http://nowhere.invalid/x"


def fetched(dataset: str = "notmnist", **changed: object) -> dict:  # type: ignore[type-arg]
    return fetch.fetch(dataset, made.settings(dataset, **changed))


def put(folder: Path | str, files: made.Files) -> Path:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def raw_files(dataset: str = "notmnist") -> set[str]:
    return {path.name for path in layout.raw(dataset).iterdir()}


@pytest.fixture
def official(server: Server, offer: Offer, letters: bytes) -> bytes:
    """An archive at ``/x`` of the server, which is its official address."""
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    return letters


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch, letters: bytes) -> None:
    """Synthetic data that takes no time."""
    monkeypatch.setattr(generate, "write", lambda _, folder: put(folder, {LETTERS: letters}))


def test_fetch_describes_what_it_downloaded(server, official):
    described = fetched()
    (file,) = described["files"]
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == official
    assert (described["source"], file["url"]) == ("official", f"{server.url}/x")
    assert file["bytes"] == len(official)
    assert file["content_digest"] == made.content_digest(official)
    assert json.loads(layout.provenance("notmnist").read_text("utf-8")) == described
    assert provenance.load("notmnist") == described


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_fetch_asks_mirror_first(kind, server, official, monkeypatch):
    server.answers[f"/data/notmnist/{LETTERS}"] = official
    folder = put("elsewhere/notmnist", {LETTERS: official}).parent
    mirror = {"folder": str(folder), "url": f"{server.url}/data/"}[kind]
    monkeypatch.setenv("INKBENCH_MIRROR", mirror)
    assert fetched()["source"] == "mirror"
    assert not server.asked["/x"]


def test_provenance_does_not_depend_on_the_machine(offer, letters, monkeypatch, tmp_path):
    offer(made.archive(LETTERS, letters))
    texts = []
    for name in ("one", "another"):
        mirror = put(tmp_path / name / "notmnist", {LETTERS: letters}).parent
        monkeypatch.setenv("INKBENCH_MIRROR", str(mirror))
        fetched()
        texts.append(layout.provenance("notmnist").read_bytes())
        shutil.rmtree(layout.raw("notmnist"))
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0].decode()


def test_fetch_does_not_show_password_of_mirror(server, offer, letters, monkeypatch, capfd):
    offer(made.archive(LETTERS, letters))
    monkeypatch.setenv("INKBENCH_MIRROR", server.url.replace("//", "//me:secret@"))
    with pytest.raises(InkbenchError) as raised:
        fetched()
    server.answers[f"/notmnist/{LETTERS}"] = letters
    fetched()
    messages = "".join(capfd.readouterr()) + str(raised.value)
    assert "404" in messages
    assert "secret" not in messages + layout.provenance("notmnist").read_text()


@pytest.mark.parametrize("host", ["mirror:99999", f"{'x' * 70}.example"])
def test_fetch_explains_an_impossible_mirror(host, offer, letters, monkeypatch, capfd):
    offer(made.archive(LETTERS, letters))
    monkeypatch.setenv("INKBENCH_MIRROR", f"http://me:secret@{host}")
    with pytest.raises(InkbenchError) as raised:
        fetched()
    messages = "".join(capfd.readouterr()) + str(raised.value)
    assert host.partition(":")[0][:60] in messages and "secret" not in messages


def test_fetch_keeps_what_is_there_and_verified(server, official):
    first = fetched()
    put(layout.raw("notmnist") / ".fetching", {LETTERS: official[:99]})  # of a killed run
    server.answers.clear()
    assert fetched(source="auto") == first
    assert server.asked["/x"] == 1
    assert raw_files() == {LETTERS, "provenance.json"}


def test_fetch_replaces_only_the_damaged_one_of_several(server, offer):
    files = made.digits(20, 10)
    server.answers |= {f"/{name}": content for name, content in files.items()}
    offer(tuple(made.archive(n, content, f"{server.url}/{n}") for n, content in files.items()))
    fetched("mnist")
    before = contents(layout.raw("mnist"))
    put(layout.raw("mnist"), {"t10k-labels-idx1-ubyte.gz": b"damaged"})
    fetched("mnist")
    assert contents(layout.raw("mnist")) == before
    assert sorted(server.asked.values()) == [1, 1, 1, 2]


def test_fetch_accepts_repacked_archive_by_its_content(offer, letters, monkeypatch):
    repacked = made.zipped(dict(sorted(made.letter_files(4).items(), reverse=True)))
    offer(made.archive(LETTERS, letters, pin="content_digest"))
    monkeypatch.setenv("INKBENCH_MIRROR", str(put("m/notmnist", {LETTERS: repacked}).parent))
    assert fetched()["files"][0]["bytes"] == len(repacked)


def test_fetch_falls_back_to_the_next_edition(server, offer, letters):
    server.answers |= {"/one": letters, "/uci": letters, "/cut": b"not whole"}
    offer(
        (
            made.archive("train.zip", letters, f"{server.url}/one"),
            made.archive("test.zip", letters, f"{server.url}/cut"),
        ),
        made.archive("noisyoffice.zip", letters, f"{server.url}/uci"),
    )
    fetched("documents")
    assert raw_files("documents") == {"noisyoffice.zip", "provenance.json"}


def test_fetch_replaces_another_subset(server, official, offer):
    fetched()
    offer(made.archive("notMNIST_large.tar.gz", official, f"{server.url}/x", pin="nothing"))
    fetched()
    assert raw_files() == {"notMNIST_large.tar.gz", "provenance.json"}


def test_fetch_accepts_archives_put_there_by_hand(server, offer):
    zips = made.page_zips(made.pages())
    pages = made.zipped({"a.png": b"picture"})
    server.answers["/uci"] = pages
    offer(
        tuple(made.archive(n, c, KAGGLE, pin="content_digest") for n, c in zips.items()),
        made.archive("noisyoffice.zip", pages, f"{server.url}/uci"),
    )
    some = {name: content for name, content in zips.items() if name != "test.zip"}
    put(layout.raw("documents"), some)
    assert fetched("documents")["files"][0]["name"] == "noisyoffice.zip"
    assert raw_files("documents") == {*some, "noisyoffice.zip", "provenance.json"}
    put(layout.raw("documents"), zips)
    described = fetched("documents")
    assert described["source"] == "official"
    assert {file["url"] for file in described["files"]} == {KAGGLE}


def unpacked(zips: made.Files, names: str) -> made.Files:
    """The members of archives, each in a folder; ``names`` says how they are called."""
    files = {}
    for archive in zips.values():
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for name in opened.namelist():
                files[names.format(stem=name.split("/")[0], name=name)] = opened.read(name)
    return files


def laid(folder: Path, files: made.Files) -> None:
    for name, content in files.items():
        put((folder / name).parent, {Path(name).name: content})


@pytest.mark.parametrize(
    "form",
    [
        "{name}",  # train/2.png
        "{stem}/{name}",  # train/train/2.png
        "denoising-dirty-documents/{name}",
        "denoising-dirty-documents/{stem}.zip",
        "all (1).zip: {name}",
        "all.zip: ./denoising-dirty-documents/{name}",
        "all.zip: {stem}.zip",
        "all.zip: {stem}\\{name}",
    ],
)
def test_fetch_finds_what_kaggles_archives_hold(form, offer):
    zips = made.page_zips(made.pages())
    offer(tuple(made.archive(n, c, KAGGLE, pin="content_digest") for n, c in zips.items()))
    outer, _, names = form.rpartition(": ")
    if names.endswith("{stem}.zip"):
        files = {names.format(stem=Path(name).stem): zips[name] for name in zips}
    else:
        files = unpacked(zips, names)
    files |= {"__MACOSX/train/._2.png": b"fork", "sampleSubmission.csv.zip": b"x"}
    raw = layout.raw("documents")
    laid(raw, {outer: made.zipped(files)} if outer else files)
    described = fetched("documents")
    assert described["source"] == "official"
    assert {file["url"] for file in described["files"]} == {KAGGLE}
    digests = [file["content_digest"] for file in described["files"]]
    assert digests == [made.content_digest(content) for content in zips.values()]
    provenance.load("documents")
    assert fetched("documents") == described


# A stream that deflate cannot read.
DAMAGED = made.zipped({"train/1.png": bytes(range(256)) * 40})
DAMAGED = DAMAGED[:45] + b"\xff" * 40 + DAMAGED[85:]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("all.zip", made.zipped({"other/1.png": b"x"})),
        ("all.zip", b"PK\x03\x04 cut"),
        ("all.zip", DAMAGED),
        ("train/1.png", b"changed"),
        ("Train (2).ZIP", b"x"),
    ],
)
def test_fetch_says_what_is_expected_where(name, content, offer, generated, capfd):
    zips = made.page_zips(made.pages())
    offer(
        tuple(made.archive(n, c, NOWHERE, pin="content_digest") for n, c in zips.items()),
        made.archive("noisyoffice.zip", b"", NOWHERE, pin="nothing"),
    )
    laid(layout.raw("documents"), {name: content})
    fetched("documents", source="auto")
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "expected there" in line]
    for fact in (str(layout.raw("documents")), name.split("/")[0], *zips, "noisyoffice.zip"):
        assert fact in line
    assert (layout.raw("documents") / name).read_bytes() == content


@pytest.fixture
def pages_nowhere(offer) -> made.Files:
    """Kaggle's archives, which no source has."""
    zips = made.page_zips(made.pages())
    offer(tuple(made.archive(n, c, NOWHERE, pin="content_digest") for n, c in zips.items()))
    return zips


@pytest.mark.parametrize("synthetic_before", [False, True])
@pytest.mark.parametrize("wrong", ["forgotten", "cut"])
def test_fetch_never_replaces_what_somebody_put_there_by_synthetic_data(
    synthetic_before, wrong, pages_nowhere, monkeypatch, capfd
):
    drawn = dict.fromkeys(pages_nowhere, made.zipped({"1.png": b"synthetic"}))
    monkeypatch.setattr(generate, "write", lambda _, folder: put(folder, drawn))
    if synthetic_before:
        fetched("documents", source="auto")
    placed = {**pages_nowhere, "train_cleaned.zip": pages_nowhere["train_cleaned.zip"][:-9]}
    if wrong == "forgotten":
        del placed["train_cleaned.zip"]
    put(layout.raw("documents"), placed)
    capfd.readouterr()
    for source in ("auto", "synthetic"):
        with pytest.raises(InkbenchError) as raised:
            fetched("documents", source=source)
        assert "\n" not in str(raised.value)
        assert {"test.zip", "train.zip"} <= set(re.findall(r"\w+\.zip", str(raised.value)))
        for name, content in placed.items():
            assert (layout.raw("documents") / name).read_bytes() == content
    shown = capfd.readouterr().err
    assert ("train_cleaned.zip missing" if wrong == "forgotten" else "damaged") in shown


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_fetch_knows_its_own_synthetic_data_when_it_was_killed(kept, pages_nowhere, monkeypatch):
    drawn = dict.fromkeys(pages_nowhere, made.zipped({"1.png": b"synthetic"}))
    monkeypatch.setattr(generate, "write", lambda _, folder: put(folder, drawn))
    done: list[str] = []
    with monkeypatch.context() as patch:

        def replace(source: Path, target: Path, really=os.replace) -> None:
            if target.parent == layout.raw("documents"):
                if len(done) == kept:
                    raise KeyboardInterrupt
                done.append(target.name)
            really(source, target)

        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            fetched("documents", source="auto")
    assert fetched("documents", source="auto")["source"] == "synthetic"
    assert raw_files("documents") == {*pages_nowhere, "provenance.json"}


def test_fetch_never_deletes_files_outside_its_folder(official):
    """``provenance.json`` may come from somebody else's remote."""
    precious = put("elsewhere", {"precious.txt": b"mine"}) / "precious.txt"
    forged = {"source": "official", "files": [{"name": "../../../elsewhere/precious.txt"}]}
    put(layout.raw("notmnist"), {"provenance.json": json.dumps(forged).encode()})
    fetched()
    assert precious.exists()


def test_archive_without_checksum_is_accepted_by_hand_if_sound(offer, letters):
    offer(made.archive("noisyoffice.zip", b"", NOWHERE, pin="nothing"))
    put(layout.raw("documents"), {"noisyoffice.zip": letters[:-100]})
    with pytest.raises(InkbenchError, match="damaged"):
        fetched("documents")
    put(layout.raw("documents"), {"noisyoffice.zip": letters})
    assert fetched("documents")["source"] == "official"


@pytest.mark.parametrize("label", ["official", "synthetic"])
def test_archive_without_checksum_is_kept_if_changed_and_accepted_on_request(
    label, server, offer, letters
):
    server.answers["/x"] = letters
    offer(made.archive("noisyoffice.zip", b"", f"{server.url}/x", pin="nothing"))
    described = fetched("documents")
    layout.provenance("documents").write_text(json.dumps({**described, "source": label}))
    corrected = made.tar_gz(made.letter_files(1))
    put(layout.raw("documents"), {"noisyoffice.zip": corrected})
    with pytest.raises(InkbenchError, match=r"noisyoffice\.zip.*delete .*provenance") as raised:
        fetched("documents", source="auto")
    assert "\n" not in str(raised.value)
    assert (layout.raw("documents") / "noisyoffice.zip").read_bytes() == corrected
    layout.provenance("documents").unlink()
    assert fetched("documents")["source"] == "official"
    assert (layout.raw("documents") / "noisyoffice.zip").read_bytes() == corrected


def test_fetch_generates_synthetic_data_without_a_source(server, offer, generated, capfd):
    server.answers["/cut"] = b"not whole"
    offer(made.archive("notMNIST_small.zip", b"", f"{server.url}/cut", NOWHERE))
    described = fetched(source="auto")
    (file,) = described["files"]
    assert (described["source"], file["name"]) == ("synthetic", LETTERS)
    assert file["url"].startswith("generated:")
    assert "Bulatov" not in json.dumps(described)
    assert raw_files() == {LETTERS, "provenance.json"}
    warning = capfd.readouterr().err
    assert "WARNING" in warning and "download@notmnist" in warning


def test_fetch_generates_synthetic_data_on_request(server, official, generated):
    fetched()
    assert fetched(source="synthetic")["source"] == "synthetic"
    assert server.asked["/x"] == 1


@pytest.mark.parametrize(("source", "module"), [("official", "letters"), ("auto", None)])
def test_fetch_fails_if_synthetic_data_is_not_allowed_or_missing(source, module, offer, generated):
    offer(made.archive(LETTERS, b"", NOWHERE), synthetic=module)
    with pytest.raises(InkbenchError, match=rf"{NOWHERE}.*INKBENCH_MIRROR") as raised:
        fetched(source=source)
    assert "\n" not in str(raised.value)
    assert not list(layout.raw("notmnist").iterdir())


@pytest.mark.parametrize("label", ["synthetic", "stand-in"])  # now, and in earlier versions
def test_real_data_replaces_synthetic_data(label, offer, generated, server):
    offer(made.archive(LETTERS, b"", NOWHERE))
    described = fetched(source="auto")
    layout.provenance("notmnist").write_text(json.dumps({**described, "source": label}))
    real = made.tar_gz(made.letter_files(5))
    server.answers["/x"] = real
    offer(made.archive(LETTERS, real, f"{server.url}/x"))
    assert fetched(source="auto")["source"] == "official"
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == real


def test_provenance_load_refuses_changed_or_missing_archive(official):
    fetched()
    put(layout.raw("notmnist"), {LETTERS: official + b"!"})
    with pytest.raises(InkbenchError, match=f"{LETTERS} changed"):
        provenance.load("notmnist")
    (layout.raw("notmnist") / LETTERS).unlink()
    with pytest.raises(InkbenchError, match=f"{LETTERS} is missing.*download@notmnist"):
        provenance.load("notmnist")


@pytest.mark.parametrize("text", ["", "[]", '{"source": "official"}', "{"])
def test_provenance_load_refuses_damaged_file(text):
    put(layout.raw("notmnist"), {"provenance.json": text.encode()})
    with pytest.raises(InkbenchError, match="not found; fetch the data"):
        provenance.load("notmnist")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("official", "real"),
        ("mirror", "real"),
        ("synthetic", "synthetic"),
        ("stand-in", "synthetic"),
    ],
)
def test_data_source_reads_present_and_earlier_provenance(source, kind):
    assert data_source.of({"source": source}) == kind


@pytest.mark.parametrize("dataset", datasets.names())
def test_spec_is_complete(dataset):
    spec = datasets.spec(dataset)
    assert spec.name == dataset
    assert spec.title and spec.about and spec.limits and spec.licence and spec.tasks
    for editions in spec.editions.values():
        for archive in (archive for edition in editions for archive in edition):
            assert archive.urls and archive.limit < 2**31
