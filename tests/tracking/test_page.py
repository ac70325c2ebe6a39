"""Every command of docs/tracking.md is one that its tool takes (`test_serving` runs some)."""

import re
import shlex
from pathlib import Path

from tracking_page import PAGE, commands

ROOT = Path(__file__).parents[2]


def of(tool: str) -> list[list[str]]:
    """Arguments of the page's commands that start with this word."""
    found = [shlex.split(line)[1:] for line in commands() if line.split()[0] == tool]
    assert found
    return found


def test_the_page_has_no_other_tools() -> None:
    tools = {line.split()[0] for line in commands()}
    assert tools == {"make", "inkbench", "dvc", "mlflow", "export", "curl"}


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


def test_dvc_takes_its_commands_and_the_parameters_exist() -> None:
    import yaml
    from dvc.cli import parse_args

    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for arguments in of("dvc"):
        options = parse_args(arguments)
        for change in getattr(options, "set_param", None) or ():
            value = params
            for key in change.split("=")[0].split("."):
                value = value[key]


def test_make_has_the_target() -> None:
    for (target,) in of("make"):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_variables_are_those_of_mlflow_and_s3() -> None:
    from mlflow import environment_variables
    from mlflow.utils import credentials

    known = vars(environment_variables) | vars(credentials)
    for (setting,) in of("export"):
        name = setting.split("=")[0]
        assert name in known or name.startswith("AWS_")


def test_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"\]\(([\w-]+\.png)\)", PAGE.read_text("utf-8"))
    assert len(pictures) == 4
    for name in pictures:
        assert PAGE.with_name(name).stat().st_size < 150_000
