"""The `lutong` command, put together."""

import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from lutong_console import (
    acl,
    backup,
    databases,
    demo,
    doctor,
    given,
    init,
    journey,
    parked,
    repair,
    replay,
    schema,
    stack,
    streams,
    tail,
    tokens,
    topics,
    uplift,
)
from lutong_console.errors import INTERRUPTED, ConsoleError
from lutong_console.screen import err, line
from lutong_console.verify.command import verify

EXAMPLES = """Run the suite, watch it, ask it, repair it.

\b
Examples:
  lutong demo                      play the four roads, then tear down
  lutong up && lutong status       start the suite and see it ready
  lutong tail orders --since 10m   what is said about orders
  lutong journey ID                one road from end to end
  lutong parked list               what could not be handled
  lutong verify                    does everything still add up?
  lutong uplift watsons            what light membership changed for a merchant
  lutong replay DIR --json         feed real data through the public interfaces

Exit codes: 0 ok, 1 problem found, 2 usage, 3 unreachable.
"""

app = typer.Typer(
    help=EXAMPLES, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        typer.echo(f"lutong {version('lutong-console')}")
        raise typer.Exit


@app.callback(help=EXAMPLES)
def _root(
    *,
    _shown: Annotated[
        bool, typer.Option("--version", help="Show the version, and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `lutong` itself."""


for command in (
    demo.demo,
    stack.up,
    stack.down,
    stack.status,
    stack.logs,
    journey.journey,
    tail.tail,
    replay.replay,
    verify,
    uplift.uplift,
    doctor.doctor,
    repair.republish,
    init.init,
    backup.backup,
    backup.restore,
    tokens.token,
    tokens.keys,
):
    app.command()(command)
app.add_typer(topics.commands, name="topics")
app.add_typer(parked.commands, name="parked")
app.add_typer(schema.commands, name="schema")
app.add_typer(acl.commands, name="acl")
app.add_typer(databases.commands, name="databases")


def main() -> None:
    """Run the command line; expected failures are one sentence and the next command to run."""
    streams.install()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being told to stop is like Ctrl-C: clean up first
    try:
        app()
    except ConsoleError as error:
        err.print(line(("error", "bold red"), " ", error))
        if error.then:
            err.print(f"next: {given.here(error.then)}")
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
