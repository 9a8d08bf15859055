"""Every service of the running suite dies at every boundary in turn; every order still ends as it should."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from lutong_chassis.failpoints import POINTS
from lutong_console.targets import Suite
from lutong_console.verify.collect import Watcher
from lutong_console.verify.command import Look
from lutong_contracts.topics import SERVICES
from lutong_local.stack import Stack, start_service, stop_service, wait_until_ready
from tests.chaos import world
from tests.chaos.chaos_world import Client
from tests.support.harness import until
from tests.support.stacks import a_stack

STEPS = ("accepted", "picked", "handed_over", "fulfilled")
DEADLINE_S = 120.0


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(tmp_path_factory.mktemp("killed")) as running:
        yield running


@pytest_asyncio.fixture
async def client(own_stack: Stack) -> AsyncIterator[Client]:
    async with Suite.of(own_stack).client(5) as http:
        yield Client(own_stack, http)


class Supervisor:
    """Starts a service again whenever it died, to die at the next boundary; at the end, to live."""

    def __init__(self, stack: Stack, seed: int = 1) -> None:
        self.stack = stack
        self.left = {service: random.Random(f"{seed}{service}").sample(POINTS, len(POINTS)) for service in SERVICES}
        for service in SERVICES:
            stop_service(stack, service)
            self.start(service)

    def start(self, service: str) -> None:
        ahead = self.left[service]
        dying = {"LUTONG_PROFILE": "test", "LUTONG_FAILPOINT": ahead[-1]} if ahead else {}
        soon_missed = {"LUTONG_SESSION_TIMEOUT_MS": "1000"} if ahead else {}
        start_service(self.stack, service, dying | soon_missed, dies_with_parent=True)

    async def run(self) -> None:
        while any(self.left.values()):
            for service in SERVICES:
                if not self.stack.children[service].alive:
                    stop_service(self.stack, service)  # collects what is left of it
                    self.left[service].pop()
                    self.start(service)
            await asyncio.sleep(0.05)  # a poll of the condition above


async def walk(client: Client, number: int) -> str:
    """A post of its own, an order from it, and staff that brings it; gives the order."""

    async def reached(service: str, path: str, state: str) -> Any:  # noqa: ANN401  # JSON
        async def is_there() -> Any:  # noqa: ANN401  # JSON
            row = await client.ask(service, path)
            return row and row.get("card", row)["state"] == state and row

        return await until(is_there, f"{path} is {state}", DEADLINE_S)

    body = {"author_id": "brand", "text": "Brand", "program_id": "brand", "post_id": f"post-{number}"}
    await client.command("feed", "/v1/posts", body, f"post-{number}")
    await reached("feed", f"/v1/posts/post-{number}", "active")
    wanted = {"viewer_id": "viewer-1", "lines": [{"sku": "tea", "units": 1}], "destination": world.PLACE}
    answer = await client.command("feed", f"/v1/posts/post-{number}/card/requests", wanted, f"order-{number}")
    assert answer is not None
    order_id: str = answer.json()["order_id"]
    order = await reached("inventory", f"/v1/orders/{order_id}", "sourced")
    for step in STEPS:
        taken = {"step": step, "location_id": order["location_id"]}
        await client.command("inventory", f"/v1/orders/{order_id}/steps", taken, f"{step}-{order_id}")
    await reached("membership", f"/v1/holds/{order_id}", "captured")
    return order_id


async def poison(bootstrap: str, number: int) -> None:
    """Garbage on a topic that all four services read."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait("lutong.inventory.orders", key=f"poison-{number}".encode(), value=b"\xff")
    finally:
        await producer.stop()


@pytest.mark.timeout(300)
async def test_every_service_dies_at_every_boundary_and_every_order_ends(own_stack: Stack, client: Client) -> None:
    await world.build(client.http, own_stack, 1_000)
    supervisor = Supervisor(own_stack)
    dying = asyncio.create_task(supervisor.run())
    numbers = count()
    orders: list[str] = []

    async def viewer() -> None:
        while not dying.done():
            number = next(numbers)
            await poison(own_stack.kafka_bootstrap, number)
            orders.append(await walk(client, number))

    await asyncio.wait_for(asyncio.gather(dying, *(viewer() for _ in range(4))), 280)

    assert not any(supervisor.left.values())
    wait_until_ready(own_stack, SERVICES, lambda _: None)

    poisoned = next(numbers)

    async def poison_is_parked() -> bool:
        return [len(await client.ask(service, "/operations/parked")) for service in SERVICES] == [poisoned] * 4

    await until(poison_is_parked, "each service has set aside each poison once")

    async def quiet() -> bool:
        return set((await client.ask("feed", "/v1/summary"))["requests"]) == {"fulfilled"}

    await until(quiet, "the feed shows every order as fulfilled")
    history = [{"kind": "order", "id": order_id, "outcome": "ok"} for order_id in orders]
    assert len(orders) >= 4
    seen = await Look(Suite.of(own_stack), [], history, Watcher()).until_still(60)
    assert (seen.findings.total, seen.findings.witnesses) == (0, [])
