"""Offers of light memberships on cards: held out or not before anything is shown, sticky, and counted from the first look in both arms."""

import json
from typing import Any, Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.membership import AgreementQuit, AgreementSigned, PlanClosed, PlanPublished
from lutong_contracts.offers import Holdout, arm_of
from lutong_contracts.values import Money
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, a_post, consume_own_events, discovered

READERS: Final = tuple(f"r-{n}" for n in range(12))
NO_MONEY: Final = Money(amount_minor=0, currency="CNY")


def a_plan(revision: int = 1, percent: float = 50, **more: Any) -> PlanPublished:
    return PlanPublished(
        **{
            "revision": revision, "plan_id": "light", "merchant_id": "shop", "version": 1, "title": "Light", "line_limit": NO_MONEY,
            "charge_cap": NO_MONEY, "discount_percent": 10, "holdout": Holdout(salt="s-1", percent=percent),
        }
        | more
    )  # fmt: skip


def arm(member_id: str, percent: float = 50) -> str:
    return arm_of(member_id, "shop", "light", "s-1", percent)


@pytest.fixture
async def post_id(client: httpx.AsyncClient, pool: Pool) -> str:
    """A post of ann whose card leads to a shop with a plan, and twelve readers."""
    accounts = [{"account_id": name, "name": name} for name in READERS]
    (await client.post("/v1/accounts/batch", json={"accounts": accounts})).raise_for_status()
    shown = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(shown), a_plan())
    return shown


async def read(client: httpx.AsyncClient, post_id: str, reader: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/posts/{post_id}", headers=bearer(a_member(reader)))
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def offered(client: httpx.AsyncClient, post_id: str, reader: str) -> dict[str, Any] | None:
    membership: dict[str, Any] | None = (await read(client, post_id, reader))["card"]["live"]["membership"]
    return membership


async def see(client: httpx.AsyncClient, pool: Pool, post_id: str, *readers: str, kind: str = "impression") -> None:
    for reader in readers:
        touch = (await read(client, post_id, reader))["touch"]
        body = {"viewer_id": reader, "interactions": [{"touch": touch, "kind": kind}]}
        (await client.post("/v1/interactions", json=body, headers=bearer(a_member(reader)))).raise_for_status()
    await consume_own_events(pool)


async def exposed(pool: Pool) -> dict[str, bool]:
    rows = await pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%member-exposed%'")
    events = [json.loads(row["payload"]) for row in rows]
    assert len({event["member_id"] for event in events}) == len(events)
    return {event["member_id"]: event["held_out"] for event in events}


async def test_a_card_shows_the_price_with_and_without(client: httpx.AsyncClient, post_id: str) -> None:
    arms = {reader: arm(reader) for reader in READERS}
    assert set(arms.values()) == {"treated", "holdout"}
    for reader in READERS:
        live = (await read(client, post_id, reader))["card"]["live"]
        assert live["amount_minor"] == 300
        if arms[reader] == "holdout":
            assert live["membership"] is None  # as where there is no plan
        else:
            assert (live["membership"]["state"], live["membership"]["amount_minor"]) == ("offered", 270)


async def test_the_offer_is_on_lists_and_not_for_staff(client: httpx.AsyncClient, post_id: str) -> None:
    reader = next(each for each in READERS if arm(each) == "treated")
    (await client.put(f"/v1/accounts/{reader}/follows/ann")).raise_for_status()
    who = bearer(a_member(reader))
    timeline = (await client.get(f"/v1/accounts/{reader}/timeline", headers=who)).json()["posts"]
    home = (await client.get(f"/v1/accounts/{reader}/placements/home", headers=who)).json()["items"]
    square = (await client.get(f"/v1/accounts/{reader}/placements/square", headers=who)).json()["items"]
    cards = [post["card"] for post in (*timeline, *(item["post"] for item in (*home, *square)))]
    assert [card["live"]["membership"]["state"] for card in cards] == ["offered"] * 3
    staff = (await client.get(f"/v1/posts/{post_id}")).json()
    assert staff["card"]["live"]["membership"] is None


async def test_both_arms_count_from_their_first_look(client: httpx.AsyncClient, pool: Pool, post_id: str) -> None:
    looked = READERS[:8]
    await see(client, pool, post_id, *looked)
    await see(client, pool, post_id, *looked)  # once more: another item, no other exposure
    await see(client, pool, post_id, READERS[8], kind="open")  # without JavaScript there is no impression
    assert await exposed(pool) == {reader: arm(reader) == "holdout" for reader in READERS[:9]}
    facts = await pool.fetchval("SELECT count(DISTINCT viewer_id) FROM interaction_fact")
    assert facts == 9


async def test_an_arm_stays_when_the_holdout_changes(client: httpx.AsyncClient, pool: Pool, post_id: str) -> None:
    before = {reader: await offered(client, post_id, reader) for reader in READERS}
    seen, unseen = READERS[:6], READERS[6:]
    await see(client, pool, post_id, *seen)
    await deliver(pool, handlers, a_plan(2, percent=100))
    assert {reader: await offered(client, post_id, reader) for reader in seen} == {each: before[each] for each in seen}
    assert [await offered(client, post_id, reader) for reader in unseen] == [None] * len(unseen)
    await deliver(pool, handlers, a_plan(1, percent=0))  # an older revision, read again
    assert await offered(client, post_id, unseen[0]) is None


async def test_who_joined_sees_their_price_until_they_leave(
    client: httpx.AsyncClient, pool: Pool, post_id: str
) -> None:
    reader = next(each for each in READERS if arm("m-of-" + each) == "treated")
    bound = "INSERT INTO binding (viewer_id, binding_id, member_id, state) VALUES ($1, 'b-1', $2, 'bound')"
    await pool.execute(bound, reader, f"m-of-{reader}")
    agreement = {"agreement_id": "a-1", "member_id": f"m-of-{reader}", "plan_id": "light", "merchant_id": "shop"}
    await deliver(pool, handlers, AgreementSigned(**agreement))
    joined = await offered(client, post_id, reader)
    assert joined
    assert (joined["state"], joined["text"]["en"]) == ("joined", "Your price as a member of Light")
    await see(client, pool, post_id, reader)
    assert await exposed(pool) == {}  # nothing is offered to who has it
    await deliver(pool, handlers, AgreementQuit(**agreement))
    left = await offered(client, post_id, reader)
    assert left
    assert left["state"] == "offered"
    await see(client, pool, post_id, reader)
    assert await exposed(pool) == {f"m-of-{reader}": False}


async def test_a_plan_that_closed_is_offered_to_nobody(client: httpx.AsyncClient, pool: Pool, post_id: str) -> None:
    await deliver(pool, handlers, PlanClosed(**a_plan(2).model_dump()))
    assert [await offered(client, post_id, reader) for reader in READERS] == [None] * len(READERS)
    await see(client, pool, post_id, *READERS[:3])
    assert await exposed(pool) == {}


async def test_a_plan_without_its_holdout_is_offered_to_nobody(
    client: httpx.AsyncClient, pool: Pool, post_id: str
) -> None:
    """The release before published plans without it; `lutong publish-entities` publishes the same revision once more."""
    await deliver(pool, handlers, a_plan(2, holdout=None))
    assert [await offered(client, post_id, reader) for reader in READERS] == [None] * len(READERS)
    await see(client, pool, post_id, *READERS[:3])
    assert await exposed(pool) == {}
    await deliver(pool, handlers, a_plan(2))
    assert any([await offered(client, post_id, reader) for reader in READERS])
