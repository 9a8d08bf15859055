"""lutong up, down, status, logs: the suite on this machine."""

import asyncio
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from lutong_console import running_console
from lutong_console.chosen import PROFILES, SIZES, Choice
from lutong_console.cli import given
from lutong_console.cli.commands import containers
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, err, line, out, table
from lutong_console.deployment import COMPOSE, compose
from lutong_console.health import ANSWER_TIMEOUT_S, Health, of_kafka, of_postgres, of_service
from lutong_console.targets import Json, StackName, Suite, nothing_runs, stack_named
from lutong_contracts.topics import SERVICES
from lutong_local import stack as local
from lutong_local.postgres import left_behind
from lutong_local.processes import LocalError
from lutong_local.stack import Stack, home


def start(name: str) -> Stack:
    """Start a stack, showing what it is waiting for; everything is stopped again on Ctrl-C."""
    with err.status("starting") if err.is_terminal else nullcontext() as status:
        try:
            return local.up(home() / name, status.update if status else echo)
        except SystemExit:  # nobody reads any more, and all is stopped again: that is not what was asked for
            raise SystemExit(PROBLEM) from None
        except LocalError as error:
            then = f"lutong down --stack {name} --purge" if _removed(name) else f"lutong logs --stack {name}"
            raise ConsoleError(str(error), then=then) from None


