"""The `lutong` command, put together. A command is imported when it is called: each starts without the others' imports."""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from lutong_console.cli import frame, given, streams
from lutong_console.cli.errors import INTERRUPTED, USAGE, ConsoleError
from lutong_console.cli.screen import err, line
from lutong_console.cli.summaries import help_of

COMMANDS: Final = {
    "demo": "cli.demo.command:demo",
    "up": "cli.commands.stack:up",
    "down": "cli.commands.stack:down",
    "restart": "cli.commands.stack:restart",
    "status": "cli.commands.stack:status",
    "logs": "cli.commands.stack:logs",
    "journey": "cli.commands.journey:journey",
    "lag": "cli.commands.lag:lag",
    "console": "cli.commands.console:console",
    "reader": "cli.commands.reader:reader",
    "tail": "cli.commands.tail:tail",
    "import": "imports.command:import_files",
    "replay": "cli.replay.command:replay",
    "verify": "verify.command:verify",
    "probe": "probe.command:probe",
    "uplift": "cli.uplift.command:uplift",
    "stores": "cli.stores.command:commands",
    "light-stores": "cli.light_stores.command:commands",
    "pushes": "cli.accounts.pushes:commands",
    "traffic": "cli.accounts.traffic:commands",
    "promotions": "cli.accounts.promotions:commands",
    "rankings": "cli.rankings.command:commands",
    "funnel": "cli.funnel.command:funnel",
    "audit": "cli.commands.audit:audit",
    "publishers": "cli.commands.publishers:publishers",
    "doctor": "cli.commands.doctor:doctor",
    "republish": "cli.commands.republish:republish",
    "publish-entities": "cli.commands.entities:publish_entities",
    "preflight": "cli.commands.preflight:preflight",
    "scale": "cli.commands.scale:scale",
    "upgrade": "cli.commands.upgrade:commands",
    "init": "cli.commands.init:init",
    "backup": "cli.commands.backup:backup",
    "restore": "cli.commands.backup:restore",
    "resume": "cli.commands.resume:resume",
    "token": "cli.commands.tokens:token",
    "keys": "cli.commands.tokens:keys",
    "services": "cli.programs.services:commands",
    "capabilities": "cli.programs.capabilities:commands",
    "search": "cli.search.command:commands",
    "topics": "cli.commands.topics:commands",
    "parked": "cli.commands.parked:commands",
    "schema": "cli.commands.schema:commands",
    "acl": "cli.commands.acl:commands",
    "databases": "cli.commands.databases:commands",
}
"""By name, the module of this package and the function, or group of commands, in it."""

_LOCAL: Final = frozenset(
    {
        "demo", "up", "down", "restart", "status", "logs", "reader", "replay", "search", "backup", "restore", "scale",
        "upgrade", "preflight",
    }
)  # fmt: skip
"""Commands that run Kafka, PostgreSQL or its tools from wheels: the image of the command line contains none of these."""

EXAMPLES = """Run the suite, watch it, ask it, repair it.

\b
Examples:
  lutong demo                      play eight roads, then tear down
  lutong up && lutong status       start the suite and see it ready
  lutong tail orders --since 10m   events about orders
  lutong journey ID                one road from end to end
  lutong reader                    read the feed in a browser, join and order
  lutong parked list               what could not be handled
  lutong audit --since 1d          who did what, and why
  lutong verify                    does everything still add up?
  lutong probe                     does a whole road go through, just now?
  lutong uplift watsons            what light membership changed for a merchant
  lutong stores report watsons     what each store did with its orders
  lutong light-stores drift T      which shops of a brand differ from its template
  lutong pushes quota ACCOUNT      how many pushes are left to a life account
  lutong traffic show PROGRAM      page views that its own visitors earned
  lutong promotions list PROGRAM   places that it pays for with them
  lutong services list MERCHANT    services without goods that wait for their merchant
  lutong capabilities show PROGRAM what a program may use
  lutong rankings programs         which programs people use most
  lutong funnel POST               from impressions to settled orders, per repost
  lutong import stores.csv         take in what you have, row by row
  lutong replay DIR --json         import a folder, have its orders served, add up
  lutong search eval DIR           how well services are found, beside BM25

Exit codes: 0 ok, 1 problem found, 2 usage, 3 unreachable.
"""


class Commands(TyperGroup):
    """The commands of the table, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  # click's own signature
        """Names of the commands of this installation, in the order of the table."""
        return [name for name in COMMANDS if name not in _LOCAL or _has_local_stack()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002  # click's own signature
        """The command of a name, or None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in _LOCAL and not _has_local_stack():
            raise ConsoleError(
                f"lutong {cmd_name} needs the local stack, which this installation does not contain",
                then="run it in a checkout: make setup",
                code=USAGE,
            )
        return _made(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  # click's own signature
        """List the commands, none of which is imported for that."""
        shown: dict[str, Any] = {
            name: TyperCommand(name, help=help_of(COMMANDS[name])) for name in self.list_commands(ctx)
        }
        TyperGroup(commands=shown).format_commands(ctx, formatter)


def _has_local_stack() -> bool:
    return find_spec("lutong_local") is not None


def _made(name: str) -> TyperCommand | TyperGroup:
    """Typer's command, with the settings of `app`."""
    module, _, attribute = COMMANDS[name].partition(":")
    found: Callable[..., None] | typer.Typer = getattr(import_module(f"lutong_console.{module}"), attribute)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    holder.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    group = typer.main.get_command(holder)
    made: TyperCommand | TyperGroup = group.commands[name]  # type: ignore[attr-defined]  # a callback makes it a group
    return made


app = typer.Typer(
    cls=Commands,
    help=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        from lutong_contracts.version import VERSION  # takes a second, with the models that are imported by it

        typer.echo(f"lutong {VERSION}")
        raise typer.Exit


@app.callback(help=EXAMPLES)
def lutong(
    *,
    _shown: Annotated[
        bool, typer.Option("--version", help="Show the version, and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `lutong` itself."""


def main() -> None:
    """Run the command line; expected failures are one sentence and the next command to run."""
    streams.install()
    if not _has_local_stack():
        given.be_in_an_image("console")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM is like Ctrl-C: clean up first
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get(frame.SHOWN):
            raise
        _end(frame.explained(error))


def _end(error: ConsoleError) -> None:
    err.print(line(("error", "bold red"), " ", error))
    if error.then:
        err.print(f"next: {given.here(error.then)}")
    sys.exit(error.code)


if __name__ == "__main__":
    main()
