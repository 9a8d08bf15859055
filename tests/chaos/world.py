"""The world that chaos happens to: a brand with stores, viewers with lines of different length."""

from pathlib import Path
from typing import Any, Final

import httpx

from lutong_local.ports import free_port
from lutong_local.processes import Child
from lutong_local.stack import Stack, save
from lutong_membership.agreements.domain.direct_debit import UNDER_WAY
from tests.integration.membership.stub import started
from tests.support.harness import until

VIEWERS: Final = 60
STORES: Final = 8
SKUS: Final = ("tea", "cup", "mask", "pen", "bag")
PLACE: Final = {"latitude": 31.23, "longitude": 121.47}
ACCEPTANCE_WINDOW_S: Final = 6
CAP_MINOR: Final = 5_000
TERMS: Final[dict[str, Any]] = {
    "period": {"kind": "relative", "days": 20},
    "obligation": {"kind": "times", "times": 8},
    "benefits": {"discount_percent": 5, "coupons": [{"stock_id": "spring"}]},
    "settlement": {"kind": "by_benefit"},
    "withholding": {"cap_minor": CAP_MINOR, "delay_days": 1, "grace_days": 3, "notice_days": 1},
    "payment": {"remind_days": 5, "block_days": 300, "suspend_days": 310, "write_off_days": 320},
}
"""A plan whose days last a second: members sign it again and again while the run lasts."""

_GOING_ON = ("consulted", "active", "fulfilled", "unfulfilled", "quit", "settled", "recovered")
"""Where no agreement stays, when terms last seconds. Those that settle, or are overdue, wait for their members."""


def wire(directory: Path) -> tuple[Stack, list[int]]:
    """A stack whose services meet Kafka and PostgreSQL through a proxy; gives the proxy's ports and targets too."""
    names = ("kafka", "kafka_advertised", "postgres", "postgres_proxied", "bank")
    stack = Stack(directory, {name: free_port() for name in names})
    save(stack)
    ports = stack.ports
    return stack, [ports["kafka_advertised"], ports["kafka"], ports["postgres_proxied"], ports["postgres"]]


def through_proxy(stack: Stack, service: str) -> dict[str, str]:
    """The environment of a service in chaos: connections that can be cut, and orders that lapse while we look."""
    ports = stack.ports
    return environment(stack) | {
        "LUTONG_SLOT_ANSWER_S": str(ACCEPTANCE_WINDOW_S),
        "LUTONG_SLOT_HOLD_S": "60",
        "LUTONG_RUSH_PAUSE_S": "3",
        "LUTONG_LOWERED_S": "3",
        "LUTONG_KAFKA_BOOTSTRAP": f"127.0.0.1:{ports['kafka_advertised']}",
        "LUTONG_DATABASE_URL": stack.database_urls[service].replace(
            f":{ports['postgres']}/", f":{ports['postgres_proxied']}/"
        ),
    }


def environment(stack: Stack) -> dict[str, str]:
    """The environment of a service whose orders lapse, terms end and charges are taken while we look."""
    return {
        "LUTONG_ACCEPTANCE_WINDOW_S": str(ACCEPTANCE_WINDOW_S),
        "LUTONG_OFFER_ANSWER_S": str(ACCEPTANCE_WINDOW_S),
        "LUTONG_PICKUP_WINDOW_S": str(ACCEPTANCE_WINDOW_S),
        "LUTONG_TIMELINE_PULL_FROM": "15",
        "LUTONG_TIMELINE_PUSH_BELOW": "12",
        "LUTONG_PLAN_DAY_S": "1",  # terms end, and charges are taken, while we look
        "LUTONG_DEDUCTION_URL": f"http://127.0.0.1:{stack.ports['bank']}",
        "LUTONG_DEDUCTION_TOKEN": "chaos",
        "LUTONG_DEDUCTION_FAILURES_MAX": "1000000",  # the bank below always cuts the line: a breaker would only wait
        "LUTONG_HTTP_RATE_PER_S": "100000",  # the whole load is one operator's
    }


def bank(stack: Stack) -> Child:
    """A payment provider that takes charges and never answers. Only a query learns what happened."""
    port = stack.ports["bank"]
    child = started(port, stack.directory / "bank.log")
    behaviour = {"POST": {"then": "cut", "decided": {"state": "succeeded"}}}
    httpx.put(f"http://127.0.0.1:{port}/stub", json=behaviour, trust_env=False).raise_for_status()
    return child


