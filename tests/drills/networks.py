"""A network that loses packets, and connections of which one side knows nothing any more. In a network of its own."""

import asyncio
import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Final

from tests.drills.drill import Drill, Scene
from tests.support.disks import run

_LOSS: Final = 0.05
_LOSES_S: Final = 40.0
_ESTABLISHED: Final = "01"


async def lose_packets(scene: Scene) -> None:
    """One packet in twenty to and from Kafka, PostgreSQL and the services never arrives."""
    for piece in ("postgres", "kafka", *(["feed", "membership"])):
        for side in ("--dport", "--sport"):
            port = scene.stack.ports[piece]
            lose = ["-m", "statistic", "--mode", "random", "--probability", _LOSS]
            run("iptables", "-A", "INPUT", "-p", "tcp", side, port, *lose, "-j", "DROP")
    began = scene.answered
    await asyncio.sleep(_LOSES_S)  # how long it loses
    run("iptables", "-F", "INPUT")
    scene.done["faults"] += 1
    scene.done[f"answered yes in {_LOSES_S:.0f} s"] = scene.answered - began


def clients_of(port: int) -> list[int]:
    """The ports of this machine from which there is a connection to a port of it."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    return [int(f[1].split(":")[1], 16) for f in fields if int(f[2].split(":")[1], 16) == port and f[3] == _ESTABLISHED]


async def half_open(piece: str, rounds: int, scene: Scene) -> None:
    """All connections to a server go nowhere from now on, as behind a firewall that forgot them; new ones work.

    They stay forgotten: packets that came through later would bring them back to life.
    """
    port = scene.stack.ports[piece]
    for _ in range(rounds):
        forgotten = clients_of(port)
        for client in forgotten:
            run("iptables", "-A", "INPUT", "-p", "tcp", "--sport", client, "--dport", port, "-j", "DROP")
            run("iptables", "-A", "INPUT", "-p", "tcp", "--sport", port, "--dport", client, "-j", "DROP")
        began_s = time.monotonic()
        await scene.flows(20)
        scene.done["faults"] += 1
        scene.done["connections"] += len(forgotten)
        scene.done["s until 20 more were answered yes (in all)"] += round(time.monotonic() - began_s)


def why_no_network() -> str | None:
    """What this machine lacks, if a drill can have no network of its own."""
    if os.geteuid() == 0 and all(map(shutil.which, ("unshare", "ip", "iptables"))):
        return None
    return "a network of its own needs root, unshare, ip and iptables"


DRILLS: Final = (
    Drill("packet-loss", lose_packets, 1, own_network=True, lacks=why_no_network),
    Drill("half-open-postgres", partial(half_open, "postgres", 3), 3, own_network=True, lacks=why_no_network),
    Drill("half-open-kafka", partial(half_open, "kafka", 2), 2, own_network=True, lacks=why_no_network),
)
