"""Downloads with Kaggle's own client, where it is installed and has credentials."""

import importlib.util
import os
from pathlib import Path

from inkbench.datasets.fetching.transfer import Unavailable, explained


def download(competition: str, name: str, folder: Path) -> None:
    """Fetch one file of a competition into ``folder``.

    Raises
    ------
    Unavailable
        If the client (``pip install kaggle``) or the credentials are missing, or Kaggle refuses.
    """
    if importlib.util.find_spec("kaggle") is None:
        raise Unavailable("Kaggle's client is not installed (pip install kaggle)")
    if not _has_credentials():  # without them the client ends the process on import
        raise Unavailable("no credentials (KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/)")
    import requests

    try:
        from kaggle.api.kaggle_api_extended import KaggleApi

        client = KaggleApi()
        client.authenticate()
        client.competition_download_file(competition, name, path=str(folder), quiet=True)
    except (Exception, SystemExit) as error:
        if _status(error) == 403:
            rules = f"https://www.kaggle.com/c/{competition}/rules"
            raise Unavailable(f"403: log in and accept the rules at {rules}") from None
        if isinstance(error, requests.ConnectionError):
            raise explained(error) from None
        raise Unavailable(f"{type(error).__name__}: {' '.join(str(error).split())}") from None


def _has_credentials() -> bool:
    if os.environ.get("KAGGLE_API_TOKEN"):
        return True
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return True
    folders = [os.environ.get("KAGGLE_CONFIG_DIR"), "~/.kaggle", "~/.config/kaggle"]
    names = ("kaggle.json", "access_token")
    return any((Path(f).expanduser() / name).is_file() for f in folders if f for name in names)


def _status(error: BaseException) -> int | None:
    """HTTP status of the client's error, whose class differs between versions."""
    response = getattr(error, "response", None)
    return getattr(error, "status", None) or getattr(response, "status_code", None)
