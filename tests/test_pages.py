"""Every command and link of the pages is one that works (others tests run many of them)."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md"]


def commands(page: Path) -> list[list[str]]:
    """Words of all commands in a page's shell blocks."""
    text = page.read_text("utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    lines += re.findall(r"^\$ (.*)$", text, re.M)
    parts = [part for line in lines for part in line.split(" && ")]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


ALL = [words for page in PAGES for words in commands(page)]


def of(tool: str) -> list[list[str]]:
    """Arguments of the commands that start with this word."""
    found = [words[1:] for words in ALL if words[0] == tool]
    assert found
    return found


def test_the_pages_have_no_other_tools() -> None:
    assert {words[0] for words in ALL} == {
        *(".", "cd", "cp", "curl", "export", "git", "mkdir"),
        *("dvc", "inkbench", "kaggle", "make", "mlflow"),
    }


def test_inkbench_takes_its_commands() -> None:
    from inkbench import cli

    for arguments in of("inkbench"):
        assert cli._parser().parse_args(arguments).run


def test_mlflow_takes_its_commands() -> None:
    import click
    from mlflow.cli import cli

    for arguments in of("mlflow"):
        command, context = cli, None
        while isinstance(command, click.Group):
            context = command.make_context(command.name, arguments, context)
            _, command, arguments = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
        assert command.make_context(command.name, arguments, context).params


def test_dvc_takes_its_commands_and_what_they_name_exists() -> None:
    from dvc.cli import parse_args

    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for arguments in of("dvc"):
        options = parse_args(arguments)
        for change in getattr(options, "set_param", None) or ():
            value = params
            for key in change.split("=")[0].split("."):
                value = value[key]
        for target in options.targets or () if arguments[0] == "repro" else ():
            stage, _, key = target.partition("@")
            each = stages[stage].get("foreach", "${}")
            assert not key or key in params[each[2:-1]], target


def test_make_has_the_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for (target,) in of("make"):
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M)
            known = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in known, link
