"""The commands of docs/tracking.md."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tracking.md"


def blocks() -> list[str]:
    """Its blocks of shell commands."""
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


def block(word: str) -> str:
    """The one block that has this word in it."""
    (found,) = [block for block in blocks() if word in block]
    return found


def commands() -> list[str]:
    """All commands, one a line."""
    return [line for block in blocks() for line in block.splitlines() if line]
