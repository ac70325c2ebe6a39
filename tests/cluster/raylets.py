"""A Ray cluster of processes on this machine, and an S3 server, both to be killed by tests."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
from project import SCRIPTS, Project
from server import free_port
from toy import Toy

import s3_server

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


class Cluster(contextlib.ExitStack):
    """Starts with two nodes of one slot each.

    Parameters
    ----------
    folder
        Each node has a folder of its own in it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Cluster":
        (self.folder / "notes").mkdir()
        endpoint = self.enter_context(s3_server.serving(self.folder / "s3.log", "toy"))
        self.s3 = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "our-key",
            "AWS_SECRET_ACCESS_KEY": "our-secret",
        }
        self._sessions = Path(tempfile.mkdtemp(prefix="ray-"))  # paths of sockets must be short
        self.callback(shutil.rmtree, self._sessions, ignore_errors=True)
        self.callback(self._kill_all)
        head = ("--head", f"--port={self.port}", f"--temp-dir={self._sessions}")
        self._start("one", *head, "--include-dashboard=false")
        self.start("two")
        return self

    def start(self, name: str, **environment: str) -> None:
        """Start a further node, with a folder of its own."""
        self._start(name, f"--address={self.address}", **environment)

    def kill(self, name: str) -> None:
        """Kill the raylet of a node, as a crash of its machine would."""
        self.raylet(name).kill()

    def raylet(self, name: str) -> psutil.Process:
        """Process of a raylet."""
        children = psutil.Process(self._nodes[name].pid).children(recursive=True)
        return next(process for process in children if process.name() == "raylet")

    def processes(self) -> list[psutil.Process]:
        """All processes that run a chain, or a stage of one."""
        folders = [str(self.folder / name) for name in self._nodes]
        return [
            process
            for process in psutil.process_iter(["cwd", "status"])
            if str(process.info["cwd"]).startswith(tuple(folders))
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    @staticmethod
    def worker(stage: psutil.Process) -> psutil.Process:
        """The Ray worker that a stage runs below."""
        return next(p for p in stage.parents() if p.cmdline()[0].startswith("ray::"))

    def use(self, project: Project) -> Project:
        """Give a project the S3 remote, the cluster's address and what its workers note."""
        project.environment |= self.s3 | TOKEN | {"RAY_ADDRESS": self.address}
        prefix = secrets.token_hex(4)  # of its own, so that nothing is there already
        project.run("dvc", "remote", "add", "--default", "s3", f"s3://toy/{prefix}")
        for name in self._nodes:  # or they would find the results of other tests
            shutil.rmtree(self.folder / name, ignore_errors=True)
        if isinstance(project, Toy):
            project.notes = self.folder / "notes"
            for file in project.notes.iterdir():
                file.unlink()
        return project

    def _start(self, name: str, *arguments: str, **environment: str) -> None:
        command = [
            str(SCRIPTS / "ray"),
            "start",
            "--block",
            "--num-cpus=1",
            "--disable-usage-stats",
        ]
        own = {"INKBENCH_SCRATCH": str(self.folder / name), "TOY_NOTES": str(self.folder / "notes")}
        with (self.folder / f"{name}.log").open("wb") as log:
            self._nodes[name] = subprocess.Popen(
                [*command, "--disable-usage-stats", "--object-store-memory=100000000", *arguments],
                env=os.environ | TOKEN | own | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        Project.wait_for(
            lambda: b"Ray runtime started" in (self.folder / f"{name}.log").read_bytes()
        )

    def _kill_all(self) -> None:
        for process in self._nodes.values():
            children = psutil.Process(process.pid).children(recursive=True)
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
