"""Fetching: the right source, verified, once, and the same bytes of provenance everywhere."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import made_archives as made
import pytest
from loopback import Server

from inkbench import layout
from inkbench import datasets
from inkbench.datasets import synthetic
from inkbench.datasets.fetching import fetch
from inkbench.datasets.reading import provenance as raw_provenance
from inkbench.errors import InkbenchError

pytestmark = pytest.mark.usefixtures("workplace")

Offer = Callable[..., None]
LETTERS = "notMNIST_small.tar.gz"
KAGGLE = "kaggle:denoising-dirty-documents"


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
def no_network(monkeypatch: pytest.MonkeyPatch, offer: Offer) -> None:
    """Nothing but a host that does not resolve."""
    offer(made.archive(LETTERS, b"", "http://nowhere.invalid/x.tar.gz"))


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, letters: bytes) -> None:
    """Synthetic data that takes no time."""

    def write(_dataset: str, folder: Path) -> None:
        (folder / LETTERS).write_bytes(letters)

    monkeypatch.setattr(synthetic, "write", write)


def test_an_official_url_is_fetched_and_described(
    server: Server, offer: Offer, letters: bytes
) -> None:
    url = f"{server.url}/{LETTERS}"
    server.answers[f"/{LETTERS}"] = letters
    offer(made.archive(LETTERS, letters, url))
    provenance = fetched()
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == letters
    assert provenance["source"] == "official"
    assert provenance["files"][0]["url"] == url
    assert provenance["files"][0]["bytes"] == len(letters)
    assert provenance["files"][0]["content_digest"] == made.content_digest(letters)
    assert json.loads(layout.provenance("notmnist").read_text("utf-8")) == provenance


def test_the_mirror_is_asked_first(
    server: Server, offer: Offer, letters: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(made.archive(LETTERS, letters, f"{server.url}/{LETTERS}"))
    mirror = put("elsewhere/notmnist", {LETTERS: letters}).parent
    monkeypatch.setenv("INKBENCH_MIRROR", str(mirror))
    assert fetched()["source"] == "mirror"
    assert not server.asked


def test_a_mirror_may_be_a_url(
    server: Server, offer: Offer, letters: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers[f"/data/notmnist/{LETTERS}"] = letters
    offer(made.archive(LETTERS, letters, "http://nowhere.invalid/x"))
    monkeypatch.setenv("INKBENCH_MIRROR", f"{server.url}/data/")
    assert fetched()["source"] == "mirror"


def test_provenance_says_nothing_of_the_machine(
    offer: Offer, letters: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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


def test_a_mirrors_password_is_shown_nowhere(
    server: Server,
    offer: Offer,
    letters: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    offer(made.archive(LETTERS, letters))
    secret = server.url.replace("//", "//me:secret@")
    monkeypatch.setenv("INKBENCH_MIRROR", secret)
    with pytest.raises(InkbenchError) as raised:
        fetched()
    server.answers[f"/notmnist/{LETTERS}"] = letters
    fetched()
    said = "".join(capfd.readouterr()) + str(raised.value)
    assert "404" in said
    assert "secret" not in said + layout.provenance("notmnist").read_text()


def test_what_is_there_and_verifies_is_not_fetched_again(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    first = fetched()
    assert fetched() == first
    assert server.asked["/x"] == 1


def test_what_a_killed_run_left_is_swept_up_even_if_nothing_is_fetched(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    fetched()
    put(layout.raw("notmnist") / ".fetching", {LETTERS: letters[:99]})
    fetched()
    assert raw_files() == {LETTERS, "provenance.json"}


def test_an_archive_that_changed_on_disk_is_fetched_again(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    fetched()
    put(layout.raw("notmnist"), {LETTERS: letters[:-1]})
    fetched()
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == letters


def test_only_the_damaged_one_of_several_is_fetched_again(server: Server, offer: Offer) -> None:
    files = made.digits(20, 10)
    for name, content in files.items():
        server.answers[f"/{name}"] = content
    offer(tuple(made.archive(n, content, f"{server.url}/{n}") for n, content in files.items()))
    first = fetched("mnist")
    put(layout.raw("mnist"), {"t10k-labels-idx1-ubyte.gz": b"damaged"})
    assert fetched("mnist") == first
    assert sorted(server.asked.values()) == [1, 1, 1, 2]


def test_an_archive_packed_again_is_the_same_by_its_content(
    offer: Offer, letters: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    repacked = made.zipped(dict(sorted(made.letter_files(4).items(), reverse=True)))
    offer(made.archive(LETTERS, letters, pin="content_digest"))
    monkeypatch.setenv("INKBENCH_MIRROR", str(put("m/notmnist", {LETTERS: repacked}).parent))
    assert fetched()["files"][0]["bytes"] == len(repacked)


def test_another_edition_serves_where_the_first_cannot_be_had(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/zip"] = letters
    offer(
        made.archive(LETTERS, letters, f"{server.url}/gone"),
        made.archive("notMNIST_small.zip", letters, f"{server.url}/zip"),
    )
    fetched()
    assert raw_files() == {"notMNIST_small.zip", "provenance.json"}


def test_what_is_left_of_a_failed_edition_does_not_come_along(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers.update({"/one": letters, "/uci": letters, "/cut": b"not whole"})
    offer(
        (
            made.archive("train.zip", letters, f"{server.url}/one"),
            made.archive("test.zip", letters, f"{server.url}/cut"),
        ),
        made.archive("noisyoffice.zip", letters, f"{server.url}/uci"),
    )
    fetched("documents")
    assert raw_files("documents") == {"noisyoffice.zip", "provenance.json"}


def test_what_is_left_of_a_failed_download_is_no_stand_in_data(
    server: Server, offer: Offer, made_up: None
) -> None:
    server.answers["/cut"] = b"not whole"
    offer(made.archive("notMNIST_small.zip", b"", f"{server.url}/cut"))
    provenance = fetched(source="auto")
    assert [file["name"] for file in provenance["files"]] == [LETTERS]
    assert raw_files() == {LETTERS, "provenance.json"}


def test_another_subset_takes_the_place_of_the_first(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    fetched()
    offer(made.archive("notMNIST_large.tar.gz", letters, f"{server.url}/x", pin="nothing"))
    fetched()
    assert raw_files() == {"notMNIST_large.tar.gz", "provenance.json"}


def test_pages_put_there_by_hand_are_taken(offer: Offer) -> None:
    zips = made.page_zips(made.pages())
    offer(
        tuple(made.archive(n, c, KAGGLE, pin="content_digest") for n, c in zips.items())
    )
    put(layout.raw("documents"), zips)
    provenance = fetched("documents")
    assert provenance["source"] == "official"
    assert {file["url"] for file in provenance["files"]} == {KAGGLE}
    assert raw_files("documents") == {*zips, "provenance.json"}


def test_what_was_put_there_by_hand_is_not_swept_out(server: Server, offer: Offer) -> None:
    """Two of Kaggle's three zips do not make its edition; another takes over, beside them."""
    zips = made.page_zips(made.pages())
    pages = made.zipped({"a.png": b"picture"})
    server.answers["/uci"] = pages
    offer(
        tuple(made.archive(n, c, KAGGLE, pin="content_digest") for n, c in zips.items()),
        made.archive("noisyoffice.zip", pages, f"{server.url}/uci"),
    )
    del zips["test.zip"]
    put(layout.raw("documents"), zips)
    fetched("documents")
    assert raw_files("documents") == {*zips, "noisyoffice.zip", "provenance.json"}


