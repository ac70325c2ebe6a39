"""Time and memory of reading notMNIST, beside the published loader, and for larger archives.

    python benchmarks/preprocess.py                            # real archive, prints ratios
    python benchmarks/preprocess.py --large 50000 150000 529114  # generated archives of that size

The first needs data/raw/notmnist (dvc repro download@notmnist). Each measurement runs in a process
of its own. The programs alternate, and the best of --repeat runs counts, because other work on the
machine disturbs the times. The published loader unpacks the archive, lists each class folder, reads
each file with Image.getdata() into a float array, collects lists and splits them with
train_test_split; every one of its scripts repeats that at each start. This project writes split
arrays and dataset.json to disk once; later starts load the arrays.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ARCHIVE = Path("data/raw/notmnist/notMNIST_small.tar.gz")
LETTERS = "ABCDEFGHIJ"
Work = Callable[[], object]


def main() -> None:
    """Run the measurement that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--archive", type=Path, default=ARCHIVE, help=f"default: {ARCHIVE}")
    parser.add_argument("--large", type=int, nargs="+", metavar="N", help="images to generate")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each program (default: 3)")
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured(arguments.measure, arguments.archive)))
    elif arguments.large:
        growth(arguments.large)
    elif not arguments.archive.exists():
        sys.exit(f"{arguments.archive} not found; fetch it: dvc repro download@notmnist")
    else:
        comparison(arguments.archive.resolve(), arguments.repeat)


def comparison(archive: Path, repeat: int) -> None:
    """Print time and peak memory of each program, and the ratios."""
    runs = [{way: run(way, archive) for way in WAYS} for _ in range(repeat)]
    best = {way: {key: min(r[way][key] for r in runs) for key in runs[0][way]} for way in WAYS}
    print(f"{'':28}{'imports s':>10}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'of it work':>11}")
    for way, m in best.items():
        print(
            f"{way:28}{m['imports']:10.2f}{m['work']:9.3f}{m['cpu']:9.3f}{m['peak']:9.0f}{m['grown']:11.0f}"
        )
    published, preprocess, load = (best[way] for way in WAYS)
    print(
        f"preprocess: {published['work'] / preprocess['work']:.1f} times faster "
        f"({published['cpu'] / preprocess['cpu']:.1f} in CPU time), "
        f"{published['grown'] / preprocess['grown']:.1f} times less memory "
        f"(whole process: {published['peak'] / preprocess['peak']:.1f})\n"
        f"later starts: {published['work'] / load['work']:.0f} times faster"
    )


def growth(sizes: list[int]) -> None:
    """Print time and peak memory for generated archives of several sizes."""
    print(f"{'images':>9}{'wall s':>9}{'CPU s':>9}{'CPU µs/image':>14}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            archive = Path(folder) / "notMNIST_large.tar.gz"
            generate(archive, size)
            m = run("preprocess", archive)
            print(
                f"{size:9,}{m['work']:9.1f}{m['cpu']:9.1f}{1e6 * m['cpu'] / size:14.1f}"
                f"{m['peak']:9.0f}",
                flush=True,
            )


def run(way: str, archive: Path) -> dict[str, float]:
    """Measure one program in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for step in ("preprocess", "load") if way == "load" else (way,):
            script = str(Path(__file__).resolve())
            command = [sys.executable, script, "--measure", step, "--archive", str(archive)]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def measured(way: str, archive: Path) -> dict[str, float]:
    """Seconds of imports and of work; peak memory, and its growth since the imports, in MB."""
    start = time.perf_counter()
    work = WAYS[way](archive)
    ready, used = time.perf_counter(), time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "imports": ready - start,
        "work": done - ready,
        "cpu": time.process_time() - used,
        "peak": peak / 1024,
        "grown": (peak - before) / 1024,
    }


def published(archive: Path) -> Work:
    """The published loader, rewritten: returns the function that does the work."""
    import numpy as np
    from PIL import Image
    from sklearn.model_selection import train_test_split

    def work() -> None:
        with tarfile.open(archive) as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # new in 3.11.4
            packed.extractall()
        images, labels = [], []
        for at, letter in enumerate(LETTERS):
            folder = Path("notMNIST_small") / letter
            for name in os.listdir(folder):
                try:
                    picture = Image.open(folder / name)
                except OSError:
                    continue
                images.append(np.array(picture.convert("L").getdata()) / 255.0)
                labels.append(np.eye(len(LETTERS), dtype=int)[at])
        parts = train_test_split(images, labels, test_size=0.2, random_state=0)
        for part in parts:
            np.asarray(part)

    return work


def preprocess(archive: Path) -> Work:
    """This project: from the archive to the split arrays on disk."""
    from inkbench import layout
    from inkbench.datasets import notmnist
    from inkbench.datasets.reading import provenance
    from inkbench.params import Data

    folder = layout.raw("notmnist")
    folder.mkdir(parents=True)
    (folder / archive.name).symlink_to(archive)
    file = {"name": archive.name, "url": "", "sha256": provenance.checksum(archive)}
    recorded = {"source": "official", "files": [file], "licence": ""}
    layout.provenance("notmnist").write_text(json.dumps(recorded))
    settings = Data(source="official", subset="small", seed=0, valid=0.1, test=0.2)
    return lambda: notmnist.preprocess(settings)


def load(_archive: Path) -> Work:
    """This project, at later starts: load the three parts from disk."""
    from inkbench.datasets.common import store

    return lambda: [store.load_images("notmnist", part) for part in store.PARTS]


WAYS = {"published": published, "preprocess": preprocess, "load": load}


def generate(path: Path, size: int) -> None:
    """Write an archive like notMNIST_large with ``size`` distinct images, five of them empty."""
    import numpy as np
    from tqdm import tqdm

    from inkbench.datasets.synthetic import packing

    rng = np.random.default_rng(0)
    strokes = rng.random((64, 7, 7)) < 0.4
    shapes = np.kron(strokes, np.full((4, 4), 255)).astype(np.uint8)
    empty = {number * size // 5 for number in range(5)}
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for number in tqdm(range(size), f"generating {size:,} letters", disable=None):
            image = shapes[number % len(shapes)].copy()
            # About as many grey pixels as anti-aliasing leaves, and no two images alike.
            image.flat[rng.integers(0, image.size, 60)] = rng.integers(0, 256, 60)
            image[27, 24:] = list(number.to_bytes(4, "big"))
            content = packing.png(image)
            info = tarfile.TarInfo(f"notMNIST_large/{LETTERS[number % 10]}/{number:032d}.png")
            info.size = 0 if number in empty else len(content)
            archive.addfile(info, io.BytesIO(content))


if __name__ == "__main__":
    main()
