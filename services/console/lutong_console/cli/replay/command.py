"""lutong replay: a folder of real data through the public interfaces, and what became of it."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from lutong_console.cli.commands.stack import start
from lutong_console.cli.errors import PROBLEM
from lutong_console.cli.replay import dataset
from lutong_console.cli.replay.dataset import Basket, City
from lutong_console.cli.replay.session import Session, session_with
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.targets import Json, Suite, stack_named, suite
from lutong_local import stack as local

_CANCEL_EVERY: Final = 25
_STEPS: Final = ("accepted", "picked", "handed_over", "fulfilled")


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of the data is played."""

    posts: int
    orders: int
    stores: int
    follows: int | None


def replay(  # noqa: PLR0913  # one parameter per option
    folder: Annotated[Path, typer.Argument(help="A folder of data as its README describes it.")],
    stack: Annotated[
        str, typer.Option("--stack", help="Local stack to use; started, and removed again, unless it runs.")
    ] = "replay",
    posts: Annotated[int, typer.Option(min=1, help="How many posts.")] = 2000,
    orders: Annotated[int, typer.Option(min=1, help="How many orders.")] = 2000,
    stores: Annotated[int, typer.Option(min=1, help="How many stores, each in a city of its own.")] = 200,
    follows: Annotated[int | None, typer.Option(min=1, help="How many follows; all, if not given.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Feed real data through the public interfaces and report counts and outcomes. Exit code 1 when they do not add up."""
    dataset.check(folder)
    known = stack_named(stack)
    ran = known is not None and any(map(known.runs, known.children))
    running = start(stack)
    try:
        report = asyncio.run(_replay(suite(stack), folder, Amounts(posts, orders, stores, follows)))
    finally:
        if not ran:
            local.down(running, echo, purge=True)
    if as_json:
        emit_json(report)
    else:
        out.print(table(["what", "count"], _flat(report).items()))
    if report["unended"] or report["parked"] or report["unbalanced"]:
        raise typer.Exit(PROBLEM)


async def _replay(target: Suite, folder: Path, amounts: Amounts) -> dict[str, Any]:
    began = time.monotonic()
    async with session_with(target) as session:
        offers, baskets = dataset.retail(folder)
        cities = dataset.cities(folder, amounts.stores)
        readers = await _build_world(session, folder, offers, cities, amounts)
        shop_post = await _post(session, folder, readers, amounts.posts)
        wanted = [baskets[n % len(baskets)] for n in range(amounts.orders)]
        ordered = await _order(session, shop_post, readers, wanted, cities)
        await _fulfil(session, ordered, cities)
        report = await _report(session)
    counts = {"posts": amounts.posts + 1, "orders": amounts.orders}
    return counts | report | {"seconds": round(time.monotonic() - began, 1)}


async def _build_world(
    session: Session, folder: Path, offers: list[dict[str, Any]], cities: list[City], amounts: Amounts
) -> list[str]:
    """Accounts and follows, programs, a plan, applicants, stores with stock; gives the readers."""
    follows = dataset.follows(folder)[: amounts.follows]
    readers = sorted({name for follow in follows for name in follow})
    accounts = [{"account_id": name, "name": name} for name in [*readers, "shop"]]
    await session.batches("accounts", "feed", "/v1/accounts/batch", "accounts", accounts, 1000)
    pairs = [{"follower_id": follower, "followee_id": followee} for follower, followee in follows]
    await session.batches("follows", "feed", "/v1/follows/batch", "follows", pairs, 1000)
    for merchant, name in (("government", "政务服务"), ("shop", "Online Retail")):
        await session.ask("registry", "PUT", f"/v1/merchants/{merchant}", json={"name": name})
    shop = {
        "program_id": "shop",
        "merchant_id": "shop",
        "manifest": {"title": "Online Retail", "page": "pages/shop/index", "offers": offers},
    }
    programs = [*dataset.services(folder), shop]
    await session.batches("programs", "registry", "/v1/programs/batch", "programs", programs, 100)
    plan = {"merchant_id": "shop", "title": "Light", "currency": "EUR", "line_limit_minor": 1_000_000}
    await session.ask("membership", "PUT", "/v1/plans/shop-light", json=plan)
    members = readers[: amounts.orders]
    profiles = dataset.profiles(folder, members)
    await session.batches("applicants", "membership", "/v1/members/profiles/batch", "profiles", profiles, 1000)
    await _stock(session, offers, cities)
    return readers


async def _stock(session: Session, offers: list[dict[str, Any]], cities: list[City]) -> None:
    """A store in every city, with little of what sells; the flagship has plenty, but not of everything."""
    sites = [
        {
            "location_id": f"store-{n}",
            "merchant_id": "shop",
            "kind": "store",
            "name": city.name,
            "latitude": city.latitude,
            "longitude": city.longitude,
        }
        for n, city in enumerate(cities)
    ]
    flagship = {"location_id": "flagship", "merchant_id": "shop", "kind": "flagship", "name": "Flagship"}
    sites.append(flagship | {"latitude": cities[0].latitude, "longitude": cities[0].longitude})
    await session.batches("locations", "inventory", "/v1/locations/batch", "locations", sites, 1000)
    shelves = [
        {"location_id": f"store-{n}", "sku": offer["sku"], "on_hand": 60, "safety_stock": 2}
        for n in range(len(cities))
        for offer in offers[n % 2 :: 2]
    ]
    shelves += [
        {"location_id": "flagship", "sku": offer["sku"], "on_hand": 3000} for offer in offers[: len(offers) * 9 // 10]
    ]
    await session.batches("shelves", "inventory", "/v1/stock/batch", "shelves", shelves, 1500)


async def _post(session: Session, folder: Path, readers: list[str], posts: int) -> str:
    """Publish titles by many authors, and one post with the shop; gives the shop's post once all cards are settled."""
    texts = dataset.titles(folder, posts)
    batch = [{"author_id": readers[n * 7 % len(readers)], "text": text} for n, text in enumerate(texts)]
    await session.batches("posts", "feed", "/v1/posts/batch", "posts", batch, 100)
    shop = await session.ask(
        "feed", "POST", "/v1/posts", json={"author_id": "shop", "text": "Online Retail", "program_id": "shop"}
    )

    async def resolving() -> int:
        return int((await session.ask("feed", "GET", "/v1/summary"))["cards"].get("resolving", 0))

    await session.until_quiet("cards settle", resolving)
    post_id: str = shop["post_id"]
    return post_id


class Ordered(NamedTuple):
    """An order, and the reader who placed it."""

    order_id: str
    viewer_id: str


async def _order(
    session: Session, post_id: str, readers: list[str], baskets: list[Basket], cities: list[City]
) -> list[Ordered]:
    """Order every basket as another reader in another city; returns the orders once all are answered."""

    async def request(numbered: tuple[int, Basket]) -> Ordered:
        number, basket = numbered
        viewer, city = readers[number % len(readers)], cities[number % len(cities)]
        body = {
            "viewer_id": viewer,
            "lines": [{"sku": sku, "units": units} for sku, units in basket.lines],
            "destination": {"latitude": city.latitude, "longitude": city.longitude},
        }
        answer = await session.ask("feed", "POST", f"/v1/posts/{post_id}/card/requests", json=body)
        return Ordered(answer["order_id"], viewer)

    ordered = await session.each("orders", list(enumerate(baskets)), request)

    async def unanswered() -> int:
        return int((await session.ask("feed", "GET", "/v1/summary"))["requests"].get("requested", 0))

    await session.until_quiet("orders are answered", unanswered)
    return ordered


async def _fulfil(session: Session, ordered: list[Ordered], cities: list[City]) -> None:
    """Some viewers change their mind; staff bring everything else, step by step."""
    regretted = ordered[::_CANCEL_EVERY]

    async def cancel(order: Ordered) -> None:
        row = await session.ask("feed", "GET", f"/v1/requests/{order.order_id}")
        if row["status"] == "sourced":
            path = f"/v1/requests/{order.order_id}/cancellation"
            await session.ask("feed", "POST", path, json={"viewer_id": order.viewer_id})

    await session.each("cancellations", regretted, cancel)
    kept = {order.order_id for order in ordered} - {order.order_id for order in regretted}
    places = ["flagship", *(f"store-{n}" for n in range(len(cities)))]
    at_places = await session.each("orders at locations", places, lambda place: _sourced_at(session, place))
    waiting = [order for orders in at_places for order in orders if order in kept]
    for step in _STEPS:
        chunks = [waiting[begin : begin + 200] for begin in range(0, len(waiting), 200)]
        await session.each(
            step,
            chunks,
            lambda chunk, step=step: session.ask(
                "inventory", "POST", "/v1/orders/steps/batch", json={"order_ids": chunk, "step": step}
            ),  # type: ignore[misc]  # mypy cannot type a lambda's default
        )

    async def open_ends() -> int:
        requests = (await session.ask("feed", "GET", "/v1/summary"))["requests"]
        holds = (await session.ask("membership", "GET", "/v1/summary"))["holds"]
        return int(requests.get("sourced", 0) + holds.get("held", 0))

    await session.until_quiet("ends meet", open_ends)


async def _sourced_at(session: Session, place: str) -> list[str]:
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        page = await session.ask(
            "inventory", "GET", f"/v1/locations/{place}/orders", params={"after": after, "limit": 500}
        )
        found += [row["order_id"] for row in page]
        if len(page) < 500:
            return found


async def _report(session: Session) -> dict[str, Any]:
    feed, registry, membership, inventory = [
        await session.ask(service, "GET", "/v1/summary") for service in ("feed", "registry", "membership", "inventory")
    ]
    parked = [len(await session.ask(service, "GET", "/operations/parked")) for service in session.target.urls]
    off = {
        "unbalanced_entries": membership["unbalanced_entries"],
        "lines_off_ledger": membership["lines_off_ledger"],
        "shelves_off_movements": inventory["shelves_off_movements"],
        "reservations_off_shelves": inventory["reservations_off_shelves"],
        "captured_is_not_fulfilled": int(membership["captured_minor"] != inventory["fulfilled_minor"]),
    }
    ended = Counter(feed["requests"])
    return {
        "accounts": feed["accounts"],
        "follows": feed["follows"],
        "programs": registry["programs"],
        "locations": inventory["locations"],
        "posts_by_outcome": {"discovered": registry["discovered"], "not_found": registry["not_found"]},
        "cards": feed["cards"],
        "orders_by_outcome": dict(ended),
        "holds": membership["holds"],
        "ledger_entries": membership["entries"],
        "unended": ended["requested"]
        + ended["sourced"]
        + feed["cards"].get("resolving", 0)
        + membership["holds"].get("held", 0),
        "parked": sum(parked),
        "unbalanced": sum(off.values()),
        "balances": off,
    }


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in report.items():
        flat |= {f"{name} {key}": count for key, count in value.items()} if isinstance(value, dict) else {name: value}
    return flat
