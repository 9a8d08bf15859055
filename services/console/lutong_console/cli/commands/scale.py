"""lutong scale: several replicas of a service in containers."""

import re
from typing import Annotated

import typer

from lutong_console.cli.commands import containers
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, out
from lutong_console.targets import Json


def scale(
    what: Annotated[str, typer.Argument(help="A service and how many: feed=3.")],
    *,
    ports: Annotated[str, typer.Option("--ports", help="Theirs, as 18101-18103; free ones when none are given.")] = "",
    as_json: Json = False,
) -> None:
    """Run several replicas of a service in containers; remembered in deploy/.env. They share its partitions (12 per topic)."""
    found = re.fullmatch(r"([a-z]+)=([1-9][0-9]?)", what)
    if found is None:
        raise ConsoleError(f"{what!r} is no service and number", then="lutong scale feed=3", code=USAGE)
    given = containers.scale(found[1], int(found[2]), ports)
    if as_json:
        emit_json({"service": found[1], "replicas": int(found[2]), "ports": given})
    else:
        out.print(f"{found[2]} of {found[1]} at {given}")
