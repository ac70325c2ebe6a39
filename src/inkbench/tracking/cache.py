"""What DVC's cache holds, by md5, without importing DVC."""

import configparser
import json
from pathlib import Path

from inkbench.tracking import journal
from inkbench.tracking.pipeline import Execution, Files, md5_of_bytes


def outputs(execution: Execution, files: Files) -> dict[str, bytes]:
    """Everything an execution made that is at hand: path → content.

    Outputs come from DVC's cache, whatever the working tree holds now; small ones that only git
    keeps (metrics) from the files themselves, if they still have the recorded md5.
    """
    found: dict[str, bytes] = {}
    for out, md5 in execution.outs.items():
        if md5.endswith(".dir"):
            listing = _cached(md5)
            for entry in json.loads(listing) if listing else ():
                content = _cached(entry["md5"]) or _unchanged(
                    files, f"{out}/{entry['relpath']}", entry["md5"]
                )
                if content is not None:
                    found[f"{out}/{entry['relpath']}"] = content
        elif (content := output(execution, files, out)) is not None:
            found[out] = content
    return found


def output(execution: Execution, files: Files, path: str) -> bytes | None:
    """One file that is an output of its own, or None if it is not at hand."""
    md5 = execution.outs.get(path, "")
    return _unchanged(files, path, md5) or _cached(md5)


def file_md5(execution: Execution, path: str) -> str:
    """md5 of one file of an execution's outputs; empty if its folder's listing is not at hand."""
    for out, md5 in execution.outs.items():
        if out == path:
            return md5
        if path.startswith(f"{out}/") and (listing := _cached(md5)):
            for entry in json.loads(listing):
                if f"{out}/{entry['relpath']}" == path:
                    return entry["md5"]
    return ""


def _unchanged(files: Files, path: str, md5: str) -> bytes | None:
    content = files.content(path)
    return content if content is not None and md5_of_bytes(content) == md5 else None


def _cached(md5: str) -> bytes | None:
    try:
        return (_folder() / "files" / "md5" / md5[:2] / md5[2:]).read_bytes()
    except OSError:
        return None


def _folder() -> Path:
    dvc = journal.root() / ".dvc"
    config = configparser.ConfigParser(interpolation=None)
    config.read([dvc / "config", dvc / "config.local"], encoding="utf-8")
    chosen = config.get("cache", "dir", fallback="cache")
    return (dvc / chosen).resolve()  # a relative one is meant from .dvc
