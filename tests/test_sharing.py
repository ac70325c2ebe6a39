"""Datasets and models between repositories: the commands of docs/sharing.md, to an S3 server.

A pipeline cut down to notMNIST's data (made letters) is published in two versions. Then its
repository is deleted: all that others get must come from git and the remote.
"""

import configparser
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import made_archives as made
import pytest
import yaml

import s3_server
import sharing_page as page
from helpers import contents
from inkbench import layout, params
from sharing_page import Shell

DATASET = "data/processed/notmnist"
KINDS = {"dataset": layout.processed, "model": layout.model_folder}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Team:
    """What one owner published.

    Attributes
    ----------
    shell
        Of anybody else.
    origin
        The bare git repository.
    versions
        Contents of the processed dataset, by tag.
    said
        What the publishing commands printed, by tag.
    """

    shell: Shell
    origin: Path
    versions: dict[str, dict[str, bytes]]
    said: dict[str, str]

    def clone(self, folder: Path) -> Path:
        """A clone without data."""
        self.shell.run(folder, f"git clone {page.GIT}")
        return folder / "inkbench"

    def importer(self, folder: Path) -> Path:
        """A second repository that has imported v1."""
        self.shell.run(folder, "git init --initial-branch main second\ncd second\ndvc init")
        self.shell.recipe(folder / "second", "In another DVC repository, pinned")
        return folder / "second"


