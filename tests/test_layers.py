"""Imports point down only, and heavy packages are imported late."""

import ast
from collections.abc import Iterator

import pytest

from helpers import ROOT, loaded

# From the ground up; a module may import from lower floors only, not from its own. A longer name
# beats a shorter one: `training.runtime` is below the rest of `training`.
FLOORS = (
    {"data_source", "datasets.specs", "errors", "layout", "training.runtime"},
    {"bundle", "datasets", "disk"},
    {"records", "state"},
    {"figures", "models", "published", "tracking"},
    {"pipeline"},
    {"cluster", "params"},
    {"datasets.*"},
    {"grade", "restore"},
    {"prediction"},
    {"evaluation"},
    {"training"},
    {"chosen", "published.*", "reporting", "serving", "submission"},
    {"denoise", "sweeps"},
    {"classify"},
    {"cli", "stages"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

SCRIPTS = {f"stages.{path.stem}": path for path in (ROOT / "stages").glob("*.py")}
MODULES = SCRIPTS | {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "src").rglob("*.py")
}

HEAVY = {
    *("PIL", "keras", "matplotlib", "mlflow", "numpy", "pandas"),
    *("pooch", "ray", "s3fs", "scipy", "skimage", "sklearn", "tensorflow"),
}


def room(module: str) -> str:
    name = module.removeprefix("inkbench.")
    first, *rest = name.split(".")
    if name in FLOOR:
        return name
    return f"{first}.*" if rest and f"{first}.*" in FLOOR else first


def imported(code: str) -> Iterator[str]:
    """Modules of ours that code imports, also inside functions and for types only."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: relative import"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in inside]
        else:
            continue
        yield from (name for name in names if name.startswith("inkbench."))


def not_down(module: str, code: str) -> list[str]:
    importer = room(module)
    return [
        f"{module} imports {other}"
        for other in imported(code)
        if room(other) != importer and FLOOR[room(other)] >= FLOOR[importer]
    ]


def test_every_module_has_a_floor():
    rooms = {room(module) for module in MODULES if module != "inkbench"}
    assert rooms == set(FLOOR)


def test_imports_point_down_only():
    assert [bad for name, file in MODULES.items() for bad in not_down(name, file.read_text())] == []


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("inkbench.datasets.common.store", "from inkbench import training"),
        ("inkbench.evaluation.suite", "def f():\n    from inkbench.training import train"),
        ("inkbench.params", "if TYPE_CHECKING:\n    from inkbench.published import letters"),
        ("inkbench.figures.code", "import inkbench.datasets.common.store"),
    ],
)
def test_not_down_names_an_import_that_points_up_or_sideways(module, code):
    (line,) = not_down(module, code)
    assert line.startswith(f"{module} imports inkbench.")


READ = f"import pathlib, inkbench.params as p; p.load(pathlib.Path({str(ROOT)!r}, 'params.yaml'))"


@pytest.mark.parametrize(
    ("code", "not_imported"),
    [
        (READ, HEAVY),
        ("import inkbench.cli; inkbench.cli._parser()", HEAVY | {"yaml"}),
        ("import inkbench.tracking", HEAVY | {"yaml", "dvc", "pydantic"}),
        ("import inkbench.datasets.synthetic", {"scipy", "sklearn", "PIL"}),
        (
            "import inkbench.evaluation.suite, inkbench.prediction",
            {"tensorflow", "keras", "sklearn", "skimage"},
        ),
    ],
)
def test_import_does_not_load_heavy_packages(code, not_imported):
    assert loaded(code) & not_imported == set()


HELP = f"""
import contextlib, runpy
sys.argv[1:] = ["--help"]
for script in {[str(path) for path in SCRIPTS.values()]}:
    with contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
"""


def test_stage_help_loads_no_heavy_package():
    assert loaded(HELP) & HEAVY == set()
