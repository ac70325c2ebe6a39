"""Run `pip install` in this Python's environment, without a user's settings for pip.

    .venv/bin/python tools/install.py ARGUMENTS

Settings from variables and pip.conf, such as `user`, `target` or `require-hashes`, would install
elsewhere or not at all. Only those that say where packages come from are kept.
"""

import ast
import os
import re
import subprocess
import sys

KEPT = {
    *("cache-dir", "cert", "client-cert", "default-timeout", "extra-index-url", "find-links"),
    *("index-url", "keyring-provider", "no-cache-dir", "no-index", "no-input", "proxy", "retries"),
    *("timeout", "trusted-host", "use-deprecated", "use-feature"),
}
PIP = [sys.executable, "-I", "-m", "pip"]  # -I: nor PYTHONPATH or packages in the home folder
# Settings that would change what `pip config list` lists, or stop it.
LIST = {f"PIP_{name}": "0" for name in ("USER", "GLOBAL", "SITE", "QUIET", "VERBOSE")}
LIST |= {"PIP_PYTHON": sys.executable, "PIP_LOG": os.devnull}


def environment() -> dict[str, str]:
    """This process's environment, with pip's settings reduced to the kept ones."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    kept["PIP_CONFIG_FILE"] = os.devnull
    command = [*PIP, "config", "list"]
    listed = subprocess.run(command, env=os.environ | LIST, stdout=subprocess.PIPE, text=True)
    if listed.returncode:
        sys.exit(listed.returncode)
    for section in ("global", "install", ":env:"):  # a later one wins, as for pip
        for key, value in re.findall(rf"^{section}\.(.+?)=(.+)$", listed.stdout, re.M):
            if key in KEPT and (text := ast.literal_eval(value)):
                kept[f"PIP_{key.upper().replace('-', '_')}"] = text
    return kept


if __name__ == "__main__":
    install = [*PIP, "install", "--quiet", "--disable-pip-version-check", *sys.argv[1:]]
    sys.exit(subprocess.run(install, env=environment()).returncode)
