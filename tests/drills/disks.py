"""Disks that are full, that are slow, and that lose their power."""

import asyncio
import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from lutong_contracts.topics import SERVICES
from lutong_local import postgres
from lutong_local.processes import stop
from lutong_local.stack import start_piece, wait_for_piece
from tests.drills.drill import Drill, Scene, Surroundings
from tests.drills.sql import on
from tests.support.disks import Disk, fill, in_memory, run, why_no_disks

TIMES: Final = 10
_HURTS_WITHIN_S: Final = 8.0
_FULL_S: Final = 3.0
_SLOW_S: Final = 30.0
_SIZE: Final = "700M"
_OUTBOX_SIZE: Final = "64m"

_disks: dict[str, Disk] = {}
"""The disk of this drill's stack, by what is on it."""


def _place_of(piece: str, directory: Path) -> Path:
    return postgres.data_directory(directory) if piece == "postgres" else directory / piece


def on_a_disk(piece: str) -> Surroundings:
    """Have a disk in a file for Kafka or PostgreSQL, as long as the block lasts."""

    @contextmanager
    def surroundings(directory: Path) -> Iterator[None]:
        disk = Disk(directory.parent / "disk.img", directory.parent / "disk", {piece: _place_of(piece, directory)})
        disk.make(_SIZE)
        try:
            disk.attach()
            _disks[piece] = disk
            yield
        finally:
            disk.detach()

    return surroundings


async def fill_the_disk_of(piece: str, scene: Scene) -> None:
    """Fill it, wait until it hurts, free it, and start what has died of it."""
    await _fill_and_free(scene, _disks[piece].mounted, piece)


async def _fill_and_free(scene: Scene, folder: Path, piece: str) -> None:
    for _ in range(TIMES):
        ballast = fill(folder)
        try:
            if await asyncio.to_thread(_hurts, scene, piece):
                scene.done["felt"] += 1
        finally:
            ballast.unlink()
        if not scene.stack.runs(piece):
            scene.done[f"ends of {piece}"] += 1
            await restart(scene, piece)
        scene.done["faults"] += 1
        await scene.flows(3)


def _hurts(scene: Scene, piece: str) -> bool:
    """Whether the piece ends, or reports that there is no space left, before long."""
    log, ends_s = Path(scene.stack.children[piece].log), time.monotonic() + _HURTS_WITHIN_S
    read = log.stat().st_size
    while time.monotonic() < ends_s:
        if not scene.stack.runs(piece) or b"No space left" in log.read_bytes()[read:]:
            time.sleep(1)  # others feel it, too
            return True
        time.sleep(0.1)  # a poll of the condition above
    return False


async def restart(scene: Scene, piece: str) -> None:
    """Start a piece again on what it has."""
    if piece in scene.stack.children:
        await asyncio.to_thread(stop, scene.stack.children[piece], signal.SIGKILL)
    start_piece(scene.stack, piece, dies_with_parent=True)
    await asyncio.to_thread(wait_for_piece, scene.stack, piece)


@contextmanager
def a_disk_for_outboxes(directory: Path) -> Iterator[None]:
    """Have a disk of 64 MB in memory, which belongs to PostgreSQL."""
    owner = pwd.getpwnam("nobody").pw_uid
    with in_memory(_outboxes(directory), f"size={_OUTBOX_SIZE},mode=0700,uid={owner}"):
        yield


def _outboxes(directory: Path) -> Path:
    return directory.parent / "outboxes"


async def fill_the_outboxes(scene: Scene) -> None:
    """The partition of today of every outbox has no room for a row, time and again; all other tables have."""
    small = _outboxes(scene.stack.directory)
    await on(scene.stack, f"CREATE TABLESPACE outboxes LOCATION '{small}'")
    for service in SERVICES:
        await on(
            scene.stack, f"ALTER TABLE outbox_{datetime.now(UTC):%Y%m%d} SET TABLESPACE outboxes", database=service
        )
    await _fill_and_free(scene, small, "postgres")


@contextmanager
def logs_on_a_small_disk(directory: Path) -> Iterator[None]:
    """Have what services print go to a disk of 8 MB in memory."""
    with in_memory(directory.parent / "logs", "size=8m") as small:
        directory.mkdir()
        for service in SERVICES:
            (directory / f"{service}.log").symlink_to(small / f"{service}.log")
        yield


