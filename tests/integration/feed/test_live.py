"""Live cards on a real PostgreSQL: an empty shelf, a pause, a rollback and a prohibition change every card, with one row each."""

from typing import Any, Final, TypeVar

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts import Event
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_contracts.inventory import (
    LocationChanged,
    LocationClosed,
    LocationOpened,
    LocationPaused,
    StockBandChanged,
    StockDepleted,
    StockRestored,
)
from lutong_contracts.registry import VersionForcedOffline, VersionReleased, VersionRolledBack
from lutong_contracts.values import Money, Offer, Place
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, discovered
from tests.integration.feed.test_gray import grayed

AnyEvent = TypeVar("AnyEvent", bound=Event)
BO: Final = a_member("bo")
HERE: Final = {"lutong-place": "31.2304,121.4737"}
AT: Final = Place(latitude=31.24, longitude=121.47)


def opened(location_id: str = "near", **more: Any) -> LocationOpened:
    return LocationOpened(
        **{
            "merchant_id": "shop", "location_id": location_id, "revision": 1, "kind": "store", "state": "open", "place": AT,
            "zone": "Asia/Shanghai", "modes": ("delivery", "pickup"),
        }
        | more
    )  # fmt: skip


def again(kind: type[AnyEvent], **more: Any) -> AnyEvent:
    return kind(**opened().model_dump() | {"revision": 2} | more)


def shelf(kind: type[AnyEvent], location_id: str = "near", **more: Any) -> AnyEvent:
    return kind(merchant_id="shop", location_id=location_id, sku="tea", **more)


def band(word: str, location_id: str = "near") -> StockBandChanged:
    return shelf(StockBandChanged, location_id, band=word)


FLAGSHIP: Final = opened("flagship", kind="flagship", place=Place(latitude=39.9, longitude=116.4))


@pytest.fixture
async def cards(client: httpx.AsyncClient, pool: Pool) -> list[str]:
    """Three posts whose cards lead to one program, on the timeline of bo."""
    (await client.put("/v1/accounts/bo/follows/ann")).raise_for_status()
    posts = [await a_post(client) for _ in range(3)]
    await deliver(pool, handlers, RELEASED, *(discovered(post_id) for post_id in posts))
    return posts


async def lives(
    client: httpx.AsyncClient, headers: dict[str, str] | None = None, who: Principal = BO
) -> list[dict[str, Any] | None]:
    """What is live of each card, on the timeline, the home feed and the page of each post."""
    headers = (HERE if headers is None else headers) | bearer(who)
    timeline = (await client.get("/v1/accounts/bo/timeline", headers=headers)).raise_for_status().json()["posts"]
    home = (await client.get("/v1/accounts/bo/placements/home", headers=headers)).raise_for_status().json()["items"]
    posts = [*timeline, *(item["post"] for item in home)]
    posts += [(await client.get(f"/v1/posts/{post['post_id']}", headers=headers)).json() for post in timeline]
    assert len(posts) == 9
    return [post["card"]["live"] for post in posts]