def test_a_provenance_that_names_files_elsewhere_deletes_none_of_them(
    server: Server, offer: Offer, letters: bytes
) -> None:
    """It may come from somebody else's remote."""
    precious = put("elsewhere", {"precious.txt": b"mine"}) / "precious.txt"
    told = {"source": "official", "files": [{"name": "../../../elsewhere/precious.txt"}]}
    put(layout.raw("notmnist"), {"provenance.json": json.dumps(told).encode()})
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    fetched()
    assert precious.exists()


def test_an_archive_without_a_known_checksum_is_taken_from_hand_once_it_is_whole(
    offer: Offer, letters: bytes
) -> None:
    offer(made.archive("noisyoffice.zip", b"", "http://nowhere.invalid/x", pin="nothing"))
    put(layout.raw("documents"), {"noisyoffice.zip": letters[:-100]})
    with pytest.raises(InkbenchError, match="damaged"):
        fetched("documents")
    put(layout.raw("documents"), {"noisyoffice.zip": letters})
    assert fetched("documents")["source"] == "official"


def test_an_archive_without_a_known_checksum_that_changed_is_not_trusted(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive("noisyoffice.zip", b"", f"{server.url}/x", pin="nothing"))
    fetched("documents")
    put(layout.raw("documents"), {"noisyoffice.zip": made.tar_gz(made.letter_files(1))})
    fetched("documents")
    assert (layout.raw("documents") / "noisyoffice.zip").read_bytes() == letters


