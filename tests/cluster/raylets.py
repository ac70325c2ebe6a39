"""A Ray cluster of processes on this machine, and an S3 server, both to be broken by tests."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import psutil
from project import SCRIPTS, Project
from server import free_port
from toy import Toy

import s3_server

UP = "Ray runtime started"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


class Gate:
    """A port that leads to a server while ``is_open``."""

    def __init__(self, url: str) -> None:
        self._server = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._port = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._port.getsockname()[1]}"
        self.is_open, self.refused = True, 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._port.accept()
            if not self.is_open:
                client.close()
                self.refused += 1
                continue
            server = socket.create_connection(self._server)
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while (data := source.recv(1 << 16)) and self.is_open:
                target.sendall(data)


class Cluster(contextlib.ExitStack):
    """Starts with the nodes ``one`` and ``two`` of one slot each.

    Parameters
    ----------
    folder
        Each node has a folder of its own in it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Cluster":
        (self.folder / "notes").mkdir()
        self.gate = Gate(self.enter_context(s3_server.serving(self.folder / "s3.log", "toy")))
        sessions = tempfile.mkdtemp(prefix="ray-")  # the paths of its sockets must be short
        self._sessions = Path(sessions)
        self.callback(shutil.rmtree, sessions, ignore_errors=True)
        self.callback(lambda: [self.stop(name) for name in [*self._nodes]])
        port = self.address.rpartition(":")[2]
        head = (f"--temp-dir={sessions}", "--include-dashboard=false", f"--port={port}")
        self._start("one", ("--head", *head, "--num-cpus=1"))
        self.start("two")
        return self

    def start(self, name: str, *before: str, slots: int = 1, **environment: str) -> None:
        """Start a further node; its command comes after ``before``."""
        options = (f"--address={self.address}", f"--num-cpus={slots}")
        self._start(name, options, before, **environment)

    def _start(
        self, name: str, options: tuple[str, ...], before: tuple[str, ...] = (), **environment: str
    ) -> None:
        own = {"INKBENCH_SCRATCH": str(self.folder / name), "TOY_NOTES": str(self.folder / "notes")}
        usual = ("--disable-usage-stats", "--object-store-memory=100000000")
        usual += ("--include-log-monitor=false", "--no-monitor")  # unused, and slow to start
        log = self.folder / f"{name}.log"
        command = [*before, str(SCRIPTS / "ray"), "start", "--block", *usual, *options]
        environment = os.environ | TOKEN | own | environment
        for _ in range(3):  # Ray gives up after 30 s, which a busy machine may exceed
            with log.open("wb") as file:
                self._nodes[name] = subprocess.Popen(
                    command, env=environment, stdout=file, stderr=file, start_new_session=True
                )
            poll = self._nodes[name].poll
            Project.wait_for(lambda p=poll: p() is not None or UP in log.read_text(), 300)
            if UP in log.read_text():
                return
            self.stop(name)
        raise AssertionError(log.read_text())

    def stop(self, name: str) -> None:
        """Kill all processes of a node."""
        process = self._nodes.pop(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_raylet(self, name: str) -> None:
        """Kill the raylet of a node."""
        children = psutil.Process(self._nodes[name].pid).children(recursive=True)
        next(process for process in children if process.name() == "raylet").kill()

    def node(self, stage: psutil.Process) -> str:
        """Name of the node that a stage runs on."""
        return Path(stage.cwd()).relative_to(self.folder).parts[0]

    @staticmethod
    def worker(stage: psutil.Process) -> psutil.Process:
        """The Ray worker that a stage runs below."""
        return next(p for p in stage.parents() if p.cmdline()[0].startswith("ray::"))

    def processes(self) -> list[psutil.Process]:
        """All processes that run a chain, or a stage of one."""
        return [
            process
            for process in psutil.process_iter(["cwd", "status"])
            if str(process.info["cwd"]).startswith(str(self.folder))
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def files_with(self, secret: str) -> list[Path]:
        """Files of Ray, such as logs, that have a secret in them."""
        files = [path for path in self._sessions.rglob("*") if path.is_file()]
        return [path for path in files if secret.encode() in path.read_bytes()]

    def use(self, project: Project) -> None:
        """Give a project the cluster's address and an S3 remote, and empty the nodes' folders."""
        project.environment |= TOKEN | {
            "RAY_ADDRESS": self.address,
            "AWS_ENDPOINT_URL": self.gate.url,
            "AWS_ACCESS_KEY_ID": "our-key",
            "AWS_SECRET_ACCESS_KEY": "our-secret",
        }
        prefix = secrets.token_hex(4)  # of its own, so that nothing is there already
        remote = f"['remote \"s3\"']\n    url = s3://toy/{prefix}\n"
        project.write(".dvc/config", f"[core]\n    remote = s3\n{remote}")
        for name in self._nodes:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        if isinstance(project, Toy):
            project.notes = self.folder / "notes"
            for file in project.notes.iterdir():
                file.unlink()
