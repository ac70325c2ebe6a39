"""The command `inkbench`.

Each subcommand is a function and a block in `_parser`. Functions import heavy packages themselves.
"""

import argparse
import contextlib
import getpass
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from inkbench.errors import (
    InkbenchError,
    ending_on_sigterm,
    escape_unencodable,
    one_line_errors,
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, by default with the arguments of the process."""
    escape_unencodable()
    _name_user()
    options = _parser().parse_args(arguments)
    with ending_on_sigterm(), one_line_errors(options.debug):
        options.run(options)


def _name_user() -> None:
    """Name the user by number if the system does not: DVC asks, and a container may not know."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13
        os.environ["LOGNAME"] = str(os.getuid())


def ui(options: argparse.Namespace) -> None:
    """Open MLflow's UI on the local store, on loopback only."""
    from inkbench.tracking import store

    _go_to_root()
    file = store.sqlite_file()
    if file is None:
        raise InkbenchError(
            f"MLFLOW_TRACKING_URI: {store.public(store.uri())} is not a local SQLite store; open "
            "that server's own UI, or unset the variable"
        )
    try:
        socket.create_server(("127.0.0.1", options.port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InkbenchError(f"--port {options.port}: {reason}; choose another") from None
    store.set_environment()
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # unused
    page = runs_page(store.Store.open(create=False).experiment_id)
    print(f"MLflow UI: http://127.0.0.1:{options.port}/{page}  (Ctrl-C stops it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(options.port), "--workers", "1"]
    command += ["--backend-store-uri", store.uri()]
    command += ["--artifacts-destination", str(store.artifact_folder())]
    os.execv(sys.executable, command)


def runs_page(experiment: str) -> str:
    """Address of an experiment's runs in MLflow's UI, or of all experiments if it is empty.

    A browser that never saw the UI would start in its GenAI mode, where the runs are hidden.
    """
    place = f"/{experiment}/runs" if experiment else ""
    return f"#/experiments{place}?workflowType=machine_learning"


def repro(options: argparse.Namespace) -> None:
    """Rebuild what is stale, many stages at a time."""
    from inkbench.cluster import command
    from inkbench.cluster.head import Options

    _go_to_root()
    if Path("src/inkbench/params.py").is_file():  # DVC would name a missing file instead
        from inkbench import params

        params.load()
    address = options.address or os.environ.get("RAY_ADDRESS", "")
    how = Options(options.jobs, address, options.retries, options.allow_mixed)
    if not command.repro(options.targets, how, options.dry_run):
        sys.exit(1)


def sync(options: argparse.Namespace) -> None:
    """Upload runs that the MLflow store lacks."""
    from inkbench.tracking import sync

    _go_to_root()
    sync.sync(options.rev, dry_run=options.dry_run)


def rollback(options: argparse.Namespace) -> None:
    """Make an earlier version the champion again."""
    from inkbench.tracking import registry
    from inkbench.tracking.store import Store, public, set_environment, uri

    _go_to_root()
    set_environment()  # before MLflow is imported
    from mlflow.exceptions import MlflowException

    try:
        store = Store.open(create=False)
        if store.client is None:
            raise InkbenchError(f"{public(uri())}: no store yet; `dvc repro` creates it")
        print(registry.roll_back(store, options.model, options.to))
    except MlflowException as error:
        raise InkbenchError(public(error)) from None


def readme(options: argparse.Namespace) -> None:
    """Update the result tables of README.md and docs/results.md, and the figure if requested."""
    from inkbench.reporting import picture, readme

    _go_to_root()
    readme.update(check=options.check)
    if options.picture and not options.check:
        picture.write()


def sweep(options: argparse.Namespace) -> None:
    """Train variants with other settings and seeds."""
    _go_to_root()
    from inkbench.sweeps import plan, running

    address = options.address or os.environ.get("RAY_ADDRESS", "")
    if not running.run(plan.read(options), options.jobs, address):
        sys.exit(1)


def promote(options: argparse.Namespace) -> None:
    """Write the best settings of a sweep into params.yaml."""
    _go_to_root()
    from inkbench.sweeps import running

    print(running.promote(options.sweep) or "params.yaml already has these values\n", end="")


def denoise(options: argparse.Namespace) -> None:
    """Clean scanned pages."""
    from inkbench.denoise import command

    if not command.run(options):
        sys.exit(1)


def classify(options: argparse.Namespace) -> None:
    """Classify letters or digits."""
    from inkbench import classify

    dataset = "mnist" if options.digits else "notmnist"
    settings = classify.Settings(dataset, options.sheet, options.ink)
    if not classify.run(options.inputs, options.model, settings):
        sys.exit(1)


def submission(options: argparse.Namespace) -> None:
    """Write a Kaggle submission, or one for the test pages of a variant's split."""
    from inkbench import disk, submission
    from inkbench.training import runtime

    out = options.out.resolve()
    _go_to_root()
    name, variant = submission.restorer(options.variant)
    runtime.set_up("float32", seed=0)  # as stages/submission.py, for the same bytes
    with disk.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if options.rehearse:
            message = submission.rehearse(name, variant.split, out)
        else:
            message = submission.summary(submission.make(name, out), options.out)
    print(message)


def grade(options: argparse.Namespace) -> None:
    """Score a submission."""
    from inkbench import grade

    score = grade.grade(options.submission, options.answers)
    print(f"RMSE {score:.5f} ({grade.medal(score)})")


def _go_to_root() -> None:
    """Change to the repository's root, to which all paths are relative."""
    current = Path.cwd()
    root = next((f for f in (current, *current.parents) if (f / "dvc.yaml").is_file()), None)
    if root is None:
        raise InkbenchError(
            f"{current}: no dvc.yaml here or in a parent folder; run this inside the repository"
        )
    os.chdir(root)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inkbench",
        description="Run the pipeline and sweeps, use the trained models, and browse their runs.",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}."
        command = commands.add_parser(run.__name__, help=text, description=description)
        command.set_defaults(run=run)
        return command

    def add_images(command: argparse.ArgumentParser) -> None:
        text = "a .keras file (default: the registered champion, else the pipeline's best model)"
        command.add_argument("--model", type=Path, metavar="FILE", help=text)
        text = "file, folder or glob pattern"
        command.add_argument("inputs", nargs="+", metavar="INPUT", help=text)

    command = add(ui, "open MLflow's UI on the local store (loopback only)")
    command.add_argument("--port", type=_port, default=5000, help="default: 5000")

    command = add(
        repro, "rebuild what is stale, as `dvc repro` does, on all cores or a Ray cluster"
    )
    command.add_argument("targets", nargs="*", metavar="TARGET", help="as for `dvc repro`")
    text = "chains of stages that run at a time (default: by cores and free memory)"
    command.add_argument("--jobs", type=_count, default=0, metavar="N", help=text)
    text = "Ray cluster to use (default: $RAY_ADDRESS, else this machine)"
    command.add_argument("--address", metavar="HOST:PORT", help=text)
    text = "how often a chain that lost its worker runs again (default: 3)"
    command.add_argument("--retries", type=_retries, default=3, metavar="N", help=text)
    command.add_argument("--dry-run", action="store_true", help="only say what runs, and how long")
    text = "also use workers with another CPU, Python or package, and label their results"
    command.add_argument("--allow-mixed", action="store_true", help=text)

    command = add(
        sync, "upload every run that MLflow lacks: pending, linked or backfilled from DVC"
    )
    command.add_argument("--rev", metavar="REVISION", help="a git revision or a DVC experiment")
    command.add_argument("--dry-run", action="store_true", help="only print what would be uploaded")

    command = add(rollback, "move the alias `champion` of a registered model to an earlier version")
    command.add_argument("model", help="registered model, for example documents-restorer")
    command.add_argument("--to", metavar="VERSION", help="default: the version before the champion")

    command = add(sweep, "train variants with many settings and seeds, in parallel")
    command.add_argument("variants", nargs="+", metavar="VARIANT", help="a block under `train:`")
    text = "values of a setting: learning_rate=0.001,0.003; a range to search: model.code=8..64"
    command.add_argument("--set", action="append", default=[], metavar="KEY=V1,V2", help=text)
    text = "training runs of each configuration, from the variant's seed on (default: 1)"
    command.add_argument("--seeds", type=int, default=1, metavar="N", help=text)
    text = "all combinations (default), or --trials N of them by random search or Optuna's TPE"
    command.add_argument("--search", choices=["grid", "random", "tpe"], default="grid", help=text)
    command.add_argument("--trials", type=int, metavar="N", help="configurations to search")
    text = (
        "a ninth of the epochs for all, a third for the best third, all for the best half of those"
    )
    command.add_argument("--prune", action="store_true", help=text)
    command.add_argument("--name", metavar="S", help="default: from the variants and the settings")
    text = "training runs at a time (default: by cores and free memory)"
    command.add_argument("--jobs", type=_count, default=0, metavar="N", help=text)
    text = "Ray cluster to use (default: $RAY_ADDRESS, else this machine)"
    command.add_argument("--address", metavar="HOST:PORT", help=text)

    command = add(promote, "write the best settings of a sweep into params.yaml")
    command.add_argument("sweep", metavar="S", help="name of a sweep")

    command = add(denoise, "clean scans and photographs of pages")
    add_images(command)
    text = "output folder, or an output file that ends in .png, .jpg, .tif or .pdf (also s3://…)"
    command.add_argument("-o", "--out", required=True, help=text)
    text = "write grey pages (default: a page in colour stays in colour)"
    command.add_argument("--grey", action="store_true", help=text)
    text = "invert pages of light print on dark paper (default: they stay dark)"
    command.add_argument("--invert-dark", action="store_true", help=text)
    text = "write what was done to every page, and what was left as it was, to a JSON file"
    command.add_argument("--report", type=Path, metavar="FILE.json", help=text)
    command.add_argument("--compare", action="store_true", help="also write before/after images")
    command.add_argument("--force", action="store_true", help="overwrite existing results")
    text = "clean N files at a time, in N processes (default: 1; with --address, one per CPU)"
    command.add_argument("--jobs", type=_count, metavar="N", help=text)
    text = "run the processes on a Ray cluster, HOST:PORT or auto (default: on this machine)"
    command.add_argument("--address", metavar="ADDRESS", help=text)
    text = "skip files whose result is newer than they are, for example after an interruption"
    command.add_argument("--resume", action="store_true", help=text)
    text = "resize pages by FACTOR for the network (default: measured from the letters)"
    command.add_argument("--scale", type=_factor, metavar="FACTOR", help=text)
    text = "resolution at which PDF pages are rendered (default: 300)"
    command.add_argument("--dpi", type=_dpi, default=300, help=text)

    command = add(classify, "classify letters (A to J) or digits in images")
    add_images(command)
    command.add_argument("--digits", action="store_true", help="classify digits, with --model FILE")
    text = "images hold several letters: in a grid of equal cells, or (without a value) anywhere"
    command.add_argument(
        "--sheet", type=_grid, nargs="?", const=(0, 0), metavar="ROWSxCOLUMNS", help=text
    )
    text = "brightness of the ink relative to the paper (default: auto)"
    command.add_argument("--ink", choices=["auto", "dark", "light"], default="auto", help=text)

    command = add(submission, "restore Kaggle's test pages and write a submission")
    command.add_argument("--variant", help="default: the first under `submission` in params.yaml")
    text = "output folder (default: the current one)"
    command.add_argument("-o", "--out", type=Path, default=Path(), metavar="FOLDER", help=text)
    text = "use the test pages of the variant's split, and write their answers for `grade`"
    command.add_argument("--rehearse", action="store_true", help=text)

    command = add(grade, "score a submission as MLE-bench does")
    command.add_argument("submission", type=Path, help="CSV file, plain or packed (.zip, .gz …)")
    text = "CSV file with the true pixel values, plain or packed"
    command.add_argument("answers", type=Path, help=text)

    command = add(readme, "update the result tables of README.md and docs/results.md from metrics/")
    command.add_argument("--check", action="store_true", help="fail if the tables are out of date")
    command.add_argument("--picture", action="store_true", help="also draw docs/results.png")

    return parser


def _number(
    convert: Callable[[str], float], name: str, low: float, high: float
) -> Callable[[str], float]:
    """Argument type: a number in a range."""

    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            value = convert(text)
            if low <= value <= high:
                return value
        raise argparse.ArgumentTypeError(f"invalid {name} {text!r}; expected {low} to {high}")

    return parse


_port, _count = _number(int, "port", 1, 65535), _number(int, "count", 1, 64)
_retries = _number(int, "count", 0, 100)
_dpi, _factor = _number(int, "resolution", 36, 1200), _number(float, "factor", 0.02, 4)


def _grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,2})", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"invalid grid {text!r}; expected ROWSxCOLUMNS, for example 8x10"
        )
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    main()
