"""Take the screenshots of docs/tracking.md.

    python docs/screenshots.py [mlflow.db]      # after `dvc repro`; takes a minute or two

Serves a copy of the store on loopback and opens it in headless Chromium or Chrome.
"""

import argparse
import base64
import io
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from inkbench import disk
from inkbench.errors import InkbenchError, one_line_errors

DOCS = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 120.0  # seconds for a page to show the expected content
WIDTH = 1280
PAIR = ("notmnist-dense-ae", "notmnist-conv-ae")  # the variants to compare

FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars --disable-sync "
    "--disable-background-networking --disable-component-update --remote-debugging-pipe"
)
# Settings of the UI in the browser: no assistant, and the views for model training.
STORED = {
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.workflowType_v1": '"machine_learning"',
}
RUNS_TABLE = 'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState'
# Columns that the runs table shows, and those that the models table hides.
COLUMNS = [
    "attributes.`Models`",
    "metrics.`test_bce`",
    "metrics.`test_rmse`",
    "params.`train.epochs`",
]
HIDDEN = ("Status", "Logged from", "Source run", "Registered models", "Dataset")
PLACE_OF = """text => {
  const alone = e => e.textContent.trim() === text;
  const box = [...document.body.querySelectorAll("*")].findLast(alone).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
IN_COLUMNS = """(() => {
  const named = e => !e.children.length && e.textContent.trim().startsWith(%s);
  const node = [...document.querySelectorAll("[class*=tree-treenode]")]
    .find(node => [...node.querySelectorAll("*")].some(named));
  node?.querySelector("[class*=%s]").click();
  return !!node;
})()"""


class Browser:
    """A headless Chromium, driven by the DevTools protocol through a pipe."""

    def __init__(self, folder: Path) -> None:
        name = next(filter(None, map(shutil.which, BROWSERS)), None)
        if name is None:
            raise InkbenchError(f"none of {', '.join(BROWSERS)} is installed; install one of them")
        read, self._to = os.pipe()
        self._from, write = os.pipe()
        command = f'exec "$0" {FLAGS} "--user-data-dir=$1" about:blank 3<&{read} 4>&{write}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, name, folder], pass_fds=(read, write), stderr=subprocess.DEVNULL
        )
        os.close(read)
        os.close(write)
        self._numbers = itertools.count(1)
        self._unread = b""
        self._session = {}
        pages = self("Target.getTargets")["targetInfos"]
        page = next(page["targetId"] for page in pages if page["type"] == "page")
        attached = self("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            chunk = os.read(self._from, 1 << 16)
            if not chunk:
                raise InkbenchError("the browser exited; start it by hand to see the reason")
            self._unread += chunk
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)

    def run(self, script: str) -> Any:
        """Evaluate a JavaScript expression in the page."""
        answer = self("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true, then 3 s for the page to settle."""
        deadline = time.monotonic() + TIMEOUT
        while not self.run(condition):
            if time.monotonic() > deadline:
                raise InkbenchError(f"MLflow's UI did not show {condition} in {TIMEOUT:.0f} s")
            time.sleep(0.5)
        time.sleep(3)

    def open(self, url: str, text: str, height: int = 720) -> None:
        """Open a page and wait until it shows a text."""
        self("Page.navigate", url="about:blank")  # otherwise a new fragment loads nothing
        metrics = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self("Emulation.setDeviceMetricsOverride", **metrics)
        self("Page.navigate", url=url)
        self.wait_for(f"document.body?.innerText.includes({json.dumps(text)})")

    def click(self, text: str) -> None:
        """Click the last element whose whole text is this."""
        x, y = self.run(f"({PLACE_OF})({json.dumps(text)})")
        where = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, **where)
        time.sleep(1)

    def save(self, name: str) -> None:
        """Save a screenshot as docs/NAME.png with 256 colours."""
        from PIL import Image

        taken = base64.b64decode(self("Page.captureScreenshot", format="png")["data"])
        picture = Image.open(io.BytesIO(taken)).convert("RGB")
        path = DOCS / f"{name}.png"
        with disk.new_file(path) as scratch:
            picture.quantize(256, dither=Image.Dither.NONE).save(scratch, optimize=True)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


@contextmanager
def serving(store: Path, folder: Path) -> Iterator[str]:
    """Serve a copy of a SQLite store; yields the URL of the UI."""
    copy = folder / "mlflow.db"
    shutil.copyfile(store, copy)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{copy}"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | quiet, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise InkbenchError(f"{store}: {(folder / 'server.log').read_text()[-300:]}")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/#"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def runs(browser: Browser, ui: str, experiment: str, parent: Any, *_: Any) -> None:
    """The newest pipeline state and its stages."""
    state = {"runsExpanded": {parent.info.run_id: True}, "selectedColumns": COLUMNS}
    shown = {"orderByKey": "attributes.start_time", "orderByAsc": False, "startTime": "ALL"}
    kept = json.dumps(json.dumps(state | shown | {"lifecycleFilter": "Active"}))
    key = json.dumps(RUNS_TABLE.format(experiment=experiment))
    browser.run(f"localStorage.setItem({key}, {kept})")
    browser.open(f"{ui}/experiments/{experiment}/runs", "report")
    browser.save("tracking-runs")


