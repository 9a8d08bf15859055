"""Three brokers, each behind a cable of its own: killed, and cut off from one another while clients reach all of them.

The first one is in the network of the drill, the others are in networks of theirs, which a bridge joins. Brokers speak to each other
on two ports that no client knows; a broker is cut off by dropping what goes to or from these ports.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_contracts.topics import TOPICS
from lutong_local.kafka import plain, prepare_kafka
from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, start, stop
from lutong_local.stack import Stack, save
from tests.drills.drill import Drill, Scene
from tests.drills.networks import why_no_network
from tests.support.disks import run
from tests.support.harness import until

BROKERS: Final = (1, 2, 3)
_PEERS, _CONTROLLER = 19_092, 19_093
_FULL_S: Final = 120.0
"""All replicas must have everything again within this time."""
_CUT_OFF_S: Final = 20.0
"""Long enough for a broker that is cut off to be given up, after nine seconds, and for clients to find those that lead now."""


@dataclass(slots=True)
class Broker:
    """One of three: what runs, and how it is started again."""

    command: Command
    child: Child


_brokers: dict[int, Broker] = {}
"""Those of this drill's stack."""


def _address(number: int) -> str:
    return f"10.77.0.{number}"


def _network(number: int) -> str:
    return f"lutong-{os.getpid()}-{number}"


def _inside(number: int) -> list[str]:
    return [] if number == BROKERS[0] else ["ip", "netns", "exec", _network(number)]


def access(stack: Stack) -> KafkaAccess:
    """How clients reach all of them."""
    return KafkaAccess(",".join(f"{_address(number)}:{stack.ports['kafka']}" for number in BROKERS))


@contextmanager
def three_networks(_directory: Path) -> Iterator[None]:
    """Have a network for each broker, joined by a bridge, as long as the block lasts; brokers that run are ended with it."""
    run("ip", "link", "add", "bridge", "type", "bridge")
    run("ip", "address", "add", f"{_address(BROKERS[0])}/24", "dev", "bridge")
    run("ip", "link", "set", "bridge", "up")
    try:
        for number in BROKERS[1:]:
            run("ip", "netns", "add", _network(number))
            run("ip", "link", "add", f"to-{number}", "type", "veth", "peer", "name", "cable", "netns", _network(number))
            run("ip", "link", "set", f"to-{number}", "master", "bridge", "up")
            for command in (
                f"address add {_address(number)}/24 dev cable",
                "link set cable up",
                "link set lo up",
            ):
                run(*_inside(number), "ip", *command.split())
        yield
    finally:
        for broker in _brokers.values():
            stop(broker.child, signal.SIGKILL)
        for number in BROKERS[1:]:
            run("ip", "netns", "delete", _network(number))


def start_three(stack: Stack) -> None:
    """Start them, with every topic on all of them; the stack takes the first for its own."""
    stack.ports["kafka"] = free_port()
    for number in BROKERS:
        directory = stack.directory / f"broker-{number}"
        command = prepare_kafka(directory, _settings(directory, number, stack.ports["kafka"]), lambda _: None)
        inside = replace(command, arguments=[*_inside(number), *command.arguments], dies_with_parent=True)
        _brokers[number] = Broker(inside, start(inside))
    stack.children["kafka"] = _brokers[BROKERS[0]].child
    asyncio.run(_make_topics(stack))
    save(stack)


def _settings(directory: Path, number: int, clients: int) -> dict[str, object]:
    mine = _address(number)
    return plain(directory, (clients, _CONTROLLER, clients)) | {
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{each}@{_address(each)}:{_CONTROLLER}" for each in BROKERS),
        "listeners": f"CLIENTS://0.0.0.0:{clients},PEERS://{mine}:{_PEERS},CONTROLLER://{mine}:{_CONTROLLER}",
        "advertised.listeners": f"CLIENTS://{mine}:{clients},PEERS://{mine}:{_PEERS}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,PEERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PEERS",
        "min.insync.replicas": 2,
        "offsets.topic.replication.factor": len(BROKERS),
    }


async def _make_topics(stack: Stack) -> None:
    await until(lambda: _complete(stack), "three brokers answer", _FULL_S)
    await topics.apply(access(stack), TOPICS, replication_factor=len(BROKERS))


async def _missing(stack: Stack) -> int | None:
    """How many replicas are not where they should be, and brokers; None when nobody answers."""
    try:
        async with topics.admin(access(stack)) as client:
            there = (await client.describe_cluster())["brokers"]
            partitions = [each for found in await client.describe_topics() for each in found["partitions"]]
    except (KafkaError, OSError):
        return None
    return len(BROKERS) - len(there) + sum(len(BROKERS) - len(each["isr"]) for each in partitions)


async def _complete(stack: Stack) -> bool:
    """Whether each broker is there, and has all records of all partitions."""
    return await _missing(stack) == 0


async def lose_brokers(scene: Scene) -> None:
    """Each broker is killed once, and cut off once from both others; then one is cut off and another one killed at once."""
    for number in BROKERS:
        await _killed(scene, number)
        await _cut_off(scene, number)
    await _killed(scene, BROKERS[1], cut_off=BROKERS[2])


@contextmanager
def _apart(number: int) -> Iterator[None]:
    """Have nothing pass between a broker and the other two."""
    rules = [
        [chain, "-p", "tcp", side, port, "-j", "DROP"]
        for chain in ("INPUT", "OUTPUT")
        for side in ("--dport", "--sport")
        for port in (_PEERS, _CONTROLLER)
    ]
    for rule in rules:
        run(*_inside(number), "iptables", "-A", *rule)
    try:
        yield
    finally:
        for rule in rules:
            run(*_inside(number), "iptables", "-D", *rule)


async def _cut_off(scene: Scene, number: int) -> None:
    before = scene.answered
    with _apart(number):
        await asyncio.sleep(_CUT_OFF_S)  # how long it is cut off
        await _noticed(scene)
    scene.done["answered yes while one was cut off"] += scene.answered - before
    await _whole_again(scene, "cut off")


async def _killed(scene: Scene, number: int, *, cut_off: int | None = None) -> None:
    broker = _brokers[number]
    await asyncio.to_thread(stop, broker.child, signal.SIGKILL)
    if cut_off:
        with _apart(cut_off):
            await asyncio.sleep(_CUT_OFF_S)  # how long no majority is left: what is promised waits in outboxes
        scene.done["times without a majority"] += 1
    await scene.flows(20)
    broker.child = start(broker.command)
    if number == BROKERS[0]:
        scene.stack.children["kafka"] = broker.child
        save(scene.stack)
    await _whole_again(scene, "killed")


async def _noticed(scene: Scene) -> None:
    """A cut that nobody notices would prove nothing."""

    async def so() -> bool:
        return bool(await _missing(scene.stack))

    await until(so, "the others give up the broker that is cut off", _FULL_S)
    scene.done["noticed"] += 1


async def _whole_again(scene: Scene, what: str) -> None:
    await until(lambda: _complete(scene.stack), "each broker has everything again", _FULL_S)
    scene.done[what] += 1
    scene.done["faults"] += 1
    await scene.flows(3)


DRILLS: Final = (
    Drill(
        "three-brokers",
        lose_brokers,
        2 * len(BROKERS) + 1,
        three_networks,
        environment_of=lambda stack, _service: {"LUTONG_KAFKA_BOOTSTRAP": access(stack).bootstrap},
        begin=start_three,
        lacks=why_no_network,
        own_network=True,
    ),
)