async def one(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """What is live, which is the same on all of them."""
    found = await lives(client, **more)
    assert all(each == found[0] for each in found)
    assert found[0]
    return found[0]


def facts(live: dict[str, Any]) -> tuple[Any, ...]:
    return (live["state"], live["band"], live["location_id"], live["reason"], live["fallback"])


async def test_an_empty_shelf_changes_every_card(client: httpx.AsyncClient, pool: Pool, cards: list[str]) -> None:
    assert cards
    assert facts(await one(client)) == ("unknown", None, None, None, None)
    await deliver(pool, handlers, opened(), FLAGSHIP, band("in_stock"), band("in_stock", "flagship"))
    live = await one(client)
    assert facts(live) == ("live", "in_stock", "near", None, None)
    assert (live["distance_m"], live["sku"], live["amount_minor"], live["modes"]) == (
        1113,
        "tea",
        300,
        ["delivery", "pickup"],
    )
    assert live["text"] == {"en": "In stock, at a store 1.1 km away", "zh": "有货，门店距离 1.1 公里"}
    await deliver(pool, handlers, band("limited_availability"))
    assert facts(await one(client)) == ("live", "limited_availability", "near", None, None)
    await deliver(pool, handlers, shelf(StockDepleted))
    assert facts(await one(client)) == ("degraded", "in_stock", "flagship", "out_of_stock", "flagship")
    await deliver(pool, handlers, shelf(StockDepleted, "flagship"))
    assert facts(await one(client)) == ("degraded", "out_of_stock", None, "out_of_stock", "none")
    await deliver(pool, handlers, shelf(StockRestored, band="in_stock"))
    assert facts(await one(client)) == ("live", "in_stock", "near", None, None)
    assert await pool.fetchval("SELECT count(*) FROM shelf_band") == 2  # one row each, however many cards


async def test_who_may_not_use_the_place_shows_what_is_sent(
    client: httpx.AsyncClient, pool: Pool, cards: list[str]
) -> None:
    assert cards
    await deliver(pool, handlers, opened(), FLAGSHIP, band("in_stock"), band("in_stock", "flagship"))
    facts_of = {"program_id": RELEASED.program_id, "granted": ("pay",)}
    await deliver(pool, handlers, CapabilitiesChanged(revision=1, **facts_of))
    assert facts(await one(client))[:3] == ("live", "in_stock", "near")  # from before: held to nothing
    await deliver(pool, handlers, CapabilitiesChanged(enforced=True, revision=2, **facts_of))
    live = await one(client)
    assert facts(live) == ("degraded", "in_stock", "flagship", "location_not_granted", "flagship")
    assert (live["distance_m"], live["text"]["zh"]) == (None, "该小程序未获授权使用您的位置，可由旗舰店发货")
    assert facts(await one(client, headers={})) == ("live", "in_stock", "flagship", None, None)
    granted = facts_of | {"granted": ("location", "pay")}
    await deliver(pool, handlers, CapabilitiesChanged(enforced=True, revision=3, **granted))
    assert facts(await one(client))[:3] == ("live", "in_stock", "near")


async def test_a_pause_and_an_end_change_every_card(client: httpx.AsyncClient, pool: Pool, cards: list[str]) -> None:
    assert cards
    await deliver(pool, handlers, opened(), band("in_stock"))
    paused = again(LocationPaused, state="paused")
    await deliver(pool, handlers, paused)
    assert facts(await one(client))[3:] == ("paused", "none")
    await deliver(pool, handlers, again(LocationChanged, revision=3))
    assert facts(await one(client))[:3] == ("live", "in_stock", "near")
    await deliver(pool, handlers, paused)  # an older revision, read again
    assert facts(await one(client))[0] == "live"
    await deliver(pool, handlers, again(LocationClosed, revision=4, state="closed"))
    assert facts(await one(client))[0] == "unknown"


async def test_a_store_elsewhere_does_not_serve(client: httpx.AsyncClient, pool: Pool, cards: list[str]) -> None:
    assert cards
    far = opened("far", place=Place(latitude=31.30, longitude=121.47))
    await deliver(pool, handlers, far, band("in_stock", "far"))
    assert facts(await one(client))[3:] == ("out_of_reach", "none")
    await deliver(pool, handlers, LocationChanged(**far.model_dump() | {"revision": 2, "radius_m": 20_000}))
    assert facts(await one(client))[:3] == ("live", "in_stock", "far")
    await deliver(pool, handlers, opened(), FLAGSHIP, band("limited_availability"))
    assert facts(await one(client))[:3] == ("live", "limited_availability", "near")
    nowhere = await one(client, headers={})
    assert (nowhere["location_id"], nowhere["distance_m"]) == ("flagship", None)


async def test_rolled_back_and_forced_offline_change_every_card(
    client: httpx.AsyncClient, pool: Pool, cards: list[str]
) -> None:
    await deliver(pool, handlers, opened(), band("in_stock"))
    dearer = (Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=500, currency="CNY")),)
    await deliver(pool, handlers, VersionReleased(**RELEASED.model_dump() | {"version": 2, "offers": dearer}))
    assert (await one(client))["amount_minor"] == 500
    await deliver(pool, handlers, VersionRolledBack(**RELEASED.model_dump(), withdrawn_version=2))
    assert (await one(client))["amount_minor"] == 300
    await deliver(pool, handlers, VersionForcedOffline(program_id="g-1", version=1, reason="false_promises"))
    assert await lives(client) == [None] * 9
    card = (await client.get(f"/v1/posts/{cards[0]}")).json()["card"]
    assert (card["state"], card["reason"]) == ("unavailable", "false_promises")


async def test_a_price_is_that_of_the_viewers_version(client: httpx.AsyncClient, pool: Pool, cards: list[str]) -> None:
    assert cards
    await deliver(pool, handlers, opened(), band("in_stock"), grayed())
    assert (await one(client))["amount_minor"] == 9900
    post = (await client.get(f"/v1/posts/{cards[0]}", headers=HERE | bearer(a_member("cy")))).json()
    assert (post["card"]["version"], post["card"]["live"]["amount_minor"]) == (1, 300)


async def test_what_cannot_be_had_here_comes_later(client: httpx.AsyncClient, pool: Pool, cards: list[str]) -> None:
    assert cards
    await deliver(pool, handlers, opened(), band("in_stock"))

    async def ability() -> float:
        home = await client.get("/v1/accounts/bo/placements/home", headers=HERE | bearer(BO))
        found: float = home.json()["items"][0]["why"]["factors"]["ability"]
        return found

    assert await ability() == 1.0
    await deliver(pool, handlers, band("limited_availability"))
    assert await ability() == 0.82
    await deliver(pool, handlers, shelf(StockDepleted))
    assert await ability() == 0.1
    home = (await client.get("/v1/accounts/bo/placements/home", headers=HERE | bearer(BO))).json()
    assert home["items"][0]["why"]["reason"] == "unable"


@pytest.mark.parametrize("place", ["here", "31.23", "91,0", "0,181", "31.23;121.47", "nan,nan", "1e1,2"])
async def test_a_place_that_is_none_is_refused(client: httpx.AsyncClient, cards: list[str], place: str) -> None:
    answer = await client.get(f"/v1/posts/{cards[0]}", headers={"lutong-place": place})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:bad_place")


async def test_where_a_reader_is_is_kept_nowhere(
    client: httpx.AsyncClient, pool: Pool, cards: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cards
    await deliver(pool, handlers, opened(), band("in_stock"))
    await lives(client)
    await client.get("/v1/accounts/bo/timeline", headers={"lutong-place": "31.2304,999"} | bearer(BO))
    logged = "".join(capfd.readouterr())
    stored = str(await pool.fetch("SELECT payload FROM outbox")) + str(
        await pool.fetch("SELECT * FROM interaction_fact")
    )
    for written in (logged, stored):
        assert "121.4737" not in written
        assert "31.2304" not in written


async def test_shelves_of_older_events_are_known_by_their_merchant(client: httpx.AsyncClient, pool: Pool) -> None:
    nobody = StockDepleted(location_id="near", sku="tea")
    await deliver(pool, handlers, nobody, StockRestored(location_id="near", sku="tea"), shelf(StockRestored))
    rows = await pool.fetch("SELECT merchant_id, band FROM shelf_band")
    assert [tuple(row) for row in rows] == [("shop", "limited_availability")]
