"""lutong console: the web console of a running suite, on this machine."""

import signal
from typing import Annotated, Final

import typer
import uvicorn

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out
from lutong_console.targets import Json, StackName, suite
from lutong_console.web.access import Access
from lutong_console.web.app import create

PORT: Final = 8900


def console(
    stack: StackName = "default",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where it listens; 0 takes a free one.")] = PORT,
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody change anything.")] = False,
    as_json: Json = False,
) -> None:
    """Serve the web console on this machine, with your rights, until Ctrl-C; the link that it prints is good once."""
    access = Access(may_change=not read_only)
    server = Server(create(suite(stack), stack, access), port, access, as_json=as_json)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn handles it
    server.run()
    if not server.started:
        raise ConsoleError(f"port {port} of 127.0.0.1 is taken", then="lutong console --port 0", code=USAGE)


class Server(uvicorn.Server):
    """Listens on loopback only, and prints the link once it does."""

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
        port = self.servers[0].sockets[0].getsockname()[1]
        link = f"http://127.0.0.1:{port}/sign-in?ticket={self.access.issue()}"
        if self.as_json:
            emit_json({"url": link})
            return
        out.print(f"open {link}")
        echo("the link is good once, for ten minutes; Ctrl-C ends")
