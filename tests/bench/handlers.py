"""How fast the services' own handlers drain a backlog: requests into holds and reservations, deliveries into debts.

`python -m tests.bench.handlers` fills the topics while membership and inventory are stopped, starts both, and reads
from their outboxes how long it took. Run it in two checkouts, one after the other: only their ratio means something.
`--plan light` lets the plan give a discount, coupons and an obligation; a `bare` one only lets a member pay later.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from lutong_console.targets import Suite
from lutong_local.stack import Stack, down, start_service, stop_service, up, wait_until_ready
from tests.chaos import world
from tests.support.harness import until

DRAINED_S: Final = 300.0
AT_ONCE: Final = 16
STEPS: Final = ("accepted", "picked", "handed_over", "fulfilled")
ANSWERS: Final = ("credit-held", "credit-declined")
PLANS: Final[dict[str, dict[str, Any]]] = {"bare": {}, "light": world.TERMS}
BEHIND: Final = ("membership", "inventory")


async def measure(stack: Stack, orders: int, terms: dict[str, Any]) -> dict[str, float]:
    """Orders per second through each half of the chain."""
    async with Suite.of(stack).client(30) as client:
        post_id = await world.build_and_wait(client, stack, orders * 8, terms)  # shelves and lines for all of them
        for service in BEHIND:
            stop_service(stack, service)
        await _request(client, stack, post_id, orders)
        _start(stack, *BEHIND)
        await until(lambda: _published(stack, "membership", ANSWERS, orders), "every request is answered", DRAINED_S)
        held = await _count(stack, "membership", "credit-held")
        await until(
            lambda: _published(stack, "inventory", ("order-sourced",), held), "every hold is sourced", DRAINED_S
        )
        sourced = held / await _lasted_s(stack, ("membership", "credit-held"), ("inventory", "order-sourced"))
        stop_service(stack, "membership")
        await _deliver(client, stack)
        _start(stack, "membership")
        await until(
            lambda: _published(stack, "membership", ("hold-captured",), held), "every hold is captured", DRAINED_S
        )
        captured = held / await _lasted_s(stack, ("membership", "hold-captured"), ("membership", "hold-captured"))
    return {"orders": held, "sourced_per_s": round(sourced), "captured_per_s": round(captured)}


def _start(stack: Stack, *services: str) -> None:
    for service in services:
        start_service(stack, service, dies_with_parent=True)
    wait_until_ready(stack, services, lambda _: None)


async def _request(client: httpx.AsyncClient, stack: Stack, post_id: str, orders: int) -> None:
    """So many orders of one unit each, from every viewer in turn."""
    authorizer = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        wanted = {"viewer_id": world.viewer(number), "lines": [{"sku": "tea", "units": 1}], "destination": world.PLACE}
        async with authorizer:
            url = f"{stack.url('feed')}/v1/posts/{post_id}/card/requests"
            (await client.post(url, json=wanted)).raise_for_status()

    await asyncio.gather(*(one(number) for number in range(orders)))


async def _deliver(client: httpx.AsyncClient, stack: Stack) -> None:
    """Staff takes every order through every step."""
    rows = await _ask(stack, "inventory", "SELECT order_id FROM customer_order WHERE state = 'sourced'")
    ids = [row["order_id"] for row in rows]
    for step in STEPS:
        for begin in range(0, len(ids), 500):
            body = {"order_ids": ids[begin : begin + 500], "step": step}
            (await client.post(f"{stack.url('inventory')}/v1/orders/steps/batch", json=body)).raise_for_status()


async def _published(stack: Stack, service: str, kinds: Sequence[str], wanted: int) -> bool:
    return sum([await _count(stack, service, kind) for kind in kinds]) >= wanted


async def _count(stack: Stack, service: str, kind: str) -> int:
    rows = await _ask(stack, service, "SELECT count(*) FROM outbox WHERE type LIKE $1", f"%.{kind}.v1")
    return int(rows[0]["count"])


async def _lasted_s(stack: Stack, first: tuple[str, str], last: tuple[str, str]) -> float:
    """From the first event of one kind until the last of another, as they were written."""
    (began, _), (_, ended) = [
        (
            await _ask(
                stack,
                service,
                "SELECT extract(epoch FROM min(written_at))::float8, extract(epoch FROM max(written_at))::float8 "
                "FROM outbox WHERE type LIKE $1",
                f"%.{kind}.v1",
            )
        )[0]
        for service, kind in (first, last)
    ]
    return float(ended) - float(began)


async def _ask(stack: Stack, service: str, query: str, *arguments: object) -> list[Any]:
    connection = await asyncpg.connect(stack.database_urls[service])
    try:
        rows: list[Any] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()


def main() -> None:
    """Run on a stack of its own; print JSON."""
    parser = argparse.ArgumentParser(prog="handlers", description=__doc__)
    parser.add_argument("--orders", type=int, default=4_000)
    parser.add_argument("--plan", choices=PLANS, default="bare")
    options = parser.parse_args()
    settings = {"LUTONG_HTTP_RATE_PER_S": "1000000", "LUTONG_HTTP_BURST": "1000000"}  # the load is one operator
    directory = Path(tempfile.mkdtemp(prefix="lutong-handlers-"))
    stack = up(directory, lambda _: None, dies_with_parent=True, environment_of=lambda *_: settings)
    try:
        found = asyncio.run(measure(stack, options.orders, PLANS[options.plan]))
    finally:
        down(stack, lambda _: None, purge=True)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