async def is_settled(client: httpx.AsyncClient, stack: Stack) -> bool:
    """Whether every order, hold, agreement and deduction has come to where it stays."""
    requests, money = (await _summary(client, stack, "feed"))["requests"], await _summary(client, stack, "membership")
    holds, agreements, deductions = money["holds"], money["agreements"], money["deductions"]
    return not (
        any(requests.get(state) for state in ("requested", "sourced"))
        or any(holds.get(state) for state in ("held", "waiting", "expired"))
        or any(agreements.get(state) for state in _GOING_ON)
        or any(deductions.get(state) for state in ("notified", "due", *UNDER_WAY))
    )


async def _summary(client: httpx.AsyncClient, stack: Stack, service: str) -> Any:  # noqa: ANN401  # JSON
    answer = await client.get(f"{stack.url(service)}/v1/summary")
    return answer.raise_for_status().json()


def viewer(number: int) -> str:
    """The name of a viewer."""
    return f"viewer-{number % VIEWERS}"


def place_of(store: int) -> dict[str, float]:
    """Where a store is."""
    return {"latitude": 31.2 + store / 50, "longitude": 121.4}


async def build(client: httpx.AsyncClient, stack: Stack, orders: int, terms: dict[str, Any] = TERMS) -> str:
    """Build the world; gives the post that everybody orders from. Some credit and some shelves will run out."""

    async def ask(service: str, method: str, path: str, body: object) -> Any:  # noqa: ANN401  # JSON
        answer = await client.request(method, f"{stack.url(service)}{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    await ask("registry", "PUT", "/v1/merchants/brand", {"name": "brand"})
    offers = [{"sku": sku, "title": sku, "unit_price": {"amount_minor": 500, "currency": "CNY"}} for sku in SKUS]
    manifest = {"title": "Brand", "page": "pages/shop", "offers": offers}
    programs = [{"program_id": "brand", "merchant_id": "brand", "manifest": manifest}]
    await ask("registry", "POST", "/v1/programs/batch", {"programs": programs})
    limit = max(10_000, 1_000 * 2 * orders // VIEWERS)
    stock = {"merchant_id": "brand", "amount_off_minor": 200, "valid_days": 60, "member_total": 1_000}
    stock |= {"total": 100_000, "daily_total": 100_000}
    await ask("membership", "PUT", "/v1/coupon-stocks/spring", stock)
    plan = {"merchant_id": "brand", "title": "light", "line_limit_minor": limit, "terms": terms}
    await ask("membership", "PUT", "/v1/plans/light", plan)
    names = [viewer(number) for number in range(VIEWERS)]
    profiles = [
        {
            "member_id": name,
            "months_known": 60,
            "late_months": n % 10 // 8 * 6,
            "worst_delay_months": 0,
            "utilisation_percent": 5,
            "declared_limit_minor": 9_000_000,
        }
        for n, name in enumerate(names)
    ]
    await ask("membership", "POST", "/v1/members/profiles/batch", {"profiles": profiles})
    sites = [
        {"location_id": f"store-{n}", "merchant_id": "brand", "kind": "store", "name": "s", **place_of(n)}
        for n in range(STORES)
    ]
    flagship = {"location_id": "flagship", "merchant_id": "brand", "kind": "flagship", "name": "f", **PLACE}
    await ask("inventory", "POST", "/v1/locations/batch", {"locations": [*sites, flagship]})
    shelves = [
        {"location_id": site["location_id"], "sku": sku, "on_hand": orders // 16} for site in sites for sku in SKUS
    ]
    shelves += [{"location_id": "flagship", "sku": sku, "on_hand": orders // 4} for sku in SKUS[:-1]]
    await ask("inventory", "POST", "/v1/stock/batch", {"shelves": shelves})
    accounts = [{"account_id": name, "name": name} for name in [*names, "brand"]]
    await ask("feed", "POST", "/v1/accounts/batch", {"accounts": accounts})
    post = await ask("feed", "POST", "/v1/posts", {"author_id": "brand", "text": "Brand", "program_id": "brand"})
    post_id: str = post["post_id"]
    return post_id


async def build_and_wait(
    client: httpx.AsyncClient, stack: Stack, orders: int = 1_000, terms: dict[str, Any] = TERMS
) -> str:
    """Build the world; gives the post once its card can be opened."""
    post_id = await build(client, stack, orders, terms)

    async def active() -> bool:
        answer = await client.get(f"{stack.url('feed')}/v1/posts/{post_id}")
        return bool(answer.json()["card"]["state"] == "active")

    await until(active, "the card is active")
    return post_id
