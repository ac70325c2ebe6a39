"""The code that a logged model ships, so that it is served without this repository."""

import shutil
from modulefinder import ModuleFinder
from pathlib import Path


def copy_code(module: str, folder: Path) -> Path:
    """Copy a module of this package with those of this package that it imports, directly or not.

    Parameters
    ----------
    module
        Its name below ``inkbench``, for example ``serving``. It is not imported.
    folder
        Where to copy the package to.

    Returns
    -------
    Path
        The package's copy, ``folder/inkbench``.
    """
    package = Path(__file__).parent
    finder = ModuleFinder([str(package.parent)])
    finder.run_script(str(package / f"{module}.py"))
    files = [found.__file__ for found in finder.modules.values()]  # type: ignore[attr-defined]
    for file in map(Path, filter(None, files)):  # built-in modules have none
        copy = folder / file.relative_to(package.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return folder / package.name
