"""Play a scene with inventory itself on a database of its own: orders come, staff hands over or declines, members answer."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from statistics import mean
from typing import Any, Final

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_contracts import Event
from lutong_contracts.inventory import FlagshipOffered, LocationDeclined, OrderRejected, OrderSourced
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tools.baskets.scene import MERCHANT, Json, Rules, Scene

_BATCH: Final = 100
_DECLINED: Final = 0.05
"""What share of orders a store declines."""
_CONSENT: Final = 0.7
"""What share of members lets the flagship send what their store cannot."""
_STEPS: Final = {
    "delivery": ("accepted", "picked", "handed_over", "fulfilled"),
    "pickup": ("accepted", "picked", "ready_for_pickup", "fulfilled"),
}


async def play(pool: Pool, scene: Scene, rules: Rules) -> Json:
    """What `lutong stores report` has of it, with why orders were rejected and how loaded stores are."""
    rng, reasons = Random(7), Counter[str]()  # noqa: S311  # a scene, and no secret
    async with http_client(service, pool) as client:
        await _set_up(client, scene, rules)
        for start in range(0, len(scene.orders), _BATCH):
            some = scene.orders[start : start + _BATCH]
            published = await deliver(pool, handlers, *some)
            reasons.update(event.reason for event in published if isinstance(event, OrderRejected))
            kept = await _trouble(client, pool, published, rng)
            await _hand_over(client, kept)
        answer = await client.get(f"/v1/merchants/{MERCHANT}/stores/report", params={"limit": "10000"})
        report: Json = answer.raise_for_status().json()
        summary = (await client.get("/v1/summary")).raise_for_status().json()
    drift = summary["shelves_off_movements"] + summary["reservations_off_shelves"]
    return report | {"rules": rules._asdict(), "reasons": dict(reasons), "load": load(report), "drift": drift}


def load(report: Json) -> Json:
    """How evenly stores are loaded: orders that they were given, of those that were given any."""
    given = sorted(store["given"] for store in report["stores"] if store["kind"] == "store")
    if not given:
        return {"stores": 0, "mean": 0.0, "p50": 0, "p95": 0, "most": 0}
    p50, p95 = (given[round((len(given) - 1) * share)] for share in (0.5, 0.95))
    return {"stores": len(given), "mean": round(mean(given), 1), "p50": p50, "p95": p95, "most": given[-1]}


async def _set_up(client: httpx.AsyncClient, scene: Scene, rules: Rules) -> None:
    of_stores = {name: value for name, value in rules._asdict().items() if name != "parts_max" and value is not None}
    sites = [site | (of_stores if site["kind"] == "store" else {}) for site in scene.locations]
    await _post(client, "/v1/locations/batch", "locations", sites)
    await _post(client, "/v1/stock/batch", "shelves", scene.shelves)
    allowed = {"parts_max": rules.parts_max}
    (await client.put(f"/v1/merchants/{MERCHANT}/sourcing-rules", json=allowed)).raise_for_status()


async def _post(client: httpx.AsyncClient, path: str, name: str, rows: Sequence[Json]) -> None:
    for start in range(0, len(rows), 1000):
        (await client.post(path, json={name: rows[start : start + 1000]})).raise_for_status()


async def _trouble(
    client: httpx.AsyncClient, pool: Pool, published: Iterable[Event], rng: Random
) -> list[OrderSourced]:
    """Stores decline some of what they are given; gives what goes on, there or elsewhere."""
    sourced = {event.served_as: event for event in published if isinstance(event, OrderSourced)}
    declines = [
        LocationDeclined(
            order_id=event.order_id, fulfilment_id=event.fulfilment_id, merchant_id=MERCHANT,
            location_id=event.location_id, reason="damaged",
        )
        for event in sourced.values()
        if event.location_kind == "store" and rng.random() < _DECLINED
    ]  # fmt: skip
    again = await deliver(pool, handlers, *declines) if declines else []
    for declined in declines:
        del sourced[declined.served_as]
    sourced |= {event.served_as: event for event in again if isinstance(event, OrderSourced)}
    members: dict[str, Any] = {}
    for offered in (event for event in again if isinstance(event, FlagshipOffered)):
        members[offered.served_as] = {"member_id": offered.member_id, "accepts": rng.random() < _CONSENT}
    for order_id, body in members.items():
        (await client.post(f"/v1/orders/{order_id}/consent", json=body)).raise_for_status()
    agreed = [order_id for order_id, body in members.items() if body["accepts"]]
    await _step(client, agreed, "delivery")
    return list(sourced.values())


async def _hand_over(client: httpx.AsyncClient, sourced: Iterable[OrderSourced]) -> None:
    for mode in _STEPS:
        await _step(client, [event.served_as for event in sourced if event.mode == mode], mode)


async def _step(client: httpx.AsyncClient, order_ids: Sequence[str], mode: str) -> None:
    for step in _STEPS[mode] if order_ids else ():
        body = {"order_ids": list(order_ids), "step": step}
        (await client.post("/v1/orders/steps/batch", json=body)).raise_for_status()
