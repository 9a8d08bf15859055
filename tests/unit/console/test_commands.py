"""Every command of `lutong` explains itself and can speak JSON."""

import re
import subprocess
import sys
from collections.abc import Iterator
from inspect import cleandoc

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from lutong_console.cli.main import COMMANDS, app
from lutong_console.cli.summaries import help_of


def commands(group: TyperGroup, prefix: str = "lutong") -> Iterator[tuple[str, TyperCommand]]:
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{prefix} {name}", command


def test_every_command_is_explained_and_speaks_json() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    found = dict(commands(root))
    assert len(found) > 15
    for name, command in found.items():
        assert command.help, name
        assert "--json" in {option for parameter in command.params for option in parameter.opts}, name


def test_the_list_of_commands_shows_the_help_of_each() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    for name, place in COMMANDS.items():
        command = root.get_command(typer.Context(root), name)
        assert command is not None
        assert cleandoc(command.help or "") == help_of(place) != "", name


_LOADED = "import sys, lutong_console.cli.main as m; m.app(['--help'], standalone_mode=False); print(*sys.modules)"


def test_help_is_quick_and_imports_no_command() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert not {"pydantic", "httpx", "aiokafka", "asyncpg"} & set(done.stdout.split("\n")[-2].split())


_AS_IN_THE_IMAGE = """
import sys
sys.path[:] = [path for path in sys.path if not path.endswith("deploy/local")]
sys.argv = ["lutong", *sys.argv[1:]]
from lutong_console.cli.main import main
main()
"""


def in_the_image(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line where the local stack is not installed."""
    return subprocess.run(
        [sys.executable, "-c", _AS_IN_THE_IMAGE, *arguments], capture_output=True, text=True, check=False
    )


def test_the_image_shows_only_commands_that_it_can_run() -> None:
    shown = in_the_image("--help").stdout
    assert "doctor" in shown
    assert "databases" in shown
    assert not {"demo", "up", "down", "replay"} & set(re.findall(r"^  (\w+)", shown, re.MULTILINE))


def test_a_command_of_the_local_stack_explains_why_the_image_lacks_it() -> None:
    done = in_the_image("up")
    assert done.returncode == 2
    assert "lutong up needs the local stack" in done.stderr


def test_the_image_names_commands_that_are_typed_beside_it() -> None:
    done = in_the_image("doctor", "--stack", "nowhere")
    assert (done.returncode, "next: docker compose up --detach --wait" in done.stderr) == (3, True)


@pytest.mark.parametrize("command", [("topics", "list", "--json"), ("acl", "plan", "--help"), ("databases", "--help")])
def test_jobs_of_a_deployment_run_without_the_local_stack(command: tuple[str, ...]) -> None:
    assert in_the_image(*command).returncode == 0
