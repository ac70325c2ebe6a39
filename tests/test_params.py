"""A bad params.yaml is refused in one line: key, value and what is allowed."""

import copy
import dataclasses
import subprocess
import sys

import pytest
import yaml

from inkbench import datasets, params
from inkbench.errors import InkbenchError


@pytest.fixture
def tree(root):
    return yaml.safe_load((root / "params.yaml").read_text())


def _set(tree: dict, key: str, value: object) -> dict:
    tree = copy.deepcopy(tree)
    *parents, last = key.split("/")
    block = tree
    for part in parents:
        block = block[part]
    block[last] = value
    return tree


def _load(tmp_path, tree):
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(tree))
    return params.load(file)


def test_load_accepts_the_committed_file(root):
    loaded = params.load(root / "params.yaml")
    assert loaded.train
    assert set(loaded.data) <= set(datasets.names())


def test_load_refuses_an_unknown_published_result(tmp_path, tree):
    tree["published"]["flat-earth"] = tree["published"]["notmnist-basic"]
    with pytest.raises(InkbenchError, match=r"published\.flat-earth: .*allowed: .*mnist-logits"):
        _load(tmp_path, tree)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train/mnist-vae/epochs", -1, r"train\.mnist-vae\.epochs: -1: .*equal to 1"),
        ("train/mnist-vae/loss", "hinge", r"loss: 'hinge': .*'bce', 'mse'"),
        ("train/mnist-vae/dataset", "fashion", r"dataset: 'fashion' .*documents, mnist"),
        ("train/mnist-vae/family", "gan", r"family: 'gan': no such family; allowed: .*unet, vae"),
        ("train/mnist-vae", {"learnig_rate": 1}, r"learnig_rate: 1: unknown key; .*learning_rate"),
        ("train/mnist-vae/momentum", 1, r"momentum: 1: unknown key; allowed: .*learning_rate"),
        ("train/mnist-vae/model/depth", 3, r"mnist-vae\.model: unknown option 'depth'; .*code"),
        ("train/mnist-vae/model/code", "x", r"train\.mnist-vae\.model\.code: 'x': .*integer"),
        ("train/mnist-vae/model", {}, r"train\.mnist-vae\.model\.code: .*required"),
        ("train/documents-unet/model/levels", 6, r"model\.levels: 6: .*equal to 5"),
        ("train/mnist-vae/task", "restoration", r"train\.mnist-vae: restoration and"),
        ("train/Mnist_VAE", {}, r"train\.Mnist_VAE"),
        ("published/notmnist-basic/dataset", "documents", r"dataset: 'documents' .*: notmnist"),
        ("train/mnist-vae/loss", "bce", r"'bce' does not fit family 'vae'; use 'bernoulli_nats'"),
        ("published/notmnist-80-images/family", "conv_autoencoder", r"family: .*allowed: cnn"),
        ("published/notmnist-basic/schedule", "cosine", r"unknown key; allowed: .*train_limit"),
        ("data/mnist/subset", "large", r"data\.mnist\.subset: 'large' .*allowed: all"),
        ("data/mnist/test", 0.2, r"data\.mnist\.test: 0\.2 .*official"),
        ("submission", ["gone"], r"submission: 'gone' is not known; allowed: .*, documents-unet,"),
        ("submission", ["mnist-vae"], r"submission: 'mnist-vae' is not known; allowed: documents-"),
        ("submission", ["documents-unet", "documents-conv-ae"], r"submission: .*at most 1 item"),
        ("data/cifar", {}, r"data\.cifar"),
        ("synthetic/epochs", 0, r"synthetic\.epochs: 0: .*equal to 1"),
        ("extra", 1, r"extra: 1: unknown key; allowed: data, train"),
    ],
)
def test_load_names_a_bad_value(tmp_path, tree, key, value, message):
    with pytest.raises(InkbenchError, match=message) as caught:
        _load(tmp_path, _set(tree, key, value))
    assert "\n" not in str(caught.value)


def test_as_trained_lowers_what_exceeds_the_limits_on_synthetic_data_only(tmp_path, tree):
    tree["synthetic"] = {"epochs": 2, "train_limit": 500, "scans": 3}
    tree["train"]["mnist-vae"]["epochs"] = 1
    tree["published"]["notmnist-basic"]["train_limit"] = 400
    known = _load(tmp_path, tree)

    vae, stacked = known.variant("mnist-vae"), known.variant("notmnist-stacked-logreg")
    scans, claim = known.variant("documents-scans"), known.claim("notmnist-basic")
    for block in (vae, stacked, scans, claim):
        assert known.as_trained(block, "real") == block

    assert known.as_trained(vae, "synthetic") == vae.model_copy(update={"train_limit": 500})
    short = known.as_trained(stacked, "synthetic")
    assert (short.pretrain_epochs, short.epochs, short.train_limit) == (2, 2, 500)
    drawn = known.as_trained(scans, "synthetic").drawn
    assert (drawn.scans, drawn.per_scan) == (3, scans.drawn.per_scan)
    assert known.as_trained(claim, "synthetic") == claim.model_copy(update={"epochs": 2})


