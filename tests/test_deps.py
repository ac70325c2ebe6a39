"""DVC sees every change of code that can change a stage's outputs."""

import ast
import functools
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

import sharing_page
from helpers import ROOT
from inkbench import datasets

PACKAGE = "src/inkbench"

# Code that stages reach by import and that cannot change their outputs.
NOT_A_DEP = {
    "layout": "paths only; dvc.yaml names the outputs",
    "errors": "messages and exit codes",
    "disk": "replaces files atomically; the bytes are the caller's",
    "tracking": "reports to MLflow, writes no output",
    "datasets/__init__": "imports dataset modules by name; those are deps",
    "models/__init__": "imports model families by name; those are deps",
    "published/__init__": "imports published results by name; those are deps",
}


@functools.cache
def imported_files(file: Path, in_functions: bool = True) -> frozenset[Path]:
    """Files of ours that a file imports, but not those that it imports for types only."""
    files = set()
    nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef) and not in_functions:
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                path = ROOT / "src" / "/".join(parts[:length])
                files |= {path.with_suffix(".py"), path / "__init__.py"}
    return frozenset(path for path in files if path.is_file())


def reached(*starts: Path) -> set[str]:
    """Files that scripts reach by import, directly or not, relative to the root."""
    seen: set[Path] = set()
    todo = [*starts]
    while todo:
        file = todo.pop()
        if file not in seen and not is_left_out(file.relative_to(ROOT).as_posix()):
            seen.add(file)
            todo += imported_files(file)
    return {file.relative_to(ROOT).as_posix() for file in seen}


@functools.cache
def is_left_out(file: str) -> bool:
    """Whether a file is in NOT_A_DEP or holds nothing but a docstring."""
    named = any(
        file == f"{PACKAGE}/{name}.py" or file.startswith(f"{PACKAGE}/{name}/")
        for name in NOT_A_DEP
    )
    return named or len(ast.parse((ROOT / file).read_text(encoding="utf-8")).body) < 2


def loaded_by_name(stage: str, deps: Iterable[str]) -> list[Path]:
    """Modules that a stage imports by a name from params.yaml, which no import statement shows."""
    kind, _, key = stage.partition("@")
    names = {
        "preprocess": [f"datasets/{key}"],
        "published": [f"published/{key.replace('-', '_')}"],
    }.get(kind, [])
    families = [dep for dep in deps if dep.startswith(f"{PACKAGE}/models/") and dep.endswith(".py")]
    return [*(ROOT / PACKAGE / f"{name}.py" for name in names), *(ROOT / dep for dep in families)]


@functools.cache
def blocks() -> dict[str, dict]:
    """Blocks of the variants in params.yaml."""
    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"]


def needed(stage: str, deps: Iterable[str]) -> set[str]:
    """Files whose changes can change a stage's outputs."""
    kind, _, key = stage.partition("@")
    files = reached(ROOT / f"stages/{kind}.py", *loaded_by_name(stage, deps))
    if any(reads_spec(file) for file in files):  # and calls no function of the dataset's module
        variants = blocks()
        dataset = variants[key]["dataset"] if key in variants else key
        for name in [dataset] if dataset else datasets.names():
            module = ROOT / PACKAGE / f"datasets/{name}.py"
            files |= reached(*imported_files(module, in_functions=False))
            files.add(module.relative_to(ROOT).as_posix())
    return files


@functools.cache
def reads_spec(file: str) -> bool:
    """Whether a file looks up a dataset's SPEC by name, other than to validate params.yaml."""
    calls = ("datasets.spec(", "datasets.title(")
    text = (ROOT / file).read_text(encoding="utf-8")
    return file != f"{PACKAGE}/params.py" and any(call in text for call in calls)


def missing_deps(stage: str, deps: Iterable[str]) -> list[str]:
    """Files that a stage needs and that are not among its deps."""
    files = needed(stage, deps)
    return sorted(
        file for file in files if not any(f"{file}/".startswith(f"{dep}/") for dep in deps)
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the repository's files as they are now."""
    folder = tmp_path_factory.mktemp("tree")
    sharing_page.copy(folder)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def deps(tree: Path) -> dict[str, dict[str, str]]:
    """The deps of the unchanged tree."""
    return code_deps(tree)


def code_deps(tree: Path) -> dict[str, dict[str, str]]:
    """Stage → code it depends on → hash, as DVC sees them."""
    from dvc.repo import Repo

    with Repo(str(tree)) as repo:
        return {
            stage.name: {
                dep.def_path: dep.get_hash().value
                for dep in stage.deps
                if dep.def_path.startswith(("src/", "stages/"))
            }
            for stage in repo.index.stages
        }


def test_every_stage_depends_on_all_code_that_it_reaches(deps):
    holes = {stage: missing_deps(stage, paths) for stage, paths in deps.items()}
    holes = {stage: files for stage, files in holes.items() if files}
    assert holes == {}, "add them to dvc.yaml, or to NOT_A_DEP with a reason"


def test_no_stage_depends_on_code_that_it_does_not_reach(deps):
    unused = {}
    for stage, paths in deps.items():
        files = needed(stage, paths)
        unused[stage] = [
            dep for dep in paths if not any(f"{file}/".startswith(f"{dep}/") for file in files)
        ]
    assert {stage: paths for stage, paths in unused.items() if paths} == {}


def test_missing_deps_names_a_file_that_no_dep_covers(deps):
    others = [dep for dep in deps["train@mnist-vae"] if not dep.endswith("models/common")]
    missing = missing_deps("train@mnist-vae", others)
    assert f"{PACKAGE}/models/common/layers.py" in missing


@pytest.mark.parametrize(
    ("file", "old", "new", "kinds"),
    [
        (
            "models/common/layers.py",
            "ops.clip(outputs, 0, 1)",
            "ops.clip(outputs, 0, 2)",
            {"train", "evaluate", "submission", "published"},
        ),
        (
            "datasets/common/store.py",
            "key=lambda page: (len(page.name), page.name)",
            "key=lambda page: page.name",
            {"train", "evaluate", "submission"},
        ),
        (
            "training/runtime.py",
            "THREADS = 2",
            "THREADS = 3",
            {"train", "evaluate", "submission", "published"},
        ),
    ],
    ids=["inference of a layer", "order of pages", "threads"],
)
def test_edit_makes_all_stages_stale_whose_outputs_it_can_change(tree, deps, file, old, new, kinds):
    path = tree / PACKAGE / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        after = code_deps(tree)
    finally:
        path.write_text(text, encoding="utf-8")
    stale = {stage for stage in deps if deps[stage] != after[stage]}
    assert stale >= {stage for stage in deps if stage.partition("@")[0] in kinds}
