"""lutong upgrade plan: what the next `lutong up` changes in containers, and what people must do themselves."""

import typer

from lutong_console import upgrading
from lutong_console.cli.commands import containers
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.deployment import compose
from lutong_console.targets import Json

commands = typer.Typer(help="Upgrades of a deployment in containers: plan.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Upgrades of a deployment in containers."""


@commands.command()
def plan(*, as_json: Json = False) -> None:
    """Show what `lutong up --target compose` would make anew, why, how long that took last time, and what is done by hand."""
    found = containers.plan()
    changelog = compose().place.parent / "CHANGELOG.md"
    by_hand = upgrading.by_hand(changelog.read_text(encoding="utf-8")) if changelog.exists() else []
    if as_json:
        emit_json({"made_anew": [change._asdict() for change in found], "by_hand": by_hand})
        return
    if found:
        rows = [(change.piece, change.why, "?" if change.took_s is None else change.took_s) for change in found]
        out.print(table(["made anew", "why", "last time (s)"], rows))
        out.print("jobs run first, beside the services that run now: topics, rules, databases, migrations")
    else:
        out.print("nothing changes")
    for number, what in enumerate(by_hand, 1):
        out.print(f"by hand {number}: {what}")
