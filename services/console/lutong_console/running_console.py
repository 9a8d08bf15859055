"""The web console that runs beside a local stack or in a container: where it is, a link into it, and its end.

It is written to `console.json` beside the stack, in a container to its own /tmp, for its owner's eyes only: who can read that
file may ask it for a link.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from lutong_console.cli.errors import ConsoleError
from lutong_console.cli.screen import echo, emit_json, out
from lutong_console.targets import in_a_container

PORT: Final = 8900
_START_TIMEOUT_S: Final = 20.0
_ANSWER_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A console that listens: where, and where people find it; its process, and the key by which its owner asks for links."""

    url: str
    shown: str
    pid: int
    started: str
    key: str


def write_down(stack: str, url: str, shown: str) -> Running | None:
    """Note that this process is the console of a stack; None where there is no folder of such a stack."""
    path = _file(stack)
    if path is None or not path.parent.is_dir():
        return None
    running = Running(url, shown, os.getpid(), _started_at(path), secrets.token_urlsafe(24))
    scratch = path.with_name(".console.json")
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(asdict(running)), encoding="utf-8")
    scratch.replace(path)
    return running


def forget(stack: str) -> None:
    """The console of this process has ended."""
    path = _file(stack)
    if path and (running := _read(path)) and running.pid == os.getpid():
        path.unlink(missing_ok=True)


def find(stack: str) -> Running | None:
    """The console that runs beside a stack."""
    path = _file(stack)
    running = _read(path) if path else None
    return running if running and path and _is_alive(running, path) else None


def name_page(stack: str, path: str) -> None:
    """Name the page that shows the same, where a console runs beside the stack."""
    if running := find(stack):
        echo(f"page: {running.shown}{path}")


def link(running: Running) -> str:
    """A link into a console that is good once."""
    try:
        headers = {"authorization": f"Bearer {running.key}"}
        answer = httpx.post(f"{running.url}/tickets", headers=headers, timeout=_ANSWER_TIMEOUT_S, trust_env=False)
        return f"{running.shown}/sign-in?ticket={answer.raise_for_status().json()['ticket']}"
    except httpx.HTTPError as error:
        message = f"the console at {running.url} does not answer ({type(error).__name__})"
        raise ConsoleError(message, then="lutong console --port 0") from None


def show_link(link: str, *, as_json: bool) -> None:
    """Print a link, in both languages."""
    if as_json:
        emit_json({"url": link})
        return
    out.print(f"open 打开 {link}")
    echo("the link is good once, for ten minutes 链接十分钟内有效，只能用一次")


def start(stack: str) -> Running:
    """The console of a local stack, started when none listens; it ends with the stack.

    One that is ending, as it saw the stack end before this start of it, is waited for.
    """
    from lutong_local.ports import is_free
    from lutong_local.stack import home

    if not _wait(lambda: (found := find(stack)) is None or _listens(found)):
        raise ConsoleError(
            f"the console of before neither answers nor ends; its log is {home() / stack / 'console.log'}",
            then=f"lutong down --stack {stack}, then lutong up --stack {stack}",
        )
    if running := find(stack):
        return running
    port = str(PORT if is_free(PORT) else 0)
    command = [sys.executable, "-m", "lutong_console.cli.main", "console", "--stack", stack, "--port", port, "--beside"]
    with (home() / stack / "console.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own arguments, no shell
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    if not _wait(lambda: find(stack) is not None or process.poll() is not None) or (found := find(stack)) is None:
        raise ConsoleError(
            f"the console did not start; its log is {home() / stack / 'console.log'}", then="lutong console"
        )
    return found


def stop(stack: str) -> None:
    """End the console that runs beside a stack."""
    if running := find(stack):
        with suppress(ProcessLookupError):  # it ended by itself just now
            os.kill(running.pid, signal.SIGTERM)
        _wait(lambda: find(stack) is None)


def has_ended(stack: str) -> bool:
    """Whether nothing of a local stack runs any more."""
    from lutong_local.stack import home, load

    known = load(home() / stack)
    return known is None or not any(map(known.runs, known.children))


def _listens(running: Running) -> bool:
    """Whether a console takes connections: one that ends closes its port first."""
    where = urlsplit(running.url)
    try:
        socket.create_connection((where.hostname, where.port), _ANSWER_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _wait(condition: Callable[[], bool]) -> bool:
    ends_at = time.monotonic() + _START_TIMEOUT_S
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.05)  # a poll of the condition above
    return True


def _file(stack: str) -> Path | None:
    """None where the local stack is not installed, and this is no container either."""
    if in_a_container():
        return Path(tempfile.gettempdir()) / "console.json"
    try:
        from lutong_local.stack import home
    except ModuleNotFoundError:
        return None
    return home() / stack / "console.json"


def _read(path: Path) -> Running | None:
    try:
        return Running(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _started_at(path: Path) -> str:
    """When this process began. A container starts with an empty /tmp: there, nobody else can have written the file."""
    if in_a_container():
        return ""
    from lutong_local.processes import Child

    return Child.of(os.getpid(), path).started


def _is_alive(running: Running, path: Path) -> bool:
    if in_a_container():
        return Path(f"/proc/{running.pid}").exists()
    from lutong_local.processes import Child

    return Child(running.pid, running.started, str(path)).alive
