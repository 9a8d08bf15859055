"""Orders that several locations serve: how tests split them, and what they ask of their parts."""

from typing import TypeVar

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, events_published
from lutong_contracts import Event
from lutong_contracts.membership import CreditHeld
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import step, stock
from tests.support.builders import a_hold

E = TypeVar("E", bound=Event)
RULES = "/v1/merchants/shop/sourcing-rules"
STEPS = ("accepted", "picked", "handed_over", "fulfilled")


def an_order(order_id: str = "o-1") -> CreditHeld:
    """A tea and two cups for 1.00 in all, at a list price of 3.00."""
    return a_hold(order_id, ("tea", 1), ("cup", 2))


async def a_split(client: httpx.AsyncClient, pool: Pool, *order_ids: str, **units: int) -> list[Event]:
    """The near store has the tea, the far one the cups; gives what is published of the orders."""
    assert (await client.put(RULES, json={"parts_max": 2})).status_code == 200
    await stock(client, **({"near_tea": 1, "far_cup": 2} | units))
    return await deliver(pool, handlers, *map(an_order, order_ids or ("o-1",)))


async def go(client: httpx.AsyncClient, part: str, location: str, *steps: str) -> None:
    for name in steps or STEPS:
        answer = await step(client, name, part, location)
        assert answer.status_code == 200, answer.text


async def order(client: httpx.AsyncClient, order_id: str = "o-1") -> dict[str, object]:
    found: dict[str, object] = (await client.get(f"/v1/orders/{order_id}")).json()
    return found


async def latest(pool: Pool, kind: type[E]) -> E:
    """The last event of a kind that was published."""
    payload = await pool.fetchval("SELECT payload FROM outbox WHERE type = $1 ORDER BY id DESC LIMIT 1", kind.type)
    return kind.model_validate_json(payload)


async def published_names(pool: Pool) -> list[str]:
    return [kind.split(".")[2] for kind, _ in await events_published(pool) if kind.startswith("lutong.inventory")]
