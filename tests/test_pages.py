"""Commands and links in the documentation are valid (other tests run many of the commands)."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md"]


def commands(page: Path) -> list[list[str]]:
    """The commands in a page's shell blocks, split into words."""
    text = page.read_text("utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    lines += re.findall(r"^\$ (.*)$", text, re.M)
    parts = [part for line in lines for part in line.split(" && ")]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


ALL = [words for page in PAGES for words in commands(page)]


def arguments_of(tool: str) -> list[list[str]]:
    """Arguments of the documented commands of a tool."""
    commands = [words[1:] for words in ALL if words[0] == tool]
    assert commands
    return commands


def test_documentation_uses_only_known_tools():
    assert {words[0] for words in ALL} == {
        *(".", "cd", "cp", "curl", "export", "git", "mkdir"),
        *("dvc", "inkbench", "kaggle", "make", "mlflow", "ray"),
    }


def test_inkbench_commands_parse():
    from inkbench import cli

    for arguments in arguments_of("inkbench"):
        assert cli._parser().parse_args(arguments).run


def test_mlflow_commands_parse():
    import click
    from mlflow.cli import cli

    for arguments in arguments_of("mlflow"):
        command, context = cli, None
        while isinstance(command, click.Group):
            context = command.make_context(command.name, arguments, context)
            _, command, arguments = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
        assert command.make_context(command.name, arguments, context).params


def test_dvc_commands_parse_and_name_existing_stages_and_params():
    from dvc.cli import parse_args

    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for arguments in arguments_of("dvc"):
        options = parse_args(arguments)
        for change in getattr(options, "set_param", None) or ():
            value = params
            for key in change.split("=")[0].split("."):
                value = value[key]
        for target in options.targets or () if arguments[0] == "repro" else ():
            stage, _, key = target.partition("@")
            each = stages[stage].get("foreach", "${}")
            assert not key or key in params[each[2:-1]], target


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for (target,) in arguments_of("make"):
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page):
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
