"""What goes wrong at a moment of a schedule, one function for each kind. What goes wrong by number is given to a process."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from tests.simulator import toy
from tests.simulator.broker import Wire
from tests.simulator.plan import Fault

if TYPE_CHECKING:
    from tests.simulator.world import Replica, World


def _crash(_world: "World", replica: "Replica", _fault: Fault) -> None:
    if replica.process.alive:
        replica.process.kill()


def _pause(world: "World", replica: "Replica", fault: Fault) -> None:
    replica.process.resumes_at_s = world.loop.now_s + fault.for_s


def _slow(world: "World", replica: "Replica", fault: Fault) -> None:
    replica.process.slow_until_s = world.loop.now_s + fault.for_s


def _cut(_world: "World", replica: "Replica", _fault: Fault) -> None:
    replica.pool.cut()


def _database_away(world: "World", replica: "Replica", fault: Fault) -> None:
    replica.pool.away_until_s = world.loop.now_s + fault.for_s
    replica.pool.cut()


def _broker_away(world: "World", _replica: "Replica", fault: Fault) -> None:
    world.broker.down_until_s = world.loop.now_s + fault.for_s


def _ghost(world: "World", _replica: "Replica", fault: Fault) -> None:
    """Another member joins the group and goes again, without handling anything."""
    world.broker.group.join("ghost")
    world.loop.call_later(min(fault.for_s, 1.5), world.broker.group.leave, "ghost")


def _stop(_world: "World", replica: "Replica", _fault: Fault) -> None:
    replica.process.spawn(replica.stop())


def _again(world: "World", _replica: "Replica", fault: Fault) -> None:
    """A publisher sends what it sent before once more: the last records of each partition."""
    for partition, log in world.broker.logs.items():
        copies = [Wire(record.key, record.value, record.headers) for record in log[-(fault.nth % 4 + 1) :]]
        world.broker.append(partition, copies)


def _operator(world: "World", replica: "Replica", _fault: Fault) -> None:
    replica.process.spawn(world.operate(replica))


def _garbage(world: "World", _replica: "Replica", fault: Fault) -> None:
    """Somebody writes bytes that are no event, under a key that is in use or under none."""
    logs = world.broker.logs.items()
    last = [log[-1] for partition, log in logs if partition.topic == toy.COUNTED.name and log]
    if last:
        record = last[fault.nth % len(last)]
        garbage = Wire(record.key if fault.nth % 2 else None, b"\xff", ())
        world.broker.append(TopicPartition(record.topic, record.partition), [garbage])


def _by_number(_world: "World", _replica: "Replica", _fault: Fault) -> None:
    """The process was started with it."""


BREAKS: Final[Mapping[str, Callable[["World", "Replica", Fault], None]]] = {
    "crash": _crash, "pause": _pause, "slow": _slow, "cut": _cut, "database_away": _database_away,
    "broker_away": _broker_away, "ghost": _ghost, "stop": _stop, "again": _again, "operator": _operator,
    "garbage": _garbage, "crash_at": _by_number, "cut_at": _by_number, "refuse": _by_number, "lose_ack": _by_number,
    "unreadable": _by_number,
}  # fmt: skip
