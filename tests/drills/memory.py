"""The kernel ends services that are in a group with too little memory: no signal that could be handled, no time to say anything."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lutong_contracts.topics import SERVICES
from lutong_local.processes import wait
from lutong_local.stack import start_service
from tests.chaos.world import environment
from tests.drills.drill import Drill, Scene

TIMES: Final = 8
_ROOM: Final = 48 << 20
_GROUPS: Final = Path("/sys/fs/cgroup/memory")
_HOG: Final = "import sys; sys.stdin.readline(); kept = [bytearray(b'x' * (1 << 20)) for _ in range(512)]"
"""Takes half a gigabyte on a word; the one with the highest score is ended in its place."""


@contextmanager
def group(name: str, limit: int) -> Iterator[Path]:
    """A group of processes that may use so many bytes together."""
    place = _GROUPS / name
    place.mkdir()
    try:
        (place / "memory.limit_in_bytes").write_text(str(limit), encoding="ascii")
        yield place
    finally:
        wait(lambda: not (place / "cgroup.procs").read_text(encoding="ascii").strip(), 10)
        place.rmdir()


def end_by_the_kernel(scene: Scene, service: str) -> None:
    """Put a service into a group with a process that takes all of its memory; returns when the kernel has ended the service."""
    child = scene.stack.children[service]
    with group(f"lutong-drill-{os.getpid()}", _ROOM) as place:
        hog = subprocess.Popen([sys.executable, "-c", _HOG], stdin=subprocess.PIPE)
        try:
            Path(f"/proc/{child.pid}/oom_score_adj").write_text("1000", encoding="ascii")
            for pid in (hog.pid, child.pid):
                (place / "cgroup.procs").write_text(str(pid), encoding="ascii")
            assert hog.stdin is not None
            hog.stdin.write(b"now\n")
            hog.stdin.flush()
            if not wait(lambda: not scene.stack.runs(service), 20):
                raise SystemExit(f"drill: the kernel did not end {service}")
        finally:
            hog.kill()
            hog.wait()


async def run_out_of_memory(scene: Scene) -> None:
    """One service after the other is ended by the kernel, and started again."""
    for number in range(TIMES):
        service = SERVICES[number % len(SERVICES)]
        await asyncio.to_thread(end_by_the_kernel, scene, service)
        start_service(scene.stack, service, environment(scene.stack), dies_with_parent=True)
        scene.done["faults"] += 1
        await scene.flows(5)


def _lacks() -> str | None:
    if os.geteuid() == 0 and (_GROUPS / "memory.limit_in_bytes").exists():
        return None
    return "ending a service by the kernel needs root and control groups of version 1 at /sys/fs/cgroup/memory"


DRILLS: Final = (Drill("out-of-memory", run_out_of_memory, TIMES, lacks=_lacks),)
