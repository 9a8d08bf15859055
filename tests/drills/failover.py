"""PostgreSQL's primary dies and its replica takes over: with synchronous replication nothing may be lost, without it something may."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from lutong_contracts.topics import SERVICES
from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, start, stop
from lutong_local.stack import Stack, save
from tests.drills.disks import children_of
from tests.drills.drill import Drill, Scene
from tests.drills.sql import on
from tests.support.harness import until

ROUNDS: Final = 3
_BEHIND_S: Final = 1.0
"""How long an asynchronous replica has received nothing when its primary dies."""
_PLACES: Final = Path("/var/tmp/lutong")  # noqa: S108  # where PostgreSQL is, when we are root


@dataclass(slots=True)
class Replica:
    """A server that follows the primary, and takes over from it."""

    child: Child
    port: int
    data: Path


def knows_both(stack: Stack, service: str) -> dict[str, str]:
    """The address of a service that takes whichever of two servers is the primary."""
    stack.ports.setdefault("replica", free_port())
    there = urlsplit(stack.database_urls[service])
    hosts = f"127.0.0.1:{stack.ports['postgres']},127.0.0.1:{stack.ports['replica']}"
    login = there.netloc.rpartition("@")[0]
    return {"LUTONG_DATABASE_URL": f"postgresql://{login}@{hosts}{there.path}?target_session_attrs=read-write"}


def follow(stack: Stack, port: int, number: int) -> Replica:
    """Copy the primary, and follow it. The command is the primary's own, with another folder and port."""
    data = _PLACES / f"replica-{os.getpid()}-{number}"
    data.mkdir(mode=0o700)
    user = pwd.getpwnam("nobody")
    os.chown(data, user.pw_uid, user.pw_gid)
    running = Path(f"/proc/{stack.children['postgres'].pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    copy = [str(Path(running[0]).with_name("pg_basebackup")), "-D", str(data), "-d", stack.admin_url, "-R"]
    subprocess.run(
        [*copy, "-X", "stream", "-c", "fast"],
        check=True,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        cwd="/",
    )
    running[running.index("-D") + 1], running[running.index("-p") + 1] = str(data), str(port)
    log = stack.directory / f"replica-{number}.log"
    return Replica(start(Command(running, os.environ, log, user.pw_uid, dies_with_parent=True)), port, data)


async def _follows(stack: Stack, *, synchronous: bool) -> None:
    wanted = "sync" if synchronous else "async"

    async def so() -> bool:
        rows = await on(stack, "SELECT sync_state, state FROM pg_stat_replication")
        return [tuple(row) for row in rows] == [(wanted, "streaming")]

    await until(so, f"the replica follows: {wanted}", 60)


async def fail_over(scene: Scene, *, synchronous: bool, rounds: int) -> None:
    """The primary dies with all its processes; the replica is promoted; a new replica follows it on the port that became free."""
    stack = scene.stack
    folders: list[Path] = []
    try:
        for number in range(rounds):
            replica = await asyncio.to_thread(follow, stack, stack.ports["replica"], number)
            folders.append(replica.data)
            await _answers(stack, replica.port)
            names = "*" if synchronous else ""
            set_names = f"ALTER SYSTEM SET synchronous_standby_names = '{names}'"
            await on(stack, set_names, "SELECT pg_reload_conf()")
            await _follows(stack, synchronous=synchronous)
            await scene.flows(10)
            if not synchronous:
                await _fall_behind(scene)
            await _die(scene)
            await _take_over(scene, replica)
            scene.done["faults"] += 1
            if number + 1 == rounds:  # the last one has no replica, and waits for none
                no_names = "ALTER SYSTEM SET synchronous_standby_names = ''"
                await on(stack, no_names, "SELECT pg_reload_conf()", port=replica.port)
                await scene.flows(10)
    finally:
        for folder in folders[:-1]:
            shutil.rmtree(folder, ignore_errors=True)


async def _answers(stack: Stack, port: int) -> None:
    async def so() -> bool:
        try:
            return bool(await on(stack, "SELECT 1", port=port))
        except (OSError, asyncpg.PostgresError):
            return False

    await until(so, f"the server on port {port} answers", 60)


async def _fall_behind(scene: Scene) -> None:
    """Let the primary send nothing for a moment, and have it die in it: what is acknowledged meanwhile is nowhere else."""
    for pid in filter(_sends, children_of(scene.stack.children["postgres"].pid)):
        os.kill(pid, signal.SIGSTOP)
    before = scene.answered
    await asyncio.sleep(_BEHIND_S)  # how far the replica is behind
    scene.done["answered yes of what is not replicated"] += scene.answered - before


def _sends(pid: int) -> bool:
    return b"walsender" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def _die(scene: Scene) -> None:
    primary = scene.stack.children["postgres"]
    for pid in [primary.pid, *children_of(primary.pid)]:
        os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(stop, primary, signal.SIGKILL)


async def _take_over(scene: Scene, replica: Replica) -> None:
    stack = scene.stack
    await on(stack, "SELECT pg_promote()", port=replica.port)
    stack.children["postgres"] = replica.child
    before = stack.ports["postgres"]
    stack.ports["postgres"], stack.ports["replica"] = replica.port, before
    for service in SERVICES:
        stack.database_urls[service] = stack.database_urls[service].replace(f":{before}/", f":{replica.port}/")
    save(stack)


def _lacks() -> str | None:
    return None if os.geteuid() == 0 else "a replica of the local server needs root: it is made as `nobody`"


DRILLS: Final = (
    Drill(
        "failover-synchronous",
        partial(fail_over, synchronous=True, rounds=ROUNDS),
        ROUNDS,
        environment_of=knows_both,
        lacks=_lacks,
    ),
    Drill(
        "failover-asynchronous",
        partial(fail_over, synchronous=False, rounds=1),
        1,
        environment_of=knows_both,
        lacks=_lacks,
        costs="asynchronous: what was acknowledged and not replicated is lost",
    ),
)
