"""What `lutong demo --keep` leaves behind: three things that are wrong, and an event that was rejected.

Everything comes in by the public interfaces, as it would from partners and staff who make mistakes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

import httpx
from aiokafka import AIOKafkaProducer

from lutong_console.cli.demo.scenarios import DEADLINE_S, Scenario
from lutong_console.cli.errors import ConsoleError
from lutong_console.parked_records import under_keys
from lutong_console.targets import Suite, call
from lutong_contracts import Event
from lutong_contracts.feed import AccountChanged
from lutong_contracts.registry import ServiceDiscovered

REJECTING_STORE: Final = "store-lujiazui"
ACCOUNTS: Final = 12
_DECLINES: Final = 3
_LUJIAZUI: Final = {"latitude": 31.2397, "longitude": 121.4998}
_AUTHOR: Final = "watsons"
_WHY: Final = {"lutong-reason": "seeding the demo"}
_POISON: Final = b'{"post_id": "cut off in the mid'


class Seeded(NamedTuple):
    """What is wrong: the post whose card never resolves, the accounts that registry does not take in, and who declines."""

    stuck_post: str
    accounts: tuple[str, ...]
    store: str
    rejected_event: str


async def seed(client: httpx.AsyncClient, target: Suite, run: str) -> Seeded:
    """Leave the three faults and one rejected event behind, and wait until each can be seen."""
    seeded = Seeded(
        f"demo-{run}", tuple(f"shop-{run}-{number:02}" for number in range(ACCOUNTS)), REJECTING_STORE, f"cms-{run}"
    )
    await _poison(target, ServiceDiscovered, [seeded.stuck_post])
    await _poison(target, AccountChanged, [*seeded.accounts, seeded.accounts[-1]])
    await _parked(client, target, "feed", [seeded.stuck_post], 0)
    await _parked(client, target, "registry", seeded.accounts, 1)
    await _publish(client, target, seeded.stuck_post, seeded.stuck_post, _AUTHOR)
    named = [{"account_id": key, "name": f"门店 {key[-2:]}", "kind": "enterprise"} for key in seeded.accounts]
    await call(client, "POST", f"{target.urls['feed']}/v1/accounts/batch", json={"accounts": named}, headers=_WHY)
    await _publish(client, target, seeded.rejected_event, f"{seeded.rejected_event}-post", "nobody-knows-me")
    await _decline_orders(client, target, run)
    await _parked(client, target, "feed", [seeded.stuck_post], 1)
    await _parked(client, target, "registry", seeded.accounts, ACCOUNTS + 1)
    return seeded


async def _poison(target: Suite, event: type[Event], keys: Sequence[str]) -> None:
    """A partner's records that were cut off on their way: nobody can read them."""
    producer = AIOKafkaProducer(**target.kafka.client)
    try:
        await producer.start()
        for key in keys:
            headers = [
                ("content-type", b"application/json"),
                ("ce_specversion", b"1.0"),
                ("ce_id", f"x-{key}".encode()),
            ]
            headers += [("ce_source", b"/partner/erp"), ("ce_type", event.type.encode())]
            await producer.send_and_wait(event.topic.name, _POISON, key=key.encode(), headers=headers)
    finally:
        await producer.stop()


async def _publish(client: httpx.AsyncClient, target: Suite, event_id: str, post_id: str, author: str) -> Any:  # noqa: ANN401  # JSON
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/partner/cms",
        "type": "lutong.feed.post-published.v1",
        "data": {"post_id": post_id, "author_id": author, "text": "公积金新政策今天起施行：点开卡片就能办。"},
    }
    return await call(client, "POST", f"{target.urls['feed']}/v1/events", json=event, headers=_WHY)


async def _decline_orders(client: httpx.AsyncClient, target: Suite, run: str) -> None:
    """Orders near a store that reports an empty shelf for each; another one brings the goods."""
    scenario = Scenario(client, target, lambda _step, _ms: None, f"e0-{run}")
    await scenario.publish(_AUTHOR, "陆家嘴附近，面膜半小时送达。", "demo-watsons")
    declined = 0
    for number in range(_DECLINES):
        scenario.viewer = f"e{number}-{run}"
        good = {"months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 20}
        await scenario.ask(
            "membership", "PUT", f"/v1/members/{scenario.viewer}/profile", **good, declared_limit_minor=2_000_000
        )
        account = {"account_id": scenario.viewer, "name": f"读者 e{number}", "kind": "personal"}
        await scenario.ask("feed", "POST", "/v1/accounts/batch", accounts=[account])
        await scenario.tap()
        lines = [{"sku": "mask", "units": 1}]
        path = f"/v1/posts/{scenario.post}/card/requests"
        asked = await scenario.ask("feed", "POST", path, viewer_id=scenario.viewer, lines=lines, destination=_LUJIAZUI)
        await scenario.until("OrderSourced", number + declined + 1)
        order = await scenario.ask("inventory", "GET", f"/v1/orders/{asked['order_id']}")
        if order["location_id"] == REJECTING_STORE:  # which store is best is for inventory to decide
            decline = {"location_id": REJECTING_STORE, "reason": "sold_out"}
            await scenario.ask("inventory", "POST", f"/v1/orders/{asked['order_id']}/declines", **decline)
            declined += 1
            await scenario.until("OrderSourced", number + declined + 1)
        if number:  # the first one waits at the counter of the other store, for its staff
            await scenario.fulfil(asked["order_id"])


async def _parked(client: httpx.AsyncClient, target: Suite, service: str, keys: Sequence[str], waiting: int) -> None:
    """Wait until a service has set a record aside under each key, with so many waiting behind them in all."""

    async def are_there() -> bool:
        rows = await under_keys(client, target.urls[service], keys)
        return len(rows) == len(keys) and sum(row["waiting"] for row in rows) >= waiting

    await _until(are_there, f"{service} did not set aside what it cannot read")


async def _until(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    began = monotonic()
    while not await condition():
        if monotonic() - began > DEADLINE_S:
            raise ConsoleError(otherwise, then="lutong status")
        await asyncio.sleep(0.05)  # a poll of the condition above
