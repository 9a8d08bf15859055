"""lutong console: the web console of a running suite, on this machine."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer
import uvicorn

from lutong_chassis.http.load_shedding import IDLE_S
from lutong_console import running_console
from lutong_console.bearer import acting_as
from lutong_console.cli import given
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import echo
from lutong_console.running_console import PORT
from lutong_console.targets import Json, StackName, in_a_container, signer_of, suite
from lutong_console.web.access import Access
from lutong_console.web.app import create
from lutong_console.web.openid import Issuer, OpenId
from lutong_console.web.people import People

_LOOKS_EVERY_S: Final = 2.0
_LOOPBACK: Final = "127.0.0.1"


def console(  # noqa: PLR0913  # one parameter per option
    stack: StackName = "default",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where it listens; 0 takes a free one.")] = PORT,
    host: Annotated[
        str, typer.Option("--host", help="The address it listens on.", envvar="LUTONG_CONSOLE_HOST")
    ] = _LOOPBACK,
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody change anything.")] = False,
    issuer: Annotated[
        str, typer.Option("--issuer", help="People sign in at this OpenID issuer.", envvar="LUTONG_CONSOLE_ISSUER")
    ] = "",
    client_id: Annotated[
        str, typer.Option("--client-id", help="What it calls us.", envvar="LUTONG_CONSOLE_CLIENT_ID")
    ] = "lutong-console",
    public_url: Annotated[
        str, typer.Option("--public-url", help="Where people reach us: https://…", envvar="LUTONG_CONSOLE_URL")
    ] = "",
    probe_every_s: Annotated[
        float,
        typer.Option(
            "--probe-every",
            help="Make a synthetic journey every so many seconds; 0: none.",
            envvar="LUTONG_CONSOLE_PROBE_EVERY_S",
            callback=given.seconds,
        ),
    ] = 0,
    beside: Annotated[bool, typer.Option("--beside", hidden=True, help="End when the local stack does.")] = False,
    as_json: Json = False,
) -> None:
    """Serve the web console on this machine, with your rights, until Ctrl-C; the link that it prints is good once.

    `lutong up` starts one: then this prints another link into that one, and ends. With --issuer, people sign in there,
    each with the role of their ID token; a confidential client's secret is in the file LUTONG_CONSOLE_CLIENT_SECRET_FILE.
    """
    probes = probe_every_s and not in_a_container()  # there it is in the environment of every command
    is_another = issuer or read_only or beside or probes
    if not is_another and port == PORT and (running := running_console.find(stack)):
        running_console.show_link(running_console.link(running), as_json=as_json)
        return
    access = Access(may_change=not read_only, is_secure=public_url.startswith("https:"))
    here = public_url.rstrip("/") or f"http://127.0.0.1:{port}"
    people = _people(stack, Issuer(issuer, client_id, f"{here}/sign-in/back", _secret())) if issuer else None
    server = Server(
        create(suite(stack), stack, access, people, probe_every_s), port, access, as_json=as_json, host=host
    )
    server.shown = public_url.rstrip("/")
    server.written_down_as = stack if in_a_container() or not read_only else None
    server.beside = stack if beside else None
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn handles it
    try:
        with suppress(SystemExit):  # of uvicorn, in silence, when it cannot listen
            server.run()
    finally:
        running_console.forget(stack)
    if not server.started:
        raise ConsoleError(f"port {port} of {host} is taken", then="lutong console --port 0", code=USAGE)


def _people(stack: str, issuer: Issuer) -> People:
    """Each acts as themselves: the key of the suite signs a token for the role that the issuer vouches for."""
    signer = signer_of(stack)
    return People(OpenId(issuer), lambda who: acting_as(signer, who))


def _secret() -> str:
    file = os.environ.get("LUTONG_CONSOLE_CLIENT_SECRET_FILE")
    try:
        return Path(file).read_text(encoding="utf-8").strip() if file else ""
    except OSError as error:
        raise ConsoleError(f"LUTONG_CONSOLE_CLIENT_SECRET_FILE {file}: {type(error).__name__}", code=USAGE) from None


class Server(uvicorn.Server):
    """Prints the link once it listens, but not into the log of a container: who may exec there asks for one.

    `shown`: where people find it; `beside`: the stack with which it ends.
    """

    written_down_as: str | None = None
    beside: str | None = None
    shown: str = ""

    def __init__(self, app: object, port: int, access: Access, *, as_json: bool, host: str = _LOOPBACK) -> None:
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]  # any ASGI application
                host,
                port,
                log_level="critical",
                timeout_graceful_shutdown=2,
                timeout_keep_alive=IDLE_S,
                loop="asyncio",  # uvloop cannot close while a browser's connection is, and ends with an OSError then
            )
        )
        self.access = access
        self.as_json = as_json

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # its type is loose
        """Uvicorn's own, then the link."""
        await super().startup(sockets)  # type: ignore[arg-type]  # as it came
        if not self.started:
            return
        url = f"http://{_LOOPBACK}:{self.servers[0].sockets[0].getsockname()[1]}"
        shown = self.shown or url
        if self.written_down_as and (running := running_console.write_down(self.written_down_as, url, shown)):
            self.access.owner_key = running.key
        if self.beside:
            self._end_with(self.beside)
            return
        if in_a_container():
            echo(f"listening at {shown}; a link into it: docker compose exec console lutong console")
            return
        running_console.show_link(f"{shown}/sign-in?ticket={self.access.issue()}", as_json=self.as_json)

    def _end_with(self, stack: str) -> None:
        """Look again and again whether the stack still runs."""
        if running_console.has_ended(stack):
            self.should_exit = True
        else:
            asyncio.get_running_loop().call_later(_LOOKS_EVERY_S, self._end_with, stack)
