"""Run the commands of docs/sharing.md with an S3 server.

The fixture publishes two versions of a small synthetic notMNIST dataset, then deletes the owner's
repository: clones and imports can only use git and the remote.
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
    """Two published versions, and another user's shell to fetch them."""

    shell: Shell
    origin: Path  # bare git repository
    versions: dict[str, dict[str, bytes]]  # contents of the processed dataset, by tag
    output: dict[str, str]  # of the publishing commands, by tag


def _reduce(folder: Path) -> None:
    """Reduce the pipeline to the data stages of notMNIST."""
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    stages = {name: pipeline["stages"][name] for name in ("download", "preprocess")}
    pipeline = {"stages": stages, "artifacts": pipeline["artifacts"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    data = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["data"]
    letters = data["notmnist"] | {"source": "official", "subset": "large"}
    reduced = {"data": {"notmnist": letters}, "train": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(reduced))


def _set_seed(folder: Path, seed: int) -> None:
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text())
    values["data"]["notmnist"]["seed"] = seed
    path.write_text(yaml.safe_dump(values))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The owner's repository before it is shared; read-only."""
    folder = tmp_path_factory.mktemp("pipeline") / "inkbench"
    page.copy(folder, "src", "stages", "*.yaml", ".dvc", ".dvcignore", ".gitignore")
    _reduce(folder)
    mirror = tmp_path_factory.mktemp("mirror")
    (mirror / "notmnist").mkdir()
    packed = made.tar_gz(made.letter_files(40, "notMNIST_large"))  # has no pinned checksum
    (mirror / "notmnist/notMNIST_large.tar.gz").write_bytes(packed)
    shell = Shell(tmp_path_factory.mktemp("home"), {})
    shell.run(folder, f"git init --initial-branch main\nINKBENCH_MIRROR={mirror} dvc repro")
    return folder


@pytest.fixture(scope="module")
def team(pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Publish two versions to git and an S3 remote."""
    home = tmp_path_factory.mktemp("home")
    with s3_server.serving(home / "s3.log", "letters") as endpoint:
        values = {
            page.GIT: str(home / "inkbench.git"),
            page.BUCKET: "s3://letters/inkbench",
            page.ENDPOINT: endpoint,
            page.KEY: token_hex(8),
            page.SECRET: token_hex(16),
        }
        shell, origin, owner = Shell(home, values), home / "inkbench.git", home / "owner"
        shutil.copytree(pipeline, owner)
        shell.run(home, f"git init --bare --initial-branch main {origin}")
        shell.run(owner, f"git remote add origin {origin}")
        shell.recipe(owner, "An S3-compatible store")
        shell.recipe(owner, "Keys for one clone")
        output, versions = {}, {}
        titles = {"v1": "Publish a version", "v2": "Publish another split"}
        for seed, (tag, title) in enumerate(titles.items()):
            _set_seed(owner, seed)
            output[tag] = shell.recipe(owner, title)
            versions[tag] = contents(owner / DATASET)
        shutil.rmtree(owner)
        yield Team(replace(shell, keys=True), origin, versions, output)


def test_new_seed_reruns_preprocess_and_uploads_only_changed_files(team):
    assert re.findall(r"Running stage '(.+)'", team.output["v2"]) == ["preprocess@notmnist"]
    assert team.versions["v1"]["test.npz"] != team.versions["v2"]["test.npz"]
    pushed = re.search(r"(\d+) files? pushed", team.output["v2"])
    assert pushed is not None
    # The folder listing is one more file; the raw archive is not uploaded again.
    assert int(pushed[1]) == len(team.versions["v2"]) + 1


def test_git_stores_the_remote_without_keys(team):
    config = configparser.ConfigParser()
    config.read_string(team.shell.run(team.origin, "git show main:.dvc/config"))
    assert dict(config["'remote \"team\"'"]) == {"url": team.shell.values[page.BUCKET]}
    history = team.shell.run(team.origin, "git log --all --patch")
    keys = [team.shell.values[name] for name in (page.KEY, page.SECRET)]
    assert not any(value in history for value in keys)


def test_diff_needs_no_data_and_pull_fetches_one_dataset(team, tmp_path):
    team.shell.run(tmp_path, f"git clone {page.GIT}")
    clone = tmp_path / "inkbench"
    output = team.shell.recipe(clone, "Compare two versions")
    assert set(re.findall(rf"{DATASET}/(\S+)", output)) == set(team.versions["v2"])
    team.shell.recipe(clone, "One dataset, in a clone")
    assert contents(clone / DATASET) == team.versions["v2"]
    assert not (clone / "data/raw/notmnist").exists()


def test_get_fetches_the_given_revision_or_the_latest(team, tmp_path):
    team.shell.recipe(tmp_path, "One dataset, without a clone")
    assert contents(tmp_path / "notmnist") == team.versions["v1"]
    team.shell.run(tmp_path, f"dvc get {page.GIT} {DATASET} --out latest")
    assert contents(tmp_path / "latest") == team.versions["v2"]


def test_import_keeps_its_tag_until_updated_with_a_revision(team, tmp_path):
    second = tmp_path / "second"
    team.shell.run(tmp_path, "git init --initial-branch main second\ncd second\ndvc init")
    team.shell.recipe(second, "Import into another DVC repository")
    assert contents(second / "notmnist") == team.versions["v1"]
    team.shell.run(tmp_path, "git clone second third\ncd third\ndvc pull")
    assert contents(tmp_path / "third/notmnist") == team.versions["v1"]
    team.shell.run(second, "dvc update notmnist.dvc")
    assert contents(second / "notmnist") == team.versions["v1"]
    team.shell.recipe(second, "Update an import")
    assert contents(second / "notmnist") == team.versions["v2"]
    recorded = yaml.safe_load((second / "notmnist.dvc").read_text())["deps"][0]
    commit = team.shell.run(team.origin, "git rev-parse v2^{commit}").strip()
    assert (recorded["repo"]["rev"], recorded["repo"]["rev_lock"]) == ("v2", commit)


def test_python_api_reads_a_tagged_version(team, tmp_path):
    assert team.shell.recipe(tmp_path, "From Python") == "real 280 uint8\n"


def test_artifacts_describe_every_dataset_and_a_model_per_task():
    artifacts = yaml.safe_load((page.ROOT / "dvc.yaml").read_text("utf-8"))["artifacts"]
    known = params.load(page.ROOT / layout.PARAMS)
    names = {kind: {n for n, a in artifacts.items() if a["type"] == kind} for kind in KINDS}
    assert names["dataset"] == set(known.data)
    tasks = {known.variant(name).task for name in names["model"]}
    assert tasks == {"reconstruction", "classification", "restoration", "cleaning"}
    for name, artifact in artifacts.items():
        assert artifact["path"] == str(KINDS[artifact["type"]](name))
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)  # DVC accepts no other names
        assert artifact["desc"]


def test_every_block_of_the_page_is_run_by_a_test():
    assert page.PAGE.read_text("utf-8").count("```") == 2 * len(page.recipes())
    tests = [Path(__file__), Path(page.__file__), Path(__file__).with_name("test_pipeline.py")]
    source = "".join(path.read_text("utf-8") for path in tests)
    assert [title for title in page.recipes() if f'"{title}"' not in source] == []


def test_readme_commands_are_on_the_page():
    readme = (page.ROOT / "README.md").read_text("utf-8")
    section = re.search(r"^## Share data and models\n.*?^```sh\n(.*?)^```", readme, re.M | re.S)
    assert section is not None
    commands = [line.split("  #")[0].rstrip() for line in section[1].splitlines()]
    assert set(commands) <= set("".join(page.recipes().values()).splitlines()) | {
        "make setup && . .venv/bin/activate"
    }
