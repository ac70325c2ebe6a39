"""The command `inkbench`: what people use beside the pipeline.

A subcommand is one function and one block of `_parser`; whatever is heavy is imported inside.
"""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from inkbench.errors import InkbenchError, one_line_errors


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments
        Those of the process by default.
    """
    options = _parser().parse_args(arguments)
    with one_line_errors(options.debug):
        options.run(options)


def ui(options: argparse.Namespace) -> None:
    """Open MLflow's UI on the local store, on loopback only."""
    from inkbench.tracking import store

    _go_to_root()
    file = store.sqlite_file()
    if file is None:
        raise InkbenchError(
            f"MLFLOW_TRACKING_URI: {store.public(store.uri())} is not a local SQLite store; open "
            "that server's own page, or unset it"
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", options.port))
        except OSError as error:
            raise InkbenchError(
                f"--port {options.port}: {error.strerror}; choose another"
            ) from None
    store.set_environment()
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # nothing here needs it
    page = "#/experiments?workflowType=machine_learning"  # it opens on language models otherwise
    print(f"MLflow UI: http://127.0.0.1:{options.port}/{page}  (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(options.port), "--workers", "1"]
    command += ["--backend-store-uri", store.uri()]
    command += ["--artifacts-destination", str(store.artifact_folder())]
    os.execv(sys.executable, command)


def sync(options: argparse.Namespace) -> None:
    """Complete the MLflow store."""
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
            raise InkbenchError(f"{public(uri())}: no store yet; `dvc repro` makes it")
        print(registry.roll_back(store, options.model, options.to))
    except MlflowException as error:
        raise InkbenchError(public(error)) from None


def readme(options: argparse.Namespace) -> None:
    """Write the numbers of metrics/ into README.md, and its picture where asked."""
    from inkbench.reporting import picture, readme

    _go_to_root()
    readme.update(check=options.check)
    if options.picture and not options.check:
        picture.write()


def denoise(options: argparse.Namespace) -> None:
    """Clean scans."""
    from inkbench.denoise import command

    settings = command.Settings(
        keep_colour=options.keep_colour,
        force=options.force,
        compare=options.compare,
        jobs=options.jobs,
        scale=options.scale,
        dpi=options.dpi,
    )
    if not command.run(options.inputs, options.out, options.model, settings):
        sys.exit(1)


def classify(options: argparse.Namespace) -> None:
    """Name letters."""
    from inkbench import classify

    dataset = "mnist" if options.digits else "notmnist"
    settings = classify.Settings(dataset, options.sheet, options.ink)
    if not classify.run(options.inputs, options.model, settings):
        sys.exit(1)


def submission(options: argparse.Namespace) -> None:
    """Write a submission for Kaggle, or one whose answers are known."""
    from inkbench import disk, layout, params, submission
    from inkbench.training import runtime

    out = options.out.resolve()
    _go_to_root()
    settings = params.load()
    if not (options.variant or settings.submission):
        raise InkbenchError(f"{layout.PARAMS}: submission: [] names no variant; use --variant")
    name = options.variant or settings.submission[0]
    variant = settings.variant(name)
    if variant.task != "restoration":
        raise InkbenchError(f"--variant {name}: its task is {variant.task}; name a restorer")
    runtime.set_up("float32", seed=0)  # the bits of stages/submission.py
    with disk.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if options.rehearse:
            told = submission.rehearse(name, variant.split, out)
        else:
            told = submission.told(submission.make(name, out), options.out)
    print(told)


def grade(options: argparse.Namespace) -> None:
    """Score a submission."""
    from inkbench import grade

    score = grade.grade(options.submission, options.answers)
    print(f"RMSE {score:.5f} ({grade.medal(score)})")


def _go_to_root() -> None:
    """All paths are relative to the repository's root."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            os.chdir(folder)
            return
    raise InkbenchError(f"{here}: no dvc.yaml here or above; run this inside the repository")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inkbench", description="Ink images: compare what the pipeline has built, and use it."
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks of bad input")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser("ui", help="open MLflow's UI on the local store (loopback only)")
    command.add_argument("--port", type=_port, default=5000, help="default: 5000")
    command.set_defaults(run=ui)

    command = commands.add_parser(
        "sync", help="bring every run that MLflow lacks: waiting, linked, or backfilled from DVC"
    )
    command.add_argument("--rev", metavar="REVISION", help="a git revision or a DVC experiment")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command.set_defaults(run=sync)

    command = commands.add_parser(
        "rollback", help="give the alias `champion` of a registered model to an earlier version"
    )
    command.add_argument("model", help="for example documents-restorer")
    command.add_argument("--to", metavar="VERSION", help="default: the version before")
    command.set_defaults(run=rollback)

    command = commands.add_parser("denoise", help="clean scans and photographs of pages")
    command.add_argument("inputs", nargs="+", metavar="INPUT", help="file, folder or pattern")
    command.add_argument(
        "-o", "--out", type=Path, required=True, help="folder, or a file in .png .jpg .tif .pdf"
    )
    command.add_argument("--model", type=Path, metavar="FILE", help="default: the champion")
    command.add_argument("--keep-colour", action="store_true", help="otherwise pages turn grey")
    command.add_argument("--compare", action="store_true", help="write before/after sheets too")
    command.add_argument("--force", action="store_true", help="write over earlier results")
    command.add_argument(
        "--jobs", type=_count, default=1, metavar="N", help="files in work at a time (default: 1)"
    )
    command.add_argument(
        "--scale", type=_scale, metavar="F", help="show the network the page F times its size"
    )
    command.add_argument(
        "--dpi", type=_dpi, default=300, help="at which pages of a PDF are drawn (default: 300)"
    )
    command.set_defaults(run=denoise)

    command = commands.add_parser("classify", help="name the letters (A to J) in images")
    command.add_argument("inputs", nargs="+", metavar="INPUT", help="file, folder or pattern")
    command.add_argument("--digits", action="store_true", help="they are digits, not letters")
    command.add_argument(
        "--sheet",
        type=_grid,
        nargs="?",
        const=(0, 0),
        metavar="ROWSxCOLUMNS",
        help="images hold many letters: in a grid of equal cells, or anywhere",
    )
    command.add_argument("--ink", choices=["auto", "dark", "light"], default="auto")
    command.add_argument("--model", type=Path, metavar="FILE", help="default: the champion")
    command.set_defaults(run=classify)

    command = commands.add_parser("submission", help="restore Kaggle's test pages for a submission")
    command.add_argument("--variant", help="default: params.yaml's `submission`")
    command.add_argument(
        "-o", "--out", type=Path, default=Path(), metavar="FOLDER", help="default: this one"
    )
    command.add_argument(
        "--rehearse",
        action="store_true",
        help="instead, the test pages of the variant's split, and their answers for `grade`",
    )
    command.set_defaults(run=submission)

    command = commands.add_parser("grade", help="score a submission as MLE-bench does")
    command.add_argument("submission", type=Path, help="CSV, plain, .gz or .zip")
    command.add_argument("answers", type=Path, help="CSV with the true pixels")
    command.set_defaults(run=grade)

    command = commands.add_parser("readme", help="write the numbers of metrics/ into README.md")
    command.add_argument("--check", action="store_true", help="fail if it would change something")
    command.add_argument("--picture", action="store_true", help="draw docs/results.png as well")
    command.set_defaults(run=readme)

    return parser


def _whole(what: str, low: int, high: int) -> Callable[[str], int]:
    """Type of an argument: a whole number in a range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what}; allowed: {low} to {high}")
        return int(text)

    return read


_port, _count, _dpi = _whole("port", 1, 65535), _whole("count", 1, 64), _whole("dpi", 36, 1200)


def _scale(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.02 <= value <= 4:
        raise argparse.ArgumentTypeError(f"{text!r} is no factor; allowed: 0.02 to 4")
    return value


def _grid(text: str) -> tuple[int, int]:
    rows, _, columns = text.partition("x")
    sizes = [int(n) if n.isdecimal() else 0 for n in (rows, columns)]
    if not all(0 < size <= 1000 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is no grid; say for example 8x10")
    return sizes[0], sizes[1]


if __name__ == "__main__":
    main()
