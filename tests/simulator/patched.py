"""Where schedules take hold of the chassis: the clients of Kafka that it makes, its clocks and its ids. Nothing else is replaced."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import version
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import aiokafka
import aiokafka.admin.client
import structlog
from faststream._internal.testing import calls

from lutong_chassis import _patches, consumer, database, outbox, redrive, relay, subscriber, supervise
from lutong_chassis.commands import asked
from tests.simulator.consumer import SimConsumer
from tests.simulator.producer import SimAdmin, SimProducer, process_of
from tests.simulator.virtual import EPOCH_S, VirtualLoop

_CLOCKS: Final[tuple[ModuleType, ...]] = (consumer, relay, subscriber, redrive, supervise)
_IDS: Final[tuple[ModuleType, ...]] = (database, outbox, asked)


_LOOK_INTERVAL_S: Final = 2.0
"""How often relays share their shards: half as often as else, for it is much of what a short schedule asks of PostgreSQL."""
_version: Final = cache(version)
"""Read once: a schedule makes many clients."""


@contextmanager
def simulated(loop: VirtualLoop, seed: int) -> Iterator[None]:
    """Have the chassis ask the simulated Kafka and the virtual clock."""
    rng = random.Random(seed)

    def consumer_of(*_topics: str, **options: Any) -> SimConsumer:
        process = process_of(loop)
        return SimConsumer(process, *process.kit, **options)

    def producer_of(**_options: Any) -> SimProducer:
        process = process_of(loop)
        return SimProducer(process, *process.kit)

    replaced: list[tuple[Any, str, Any]] = [
        (aiokafka, "AIOKafkaConsumer", consumer_of),
        (aiokafka, "AIOKafkaProducer", producer_of),
        (aiokafka.admin.client, "AIOKafkaAdminClient", SimAdmin),
        (relay, "AIOKafkaProducer", producer_of),
        (calls, "MagicMock", object),  # FastStream has one for its own tests: a class, made anew for each subscriber
    ]
    replaced += [(_patches, "version", _version), (relay, "_LOOK_INTERVAL_S", _LOOK_INTERVAL_S)]
    replaced += [(module, "monotonic", loop.time) for module in _CLOCKS]
    replaced += [(module, "time", lambda: EPOCH_S + loop.now_s) for module in (consumer, relay)]
    replaced += [(module, "uuid7", lambda: UUID(int=rng.getrandbits(128))) for module in _IDS]
    with ExitStack() as stack:
        for owner, name, instead in replaced:
            stack.enter_context(patch.object(owner, name, instead))
        yield


@contextmanager
def silence() -> Iterator[None]:
    """What the chassis logs is for people who run a service."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)