def up(  # noqa: PLR0913  # one for each option
    stack: StackName = "default",
    *,
    no_console: Annotated[bool, typer.Option("--no-console", help="Start no web console.")] = False,
    profile: Annotated[
        str | None,
        typer.Option("--profile", help=f"Of containers: {', '.join(PROFILES)}, or none; remembered."),
    ] = None,
    override: Annotated[
        str | None, typer.Option("--override", help="Of containers: production, or none; remembered.")
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", help=f"Of containers: {', '.join(SIZES)}, or none; remembered.")
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Of containers: build the images first.")] = False,
    as_json: Json = False,
) -> None:
    """Start Kafka, PostgreSQL and the four services, as far as they do not run: on this machine, or in containers.

    Of containers, what changed is made anew: migrations run first, beside the services of before.
    """
    began, choice = time.monotonic(), Choice(profile, override, size)
    if stack == COMPOSE:
        seconds = containers.up(choice, build=build)
        if as_json:
            emit_json({"stack": stack, "made_anew": seconds, "services": _deployed_urls()})
            return
        out.print(table(["service", "url"], sorted(_deployed_urls().items())))
        out.print(f"up in {time.monotonic() - began:.1f} s")
        echo(given.here("next: lutong status · lutong doctor · lutong down"))
        return
    if choice != Choice() or build:
        raise ConsoleError(
            "--profile, --override, --size and --build are of containers", then="lutong up --target compose", code=USAGE
        )
    running = start(stack)
    link = None if no_console else running_console.link(running_console.start(stack))
    if as_json:
        emit_json({"stack": stack, "kafka": running.kafka_bootstrap, "services": _urls(running), "console": link})
        return
    out.print(table(["service", "url"], sorted(_urls(running).items())))
    out.print(f"up in {time.monotonic() - began:.1f} s; Kafka at {running.kafka_bootstrap}")
    if link:
        running_console.show_link(link, as_json=False)
    echo(given.here("next: lutong reader · lutong status · lutong tail · lutong down"))


def down(
    stack: StackName = "default",
    *,
    purge: Annotated[bool, typer.Option("--purge", "--volumes", help="Remove the data too.")] = False,
    as_json: Json = False,
) -> None:
    """Stop the suite. Its data stays for the next `lutong up`, unless purged."""
    if stack == COMPOSE:
        stopped = containers.down(purge=purge)
        if as_json:
            emit_json({"stack": stack, "stopped": stopped, "purged": purge})
        else:
            out.print("stopped" + (" and purged" if purge else "") if stopped else "nothing was running")
        return
    running = stack_named(stack) or (_removed(stack) if purge else None)
    running_console.stop(stack)
    if running is not None:
        local.down(running, echo, purge=purge)
    if as_json:
        emit_json({"stack": stack, "stopped": running is not None, "purged": purge and running is not None})
    else:
        out.print("stopped" + (" and purged" if purge else "") if running else "nothing was running")


def _removed(name: str) -> Stack | None:
    """A stack of which only the cluster is left."""
    stack = stack_named(name) or Stack(home() / name)
    return stack if left_behind(stack.directory, stack.password) else None


def restart(
    service: Annotated[str, typer.Argument(help="feed, registry, membership or inventory.")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Stop one service and start it again, in containers with the secrets and settings as they are now; the others go on."""
    if stack == COMPOSE:
        containers.restart(service)
        emit_json({"stack": stack, "restarted": service}) if as_json else out.print(f"{service} is ready again")
        return
    running = _that_runs(stack)
    if service not in SERVICES:
        raise ConsoleError(f"there is no service {service!r}: there are {', '.join(SERVICES)}", code=USAGE)
    try:
        local.stop_service(running, service)
        local.start_service(running, service)
        local.wait_until_ready(running, (service,), echo)
    except LocalError as error:
        raise ConsoleError(str(error), then=f"lutong logs {service} --stack {stack}") from None
    if as_json:
        emit_json({"stack": stack, "restarted": service})
    else:
        out.print(f"{service} is ready again")


def status(stack: StackName = "default", *, as_json: Json = False) -> None:
    """Ask every piece whether it is well. Exit code 1 when one is not, 3 when nothing runs."""
    which = "container" if stack == COMPOSE else "pid"
    pieces = containers.status() if stack == COMPOSE else asyncio.run(_pieces(_that_runs(stack)))
    if stack == COMPOSE and all(piece["state"] == "absent" for piece in pieces):
        raise ConsoleError("no container of the suite is here", then="lutong up", code=UNREACHABLE)
    if as_json:
        emit_json(pieces)
    else:
        rows = [
            (p["piece"], line((p["state"], "green" if p["ready"] else "red")), p[which], p["where"], p["wrong"])
            for p in pieces
        ]
        out.print(table(["piece", "state", which, "where", "what is wrong"], rows))
    if not all(piece["ready"] for piece in pieces):
        echo(given.here("next: lutong doctor"))
        raise typer.Exit(PROBLEM)


def _that_runs(stack: str) -> Stack:
    running = stack_named(stack)
    if running is None or not running.children:
        raise nothing_runs(stack)
    return running


def logs(
    services: Annotated[list[str] | None, typer.Argument(help="Which pieces; all when none is named.")] = None,
    stack: StackName = "default",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of each.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    as_json: Json = False,
) -> None:
    """Show the ends of the logs; as JSON, one document per line of a log."""
    if stack == COMPOSE:
        for name, written in containers.logs(services or [], lines, follow=follow):
            _show_line(name, written, as_json=as_json)
        return
    directory = home() / stack
    everything = {"kafka": directory / "kafka" / "kafka.log", "postgres": directory / "postgres.log"}
    everything |= {service: directory / f"{service}.log" for service in SERVICES}
    unknown = set(services or ()) - set(everything)
    if unknown:
        raise ConsoleError(f"there is no piece {min(unknown)!r}: there are {', '.join(everything)}", code=2)
    chosen = {name: path for name, path in everything.items() if path.exists() and name in (services or everything)}
    if not chosen:
        raise ConsoleError(f"there are no logs in {directory}", then="lutong up", code=UNREACHABLE)
    places = {name: _show(name, path, lines, as_json=as_json) for name, path in chosen.items()}
    while follow:
        time.sleep(0.2)  # a poll of the files below
        for name, path in chosen.items():
            with path.open(errors="replace", newline="\n") as log:
                log.seek(places[name])
                for written in iter(log.readline, ""):
                    _show_line(name, written.rstrip("\n"), as_json=as_json)
                places[name] = log.tell()


def _show(name: str, path: Path, lines: int, *, as_json: bool) -> int:
    """Show the end of a log; gives where it ended, in bytes. Only what ends a line ends a line: texts may pretend."""
    content = path.read_bytes()
    for written in content.decode(errors="replace").removesuffix("\n").split("\n")[-lines:]:
        _show_line(name, written, as_json=as_json)
    return len(content)


def _show_line(name: str, written: str, *, as_json: bool) -> None:
    if as_json:
        emit_json({"piece": name, "line": written})
    else:
        out.print(line((name, "bold"), " ", written))


def _deployed_urls() -> dict[str, str]:
    return {service: compose().url(service) for service in SERVICES}


def _urls(stack: Stack) -> dict[str, str]:
    return {service: stack.url(service) for service in SERVICES}


async def _pieces(stack: Stack) -> list[dict[str, Any]]:
    """How each piece is; all are asked at once, so that one that is frozen does not keep the others waiting."""
    async with Suite.of(stack).client(ANSWER_TIMEOUT_S) as client:
        asked = {
            "kafka": of_kafka(stack.kafka),
            "postgres": of_postgres(stack.admin_url),
            **{service: of_service(client, stack.url(service)) for service in SERVICES},
        }
        found = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    return [_piece(stack, name, found[name]) for name in asked]


def _piece(stack: Stack, name: str, health: Health) -> dict[str, Any]:
    child = stack.children.get(name)
    alive = bool(child and child.alive)
    health = health if alive else Health("stopped", "its process has ended")
    return {
        "piece": name,
        "state": health.state,
        "ready": health.well,
        "pid": child.pid if child and alive else None,
        "where": stack.url(name) if name in SERVICES else f"127.0.0.1:{stack.ports[name]}",
        "wrong": health.wrong,
    }