def compared(browser: Browser, ui: str, experiment: str, _: Any, pair: list[Any], *__: Any) -> None:
    """Parameters and metrics of two variants side by side."""
    ids = json.dumps([run.info.run_id for run in pair])
    place = f'{ui}/compare-runs?runs={ids}&experiments=["{experiment}"]'
    browser.open(place, "train.epochs", height=1210)
    for section in ("Visualizations", "Run details"):
        browser.click(section)
    browser.save("tracking-compare")


def curves(browser: Browser, ui: str, experiment: str, _: Any, pair: list[Any], *__: Any) -> None:
    """Curves of both variants in one chart."""
    ids = json.dumps([run.info.run_id for run in pair])
    what = 'metric="val_loss"&plot_metric_keys=["val_loss"]&x_axis=step&show_point=true'
    place = f'{ui}/metric?runs={ids}&experiments=["{experiment}"]&{what}'
    browser.open(place, f"train {pair[1].data.tags['variant']} (val_loss)")
    browser.save("tracking-curves")


def models(browser: Browser, ui: str, experiment: str, *_: Any) -> None:
    """The models table, with parameters and test metrics."""
    browser.open(f"{ui}/experiments/{experiment}/models", PAIR[0], height=860)
    browser.click("Columns")
    box, switch = "tree-checkbox", "tree-switcher"
    clicks = [(name, box) for name in HIDDEN]
    clicks += [("Metrics", box), ("Parameters", box), ("Dataset: processed/mnist", switch)]
    clicks += [("test_bce", box), ("test_psnr", box), ("Metrics", switch)]
    clicks += [("Parameters", switch), ("epochs", box)]
    for name, part in clicks:
        browser.run(IN_COLUMNS % (json.dumps(name), part))
        time.sleep(0.7)
    browser.click("Columns")
    browser.save("tracking-models")


def sweep(
    browser: Browser, ui: str, experiment: str, _: Any, __: list[Any], swept: list[Any]
) -> None:
    """The trainings of a sweep side by side, if the store has one."""
    if swept:
        ids = json.dumps([run.info.run_id for run in swept])
        place = f'{ui}/compare-runs?runs={ids}&experiments=["{experiment}"]'
        browser.open(place, "Parallel Coordinates", height=760)
        browser.save("tracking-sweep")


PICTURES: tuple[Callable[..., None], ...] = (runs, compared, curves, models, sweep)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", nargs="?", type=Path, default=Path("mlflow.db"))
    with one_line_errors(), tempfile.TemporaryDirectory() as temporary:
        store = parser.parse_args().store
        if not store.is_file():
            raise InkbenchError(f"{store} not found; run `dvc repro`")
        with (
            serving(store.resolve(), Path(temporary)) as ui,
            Browser(Path(temporary) / "profile") as browser,
        ):
            experiment = _runs(f"sqlite:///{temporary}/mlflow.db")
            browser.open(ui, "MLflow")
            for key, value in STORED.items():
                browser.run(f"localStorage.setItem({json.dumps(key)}, {json.dumps(value)})")
            for take in PICTURES:
                take(browser, ui, *experiment)


def _runs(uri: str) -> tuple[str, Any, list[Any], list[Any]]:
    """The experiment, the newest commit's parent run, the pair's trainings below it, a sweep's."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("inkbench").experiment_id
    runs = client.search_runs([experiment], max_results=10_000)  # newest first
    trained: dict[str, dict[str, Any]] = {}
    for run in runs:
        if run.data.tags["stage"] == "train":
            below = trained.setdefault(run.data.tags.get("mlflow.parentRunId", ""), {})
            below[run.data.tags["variant"]] = run
    for parent in runs:
        below = trained.get(parent.info.run_id, {})
        if below.keys() >= {*PAIR} and "dvc.exp_name" not in parent.data.tags:
            return experiment, parent, [below[variant] for variant in PAIR], _swept(runs)
    raise InkbenchError(f"the store has no run of a pipeline that trained {' and '.join(PAIR)}")


def _swept(runs: list[Any]) -> list[Any]:
    """Trainings of the variant and sweep with the most of them; empty if there is no sweep."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for run in runs:
        tags = run.data.tags
        if "sweep" in tags and tags["stage"] == "train":
            groups.setdefault((tags["sweep"], tags["variant"]), []).append(run)
    return max(groups.values(), key=len, default=[])


if __name__ == "__main__":
    main()
