"""What goes wrong in stores while everything dies: reject storms, races for the last places of a slot, stores that close with booked
slots, counts below what is promised. And a world in which many baskets have to be split."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import httpx

from lutong_local.stack import Stack
from tests.chaos.chaos_world import Client
from tests.chaos.world import SKUS, STORES, place_of, viewer

_PAUSE_S: Final = 0.6
_HANDS: Final = 3
_BUYERS: Final = 8
"""How many race for the places of a slot."""
_PLACES: Final = 2
_STORM_MAX: Final = 12
_CLOSES_AFTER: Final = 20
"""After so many troubles the last store closes for good."""
_REASONS: Final[Mapping[str, int]] = {"rush_hour": 6, "damaged": 3, "sold_out": 1}
"""Why stores decline, and how often. What is sold out is gone from the shelf: all of it would leave none for the orders to come."""


def skus_of(store: int) -> tuple[str, ...]:
    """What a store has: three of five, so that some baskets are nowhere as a whole."""
    return tuple(SKUS[(store + n) % len(SKUS)] for n in range(3))


async def prepare(client: httpx.AsyncClient, stack: Stack, orders: int) -> None:
    """Let orders be split, and have only some SKUs in each store."""
    rules = {"parts_max": 3}
    inventory = stack.url("inventory")
    (await client.put(f"{inventory}/v1/merchants/brand/sourcing-rules", json=rules)).raise_for_status()
    shelves = [
        {"location_id": f"store-{store}", "sku": sku, "on_hand": orders // 10 if sku in skus_of(store) else 0}
        for store in range(STORES)
        for sku in SKUS
    ]
    (await client.post(f"{inventory}/v1/stock/batch", json={"shelves": shelves})).raise_for_status()


@dataclass(slots=True)
class Trouble:
    """One thing after the other, until no more orders are placed; then all slots are withdrawn, so that every order ends."""

    client: Client
    post_id: str
    rng: random.Random

    async def work(self, done: asyncio.Event) -> None:
        """Make trouble in several stores at once."""
        numbers = count(1)
        await asyncio.gather(*(self._one_after_the_other(numbers, done) for _ in range(_HANDS)))
        for store in range(STORES):
            await self.close_early(store, f"evening-{store}")

    async def _one_after_the_other(self, numbers: Iterator[int], done: asyncio.Event) -> None:
        for number in numbers:
            kind = self.rng.choices([self.storm, self.race, self.correct, self.close_early], [3, 3, 3, 1])[0]
            await kind(self.rng.randrange(STORES), f"trouble-{number}")
            if number == _CLOSES_AFTER:
                await self._send(f"/v1/locations/store-{STORES - 1}/closure", {"reason": "lease_ended"}, "closure")
            if done.is_set():
                break
            await asyncio.sleep(_PAUSE_S)  # the rhythm of a bad day

    async def storm(self, store: int, key: str) -> None:
        """A store declines whatever it has not packed yet."""
        reason = self.rng.choices(list(_REASONS), list(_REASONS.values()))[0]
        found: list[dict[str, Any]] = []
        for state in ("sourced", "accepted", "picked"):
            found += await self.client.ask("inventory", f"/v1/locations/store-{store}/orders?state={state}") or []
        body = {"location_id": f"store-{store}", "reason": reason}
        ids = [row["order_id"] for row in found[:_STORM_MAX]]
        await asyncio.gather(*(self._send(f"/v1/orders/{each}/declines", body, f"{key}-{each}") for each in ids))

    async def race(self, store: int, key: str) -> None:
        """Many buyers want the few places of a slot; those who get one order in it."""
        number = int(key.rpartition("-")[2])
        begins = timedelta(hours=9, minutes=number % 600)
        day = (datetime.now(UTC) + timedelta(days=2 + number // 600)).date()
        slot = {"day": str(day), "opens": _clock(begins), "closes": _clock(begins + timedelta(minutes=30))}
        at, body = f"/v1/locations/store-{store}/slots", {"slots": [slot | {"capacity": _PLACES}]}
        await self._send(at, body, f"{key}-slot")
        mine = [
            each["slot_id"]
            for each in await self.client.ask("inventory", f"{at}?day={day}&limit=1000") or []
            if each["capacity"] == _PLACES and not each["held"] + each["booked"]
        ]
        buyers = [self.rng.randrange(1_000) for _ in range(_BUYERS)]
        if mine:
            await asyncio.gather(*(self._buy(store, mine[-1], buyer, f"{key}-{n}") for n, buyer in enumerate(buyers)))

    async def _buy(self, store: int, slot_id: str, buyer: int, key: str) -> None:
        member, place = viewer(buyer), place_of(store)
        held = await self._send(f"/v1/slots/{slot_id}/holds", {"member_id": member, "destination": place}, key)
        if held is None or held.status_code != 201:
            return
        lines = [{"sku": skus_of(store)[0], "units": 1}]
        body = {"viewer_id": member, "lines": lines, "destination": place, "slot_hold_id": held.json()["hold_id"]}
        await self.client.command("feed", f"/v1/posts/{self.post_id}/card/requests", body, f"{key}-order")

    async def correct(self, store: int, key: str) -> None:
        """The till counts less than what is promised; a moment later the goods are found."""
        at = f"/v1/locations/store-{store}/stock"
        rows = [row for row in await self.client.ask("inventory", at) or [] if row["reserved"]]
        if not rows:
            return
        row = self.rng.choice(rows)
        less = max(0, row["reserved"] - self.rng.randint(1, 3))
        await self._send(f"{at}/{row['sku']}", {"on_hand": less}, f"{key}-less", "PUT")
        await self._send(f"{at}/{row['sku']}", {"on_hand": row["on_hand"]}, f"{key}-found", "PUT")

    async def close_early(self, store: int, key: str) -> None:
        """A store delivers in none of its slots, also in those that are booked: their members are asked, and do not answer."""
        body = {"starts_at": datetime.now(UTC).isoformat(), "reason": "closes_early"}
        await self._send(f"/v1/locations/store-{store}/slots/withdrawals", body, key)

    async def _send(self, path: str, body: object, key: str, method: str = "POST") -> httpx.Response | None:
        return await self.client.command("inventory", path, body, key, method)


def _clock(at: timedelta) -> str:
    minutes = at // timedelta(minutes=1)
    return f"{minutes // 60:02}:{minutes % 60:02}"