def _reduce(folder: Path) -> None:
    """Leave notMNIST's two data stages, on few letters, and what is shared."""
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    stages = {name: pipeline["stages"][name] for name in ("download", "preprocess")}
    pipeline = {"stages": stages, "artifacts": pipeline["artifacts"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    data = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["data"]
    letters = data["notmnist"] | {"source": "official", "subset": "large"}
    reduced = {"data": {"notmnist": letters}, "train": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(reduced))


def _split_by(folder: Path, seed: int) -> None:
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text())
    values["data"]["notmnist"]["seed"] = seed
    path.write_text(yaml.safe_dump(values))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The owner's repository before anything is shared; do not change it."""
    folder = tmp_path_factory.mktemp("pipeline") / "inkbench"
    page.copy(folder, "src", "stages", "*.yaml", ".dvc", ".dvcignore", ".gitignore")
    _reduce(folder)
    mirror = tmp_path_factory.mktemp("mirror")
    (mirror / "notmnist").mkdir()
    packed = made.tar_gz(made.letter_files(40, "notMNIST_large"))  # which no checksum pins
    (mirror / "notmnist/notMNIST_large.tar.gz").write_bytes(packed)
    shell = Shell(tmp_path_factory.mktemp("home"), {})
    shell.run(folder, f"git init --initial-branch main\nINKBENCH_MIRROR={mirror} dvc repro")
    return folder


@pytest.fixture(scope="module")
def team(pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Two versions in git and in a remote, and nowhere else."""
    home = tmp_path_factory.mktemp("home")
    with s3_server.serving(home / "s3.log", "letters") as endpoint:
        places = {
            page.GIT: str(home / "inkbench.git"),
            page.BUCKET: "s3://letters/inkbench",
            page.ENDPOINT: endpoint,
            page.KEY: token_hex(8),
            page.SECRET: token_hex(16),
        }
        owner = shutil.copytree(pipeline, home / "owner")
        yield _publish(Shell(home, places), owner)


def _publish(shell: Shell, owner: Path) -> Team:
    origin = Path(shell.places[page.GIT])
    shell.run(origin.parent, f"git init --bare --initial-branch main {origin}")
    shell.run(owner, f"git remote add origin {origin}")
    shell.recipe(owner, "An S3-compatible store")
    shell.recipe(owner, "Keys of one clone")
    said, versions = {}, {}
    titles = {"v1": "Publish a version", "v2": "Publish another split"}
    for seed, (tag, title) in enumerate(titles.items()):
        _split_by(owner, seed)
        said[tag] = shell.recipe(owner, title)
        versions[tag] = contents(owner / DATASET)
    shutil.rmtree(owner)
    return Team(replace(shell, keys=True), origin, versions, said)


def test_another_split_is_another_version(team: Team) -> None:
    assert re.findall(r"Running stage '(.+)'", team.said["v2"]) == ["preprocess@notmnist"]
    assert team.versions["v1"]["test.npz"] != team.versions["v2"]["test.npz"]


def test_a_new_version_uploads_only_what_changed(team: Team) -> None:
    pushed = re.search(r"(\d+) files? pushed", team.said["v2"])
    assert pushed is not None
    assert int(pushed[1]) == len(team.versions["v2"]) + 1  # and their list; no raw archive


def test_git_knows_where_the_remote_is_and_no_key(team: Team) -> None:
    config = configparser.ConfigParser()
    config.read_string(team.shell.run(team.origin, "git show main:.dvc/config"))
    assert dict(config["'remote \"team\"'"]) == {"url": team.shell.places[page.BUCKET]}
    history = team.shell.run(team.origin, "git log --all --patch")
    secret = [team.shell.places[name] for name in (page.KEY, page.SECRET)]
    assert not any(value in history for value in secret)


def test_a_fresh_clone_pulls_everything_and_runs_nothing(team: Team, tmp_path: Path) -> None:
    said = team.shell.recipe(tmp_path, "All of it, in a fresh clone")
    assert "Running stage" not in said
    assert "Data and pipelines are up to date." in said
    assert contents(tmp_path / "inkbench" / DATASET) == team.versions["v2"]
    assert (tmp_path / "inkbench/data/raw/notmnist/provenance.json").exists()
    assert team.shell.run(tmp_path / "inkbench", "git status --short") == ""


def test_versions_are_compared_and_one_dataset_is_pulled_alone(team: Team, tmp_path: Path) -> None:
    clone = team.clone(tmp_path)
    said = team.shell.recipe(clone, "What differs between two versions")  # without any data
    assert set(re.findall(rf"{DATASET}/(\S+)", said)) == set(team.versions["v2"])
    team.shell.recipe(clone, "One dataset, in a clone")
    assert contents(clone / DATASET) == team.versions["v2"]
    assert not (clone / "data/raw/notmnist").exists()


def test_get_takes_the_version_that_is_asked_for(team: Team, tmp_path: Path) -> None:
    team.shell.recipe(tmp_path, "One dataset, anywhere")
    assert contents(tmp_path / "notmnist") == team.versions["v1"]


def test_get_without_a_revision_takes_the_newest(team: Team, tmp_path: Path) -> None:
    team.shell.run(tmp_path, f"dvc get {page.GIT} {DATASET}")
    assert contents(tmp_path / "notmnist") == team.versions["v2"]


def test_an_import_stays_at_its_tag_until_it_is_moved(team: Team, tmp_path: Path) -> None:
    second = team.importer(tmp_path)
    assert contents(second / "notmnist") == team.versions["v1"]
    team.shell.run(tmp_path, "git clone second third\ncd third\ndvc pull")  # whoever clones it
    assert contents(tmp_path / "third/notmnist") == team.versions["v1"]
    team.shell.run(second, "dvc update notmnist.dvc")
    assert contents(second / "notmnist") == team.versions["v1"]
    team.shell.recipe(second, "Move the pin")
    assert contents(second / "notmnist") == team.versions["v2"]
    recorded = yaml.safe_load((second / "notmnist.dvc").read_text())["deps"][0]
    commit = team.shell.run(team.origin, "git rev-parse v2^{commit}").strip()
    assert (recorded["repo"]["rev"], recorded["repo"]["rev_lock"]) == ("v2", commit)


def test_python_reads_a_tagged_version(team: Team, tmp_path: Path) -> None:
    assert team.shell.recipe(tmp_path, "From Python") == "real 280 uint8\n"


# What dvc.yaml and the pages say ------------------------------------------------------------------


def artifacts() -> dict[str, dict]:
    return yaml.safe_load((page.ROOT / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]


def test_every_dataset_is_an_artifact_and_a_model_of_every_task() -> None:
    known = params.load(page.ROOT / layout.PARAMS)
    named = {kind: {n for n, a in artifacts().items() if a["type"] == kind} for kind in KINDS}
    assert named["dataset"] == set(known.data)
    tasks = {known.variant(name).task for name in named["model"]}
    assert tasks == {"reconstruction", "classification", "restoration"}


def test_artifacts_are_outputs_of_the_pipeline() -> None:
    for name, artifact in artifacts().items():
        assert artifact["path"] == str(KINDS[artifact["type"]](name))


def test_artifacts_say_what_they_are_under_a_name_that_dvc_takes() -> None:
    for name, artifact in artifacts().items():
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
        assert set(artifact) == {"type", "path", "desc", "labels"}


def test_every_command_of_the_page_is_run_by_a_test() -> None:
    assert page.PAGE.read_text("utf-8").count("```") == 2 * len(page.recipes())
    tests = [Path(__file__), Path(page.__file__), Path(__file__).with_name("test_pipeline.py")]
    source = "".join(path.read_text("utf-8") for path in tests)
    assert [title for title in page.recipes() if f'"{title}"' not in source] == []


def test_the_readme_has_only_commands_of_the_page() -> None:
    readme = (page.ROOT / "README.md").read_text("utf-8")
    section = re.search(r"^## Share data and models\n.*?^```sh\n(.*?)^```", readme, re.M | re.S)
    assert section is not None
    said = [line.split("  #")[0].rstrip() for line in section[1].splitlines()]
    assert set(said) <= set("".join(page.recipes().values()).splitlines()) | {
        "make setup && . .venv/bin/activate"
    }