async def fill_the_disk_of_the_logs(scene: Scene) -> None:
    """Leave no room for a line for some seconds, time and again; services are killed meanwhile, for a start has much to print."""
    from tests.drills.services import kill_and_start

    small = scene.stack.directory.parent / "logs"
    for number in range(TIMES):
        ballast = fill(small)
        if number % 3 == 2:
            await kill_and_start(scene, scene.rng.choice(SERVICES))
        await scene.flows(2)
        await asyncio.sleep(_FULL_S)  # how long it is full
        ballast.unlink()
        scene.done["faults"] += 1


async def cut_the_power_of_postgres(scene: Scene) -> None:
    """All its processes stand still, the disk is copied, and it goes on from what was synced; in the middle of writing."""
    disk = _disks["postgres"]
    run("sync", "-f", disk.mounted)
    for _ in range(TIMES):
        await asyncio.sleep(scene.rng.uniform(0.3, 2.5))  # where it is in its log by then
        child = scene.stack.children["postgres"]
        os.kill(child.pid, signal.SIGSTOP)  # no new ones from here on
        all_of_it = [child.pid, *children_of(child.pid)]
        for pid in all_of_it:
            os.kill(pid, signal.SIGSTOP)
        survived = await asyncio.to_thread(disk.copy)
        for pid in all_of_it:
            os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(stop, child, signal.SIGKILL)
        gone = disk.image
        disk.go_on_from_a_copy(survived)
        gone.unlink()
        await restart(scene, "postgres")
        scene.done["faults"] += 1
        await scene.flows(3)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


_SHIM: Final = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_if_slow(void) {
    const char *flag = getenv("DRILL_SLOW");
    if (flag && access(flag, F_OK) == 0) usleep(200000);
}
int fsync(int fd) { wait_if_slow(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { wait_if_slow(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""
"""Between a program and the C library: while a file exists, each sync takes 200 ms longer."""


@contextmanager
def syncs_that_can_be_slow(directory: Path) -> Iterator[None]:
    """Have everything that is started here sync by the shim."""
    source, library = directory.parent / "slow.c", directory.parent / "slow.so"
    source.write_text(_SHIM, encoding="ascii")
    run("cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl")
    os.environ |= {"LD_PRELOAD": str(library), "DRILL_SLOW": str(directory.parent / "slow")}
    yield


async def slow_disk(scene: Scene) -> None:
    """Each sync of Kafka and PostgreSQL takes 200 ms; then none does."""
    with _slow(Path(os.environ["DRILL_SLOW"])):
        began = scene.answered
        await asyncio.sleep(_SLOW_S)  # how long it is slow
        scene.done[f"answered yes in {_SLOW_S:.0f} slow s"] = scene.answered - began
    scene.done["faults"] += 1


@contextmanager
def _slow(flag: Path) -> Iterator[None]:
    flag.touch()
    try:
        yield
    finally:
        flag.unlink()


def _no_compiler() -> str | None:
    return None if shutil.which("cc") else "a slow disk needs a C compiler (cc)"


def _no_small_disk() -> str | None:
    return None if os.geteuid() == 0 else "a disk in memory needs root"


DRILLS: Final = (
    Drill("full-disk-kafka", partial(fill_the_disk_of, "kafka"), TIMES, on_a_disk("kafka"), lacks=why_no_disks),
    Drill(
        "full-disk-postgres", partial(fill_the_disk_of, "postgres"), TIMES, on_a_disk("postgres"), lacks=why_no_disks
    ),
    Drill("full-outbox-partition", fill_the_outboxes, TIMES, a_disk_for_outboxes, lacks=_no_small_disk),
    Drill("full-disk-logs", fill_the_disk_of_the_logs, TIMES, logs_on_a_small_disk, lacks=_no_small_disk),
    Drill("power-cut-postgres", cut_the_power_of_postgres, TIMES, on_a_disk("postgres"), lacks=why_no_disks),
    Drill("slow-disk", slow_disk, 1, syncs_that_can_be_slow, lacks=_no_compiler),
)
