"""lutong console: the web console of a running suite, on this machine."""

import asyncio
import signal
from typing import Annotated, Final

import typer
import uvicorn

from lutong_console import running_console
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.running_console import PORT
from lutong_console.targets import Json, StackName, suite
from lutong_console.web.access import Access
from lutong_console.web.app import create

_LOOKS_EVERY_S: Final = 2.0


def console(  # one parameter per option
    stack: StackName = "default",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where it listens; 0 takes a free one.")] = PORT,
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody change anything.")] = False,
    beside: Annotated[bool, typer.Option("--beside", hidden=True, help="End when the local stack does.")] = False,
    as_json: Json = False,
) -> None:
    """Serve the web console on this machine, with your rights, until Ctrl-C; the link that it prints is good once.

    `lutong up` starts one: then this prints another link into that one, and ends.
    """
    if not (read_only or beside) and port == PORT and (running := running_console.find(stack)):
        running_console.show_link(running_console.link(running), as_json=as_json)
        return
    access = Access(may_change=not read_only)
    server = Server(create(suite(stack), stack, access), port, access, as_json=as_json)
    server.written_down_as = None if read_only else stack
    server.beside = stack if beside else None
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn handles it
    try:
        server.run()
    finally:
        running_console.forget(stack)
    if not server.started:
        raise ConsoleError(f"port {port} of 127.0.0.1 is taken", then="lutong console --port 0", code=USAGE)


class Server(uvicorn.Server):
    """Listens on loopback only, and prints the link once it does. `beside`: the stack with which it ends."""

    written_down_as: str | None = None
    beside: str | None = None

    def __init__(self, app: object, port: int, access: Access, *, as_json: bool) -> None:
        super().__init__(
            uvicorn.Config(app, "127.0.0.1", port, log_level="critical", timeout_graceful_shutdown=2)  # type: ignore[arg-type]  # any ASGI application
        )
        self.access = access
        self.as_json = as_json

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # its type is loose
        """Uvicorn's own, then the link."""
        await super().startup(sockets)  # type: ignore[arg-type]  # as it came
        if not self.started:
            return
        url = f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"
        if self.written_down_as and (running := running_console.write_down(self.written_down_as, url)):
            self.access.owner_key = running.key
        if self.beside:
            self._end_with(self.beside)
            return
        running_console.show_link(f"{url}/sign-in?ticket={self.access.issue()}", as_json=self.as_json)

    def _end_with(self, stack: str) -> None:
        """Look again and again whether the stack still runs."""
        if running_console.has_ended(stack):
            self.should_exit = True
        else:
            asyncio.get_running_loop().call_later(_LOOKS_EVERY_S, self._end_with, stack)