def test_as_trained_limits_nothing_without_limits(tmp_path, tree):
    del tree["synthetic"]
    known = _load(tmp_path, tree)
    block = known.variant("documents-scans")
    assert known.as_trained(block, "synthetic") == block


@pytest.mark.parametrize("block", ["train/mnist-vae", "published/mnist-logits"])
def test_load_refuses_a_block_without_the_options_that_its_family_needs(tmp_path, tree, block):
    kind, name = block.split("/")
    del tree[kind][name]["model"]
    with pytest.raises(InkbenchError, match=rf"{kind}\.{name}\.model\.code: .*required"):
        _load(tmp_path, tree)


def test_load_leaves_out_a_model_block_that_is_not_there(tmp_path, tree):
    """What DVC and MLflow record of a variant does not grow by defaults."""
    variant = _load(tmp_path, tree).variant("notmnist-conv-ae")
    assert variant.model == {}
    assert "model" not in variant.model_dump(exclude_unset=True)


@pytest.mark.parametrize(
    ("name", "family", "options", "allowed"),
    [
        ("notmnist-cnn", "conv_autoencoder", {}, "reconstruction"),
        ("notmnist-cnn", "dense_autoencoder", {"hidden": [8], "code": 4}, "reconstruction"),
        ("notmnist-conv-ae", "cnn", {}, "classification"),
        ("documents-conv-ae", "conv_autoencoder", {}, "reconstruction"),
        ("documents-scans", "unet", {"width": 24}, "restoration"),
        ("documents-unet", "scan_unet", {"first": 8, "width": 8}, "cleaning"),
    ],
)
def test_load_refuses_a_family_that_does_not_fit_the_task(
    tmp_path, tree, name, family, options, allowed
):
    tree["train"][name] |= {"family": family, "model": options}
    with pytest.raises(InkbenchError, match=rf"does not fit family '{family}'; allowed: {allowed}"):
        _load(tmp_path, tree)


def test_load_refuses_a_dataset_whose_module_has_another_name(tmp_path, tree, monkeypatch):
    """Its data would overwrite that of the other dataset."""
    specs = {name: datasets.spec(name) for name in datasets.names()}
    specs["mnist"] = dataclasses.replace(specs["mnist"], name="notmnist")
    monkeypatch.setattr(datasets, "spec", specs.get)
    with pytest.raises(InkbenchError, match=r"data\.mnist: SPEC\.name: 'notmnist' .*: mnist"):
        _load(tmp_path, tree)


def test_load_names_a_missing_or_malformed_file(tmp_path):
    with pytest.raises(InkbenchError, match=r"missing\.yaml not found; run from the repository"):
        params.load(tmp_path / "missing.yaml")
    broken = tmp_path / "params.yaml"
    broken.write_text("train: [unclosed")
    with pytest.raises(InkbenchError, match="is not valid YAML"):
        params.load(broken)


def test_stage_refuses_a_bad_value_before_importing_tensorflow(tmp_path, tree, root):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(_set(tree, "train/mnist-vae/epochs", -1)))
    script = (
        "import runpy, sys\n"
        f"sys.argv = ['train.py', 'mnist-vae']\n"
        "try:\n"
        f"    runpy.run_path({str(root / 'stages' / 'train.py')!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    print(stop.code, 'tensorflow' in sys.modules, 'mlflow' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["2", "False", "False"]
    (line,) = ran.stderr.splitlines()
    assert "params.yaml: train.mnist-vae.epochs: -1" in line


def test_dvc_changes_nothing_in_the_file_but_the_value(tmp_path, root, monkeypatch):
    """`dvc exp run --set-param` and `dvc exp apply`, back and forth twice, on the real file."""
    from dvc.repo import Repo

    before = (root / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(before)
    stage = {"cmd": "touch out", "params": ["train.mnist-vae.epochs"], "outs": ["out"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    Repo.init().close()
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    file, old = tmp_path / "params.yaml", "epochs: 3\n"
    assert before.count(old) == 1
    with Repo() as repo:
        for value in (4, 3):
            setting = f"train.mnist-vae.epochs={value}"
            repo.experiments.run(params=[setting], tmp_dir=False, name=f"with-{value}")
            assert file.read_text() == before.replace(old, f"epochs: {value}\n")
        for value in (4, 3):
            repo.experiments.apply(f"with-{value}")
            assert file.read_text() == before.replace(old, f"epochs: {value}\n")
