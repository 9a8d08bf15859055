"""Every command of `lutong` explains itself and can speak JSON."""

from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from lutong_console.app import app


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