def test_without_a_source_stand_in_data_takes_over_loudly(
    no_network: None, made_up: None, capfd: pytest.CaptureFixture[str]
) -> None:
    provenance = fetched(source="auto")
    assert provenance["source"] == "synthetic"
    said = capfd.readouterr().err
    assert "NO SOURCE GAVE THE REAL DATA" in said
    assert "dvc repro --force --single-item download@notmnist && make repro" in said


def test_stand_in_data_is_labelled_as_what_it_is(no_network: None, made_up: None) -> None:
    provenance = fetched(source="auto")
    assert provenance["files"][0]["url"].startswith("generated:")
    assert "Bulatov" not in json.dumps(provenance)


def test_stand_in_data_can_be_asked_for(
    server: Server, offer: Offer, letters: bytes, made_up: None
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    fetched()
    assert fetched(source="synthetic")["source"] == "synthetic"
    assert server.asked["/x"] == 1


def test_params_can_forbid_stand_in_data(no_network: None, made_up: None) -> None:
    with pytest.raises(InkbenchError, match=r"no source gave the real data: .*cannot be resolved"):
        fetched(source="official")
    assert not list(layout.raw("notmnist").iterdir())


def test_real_data_takes_the_place_of_stand_in_data(
    no_network: None,
    made_up: None,
    server: Server,
    offer: Offer,
) -> None:
    fetched(source="auto")
    real = made.tar_gz(made.letter_files(5))
    server.answers["/x"] = real
    offer(made.archive(LETTERS, real, f"{server.url}/x"))
    assert fetched(source="auto")["source"] == "official"
    assert (layout.raw("notmnist") / LETTERS).read_bytes() == real


def test_real_data_is_kept_when_its_sources_go_away(
    server: Server, offer: Offer, letters: bytes, made_up: None
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    first = fetched()
    server.answers.clear()
    assert fetched(source="auto") == first


def test_the_provenance_is_checked_before_data_are_used(
    server: Server, offer: Offer, letters: bytes
) -> None:
    server.answers["/x"] = letters
    offer(made.archive(LETTERS, letters, f"{server.url}/x"))
    provenance = fetched()
    assert raw_provenance.load("notmnist") == provenance
    put(layout.raw("notmnist"), {LETTERS: letters + b"!"})
    with pytest.raises(InkbenchError, match="is not the file that was fetched"):
        raw_provenance.load("notmnist")
    (layout.raw("notmnist") / LETTERS).unlink()
    with pytest.raises(InkbenchError, match=f"{LETTERS} is missing"):
        raw_provenance.load("notmnist")


@pytest.mark.parametrize("text", ["", "[]", '{"source": "official"}', "{"])
def test_a_damaged_provenance_is_as_good_as_none(text: str) -> None:
    put(layout.raw("notmnist"), {"provenance.json": text.encode()})
    with pytest.raises(InkbenchError, match="not found; fetch the data"):
        raw_provenance.load("notmnist")


@pytest.mark.parametrize("dataset", datasets.names())
def test_spec_limits_every_archive(dataset: str) -> None:
    for editions in datasets.spec(dataset).editions.values():
        for archive in (archive for edition in editions for archive in edition):
            assert archive.urls and archive.limit < 2**31
