"""Load from a process of its own: viewers order, regret, follow and read, staff fulfil and fail, whatever is down.

`python -m tests.chaos.load DIRECTORY POST ORDERS RATE SEED` writes what clients were told to history.ndjson.
Every command has an Idempotency-Key and is repeated until there is an answer: a timeout is not a no.
"""

import asyncio
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from lutong_console.targets import Suite
from lutong_contracts.topics import SERVICES
from lutong_local.stack import load
from tests.chaos.arrivals import PLACED, Arrivals
from tests.chaos.chaos_world import AT_ONCE, Client, Staff, tell
from tests.chaos.readers import Readers
from tests.chaos.trouble import Trouble
from tests.chaos.world import ACCEPTANCE_WINDOW_S, SKUS, STORES, place_of, viewer

_HANDS = 16
"""How many orders a location works on at once."""
_QUIET_ROUNDS = 40
_STEPS = ("accepted", "picked", "handed_over", "fulfilled")


async def order(client: Client, post_id: str, number: int, rng: random.Random, staff: Staff) -> None:
    """One viewer orders, with a coupon if they have one; one in ten changes their mind shortly after."""
    lines = [{"sku": sku, "units": rng.randint(1, 2)} for sku in rng.choices(SKUS, k=rng.randint(1, 3))]
    regrets, pause_s = rng.random() < 0.1, rng.uniform(0, 3)
    body: dict[str, Any] = {"viewer_id": viewer(number), "lines": lines, "destination": place_of(rng.randrange(STORES))}
    body["flagship_ok"] = rng.random() < 0.5  # nobody answers the offers that the others get: those lapse
    coupons = staff.coupons.get(viewer(number))
    kind = rng.random()
    if kind < 0.1:
        body["mode"] = "pickup"  # nobody picks it up
    elif kind < 0.3:
        body |= {"address_id": known} if (known := await staff.address_of(viewer(number))) else {}
    body |= {"sold_by": f"store-{rng.randrange(STORES)}"} if rng.random() < 0.2 else {}
    body |= {"coupon_id": coupons.pop()} if coupons else {}
    answer = await client.command("feed", f"/v1/posts/{post_id}/card/requests", body, f"order-{number}")
    if answer is None or answer.status_code != 202:
        return
    order_id = answer.json()["order_id"]
    tell(staff.history, "order", order_id)
    if regrets:
        await asyncio.sleep(pause_s)  # how long a viewer thinks
        await client.command(
            "feed", f"/v1/requests/{order_id}/cancellation", {"viewer_id": viewer(number)}, f"regret-{number}"
        )


@dataclass(slots=True)
class Shift:
    """The staff of one location. Most orders are taken at once, some around their deadline, some never."""

    client: Client
    place: str
    seed: int
    history: TextIO
    seen: dict[str, float] = field(default_factory=dict)

    async def work(self, done: asyncio.Event) -> None:
        """Take orders a step further until no more are placed and nothing is left to do."""
        quiet = 0
        while quiet < _QUIET_ROUNDS:
            busy, silent = 0, False
            for state, step in zip(("sourced", *_STEPS[:-1]), _STEPS, strict=True):
                rows = await self.client.ask("inventory", f"/v1/locations/{self.place}/orders?state={state}&limit=500")
                silent, rows = silent or rows is None, rows or []
                due = [row for row in rows if step != "accepted" or self._wants(row["order_id"])]
                await asyncio.gather(*(self._take(row["order_id"], _step(row, step)) for row in due[:_HANDS]))
                busy += len(rows)
            quiet = 0 if busy or silent or not done.is_set() else quiet + 1
            await asyncio.sleep(0.2)  # the rhythm of a shift

    def _wants(self, order_id: str) -> bool:
        """Whether it is time to accept an order: at once, or within a second of its deadline, or never."""
        rng = random.Random(f"{self.seed}{order_id}")
        kind, around_s = rng.random(), rng.uniform(-1, 1)
        now = asyncio.get_running_loop().time()
        waited_s = now - self.seen.setdefault(order_id, now)
        return kind < 0.7 or (kind < 0.9 and waited_s > ACCEPTANCE_WINDOW_S + around_s)

    async def _take(self, order_id: str, step: str) -> None:
        if step == "picked" and random.Random(f"{self.seed}{order_id}{step}").random() < 0.05:
            await self.client.command("inventory", f"/v1/orders/{order_id}/cancellation", {}, f"fail-{order_id}")
            return
        body = {"step": step, "location_id": self.place}
        done = await self.client.command("inventory", f"/v1/orders/{order_id}/steps", body, f"{step}-{order_id}")
        if step == "fulfilled" and done and done.is_success:
            await self._refund(order_id)

    async def _refund(self, order_id: str) -> None:
        """One order in eight comes back in part, and a few of these in a second part."""
        rng = random.Random(f"{self.seed}{order_id}refund")
        for number, share in enumerate((0.125, 0.2)):
            if rng.random() > share:
                return
            refund_id = f"refund-{order_id}-{number}"
            body = {"refund_id": refund_id, "amount_minor": rng.randint(1, 150)}
            answer = await self.client.command("inventory", f"/v1/orders/{order_id}/refunds", body, refund_id)
            if answer and answer.is_success:
                tell(self.history, "refund", refund_id)


def _step(row: dict[str, Any], step: str) -> str:
    """The next step of an order: what is picked up is made ready, and waits for its member."""
    return "ready_for_pickup" if step == "handed_over" and row["mode"] == "pickup" else step


async def main(directory: Path, post_id: str, orders: int, rate: float, seed: int) -> None:
    """Have orders arrive, whatever becomes of them; then let staff finish."""
    stack = load(directory)
    if stack is None:
        raise SystemExit(3)
    done = asyncio.Event()
    async with Suite.of(stack).client(5, len(SERVICES) * AT_ONCE) as http, Suite.of(stack).client(5, AT_ONCE) as other:
        client, beside = Client(stack, http), Client(stack, other)  # trouble does not wait behind a queue of orders
        places = ["flagship", *(f"store-{n}" for n in range(STORES))]
        with (directory / "history.ndjson").open("a", buffering=1) as history:
            staff = Staff(client, random.Random(seed), history)
            shifts = [asyncio.create_task(Shift(client, place, seed, history).work(done)) for place in places]
            shifts.append(asyncio.create_task(staff.work(done)))
            shifts.append(asyncio.create_task(Trouble(beside, post_id, random.Random(f"{seed}trouble")).work(done)))
            shifts.append(
                asyncio.create_task(Readers(beside, Suite.of(stack), random.Random(f"{seed}readers")).work(done))
            )
            arrivals = Arrivals(beside, rate, directory / PLACED)
            shifts.append(asyncio.create_task(arrivals.watch(done)))
            await arrivals.run(orders, lambda n: order(client, post_id, n, random.Random(seed * 1_000_003 + n), staff))
            done.set()
            await asyncio.gather(*shifts)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])))
