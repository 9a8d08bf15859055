"""Members count from what the feed showed them first, in the arm that it showed; also those who order nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.feed import MemberExposed
from lutong_contracts.offers import arm_of
from lutong_membership.handlers import handlers
from tests.integration.membership.story import a_shop, tell
from tests.support.builders import a_request, fulfilled

MEMBERS: Final = [f"h-{n}" for n in range(40)]
EARLIER: Final = datetime.now(UTC) - timedelta(days=2)


def exposed(member_id: str, at: datetime = EARLIER, plan_id: str = "light", **more: Any) -> MemberExposed:
    held_out = arm_of(member_id, "shop", plan_id, "lutong", 50) == "holdout"
    facts = {"member_id": member_id, "merchant_id": "shop", "plan_id": plan_id, "held_out": held_out, "exposed_at": at}
    return MemberExposed(**(facts | more))


async def test_who_saw_an_offer_and_ordered_nothing_counts(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, MEMBERS, benefits={"discount_percent": 10}, holdout_percent=50)
    await deliver(pool, handlers, *[exposed(member) for member in MEMBERS])
    buyers = MEMBERS[:10]
    await tell(pool, *[a_request(f"o-{number}-{member}", 1_000, member) for member in buyers for number in range(2)])
    held = await pool.fetch("SELECT order_id, amount_minor FROM hold WHERE state = 'held'")
    again = [row for row in held if not row["order_id"].startswith("o-1-") or row["order_id"].endswith(("h-0", "h-1"))]
    await deliver(pool, handlers, *[fulfilled(row["order_id"], row["amount_minor"]) for row in again])

    found = (await client.get("/v1/merchants/shop/uplift")).json()
    arms = {member: arm_of(member, "shop", "light", "lutong", 50) for member in MEMBERS}
    assert found["members"] == {arm: list(arms.values()).count(arm) for arm in ("treated", "holdout")}
    figures = {kpi["name"]: kpi for kpi in found["kpis"]}
    for arm in ("treated", "holdout"):
        bought = [member for member in buyers if arms[member] == arm]
        assert (
            figures["new_customers"][arm] == len(bought) / found["members"][arm]
        )  # of all who saw it, not of who ordered
        twice = [member for member in bought if member in ("h-0", "h-1")]
        assert figures["repurchase"][arm] == len(twice) / len(bought)


async def test_an_arm_is_what_was_shown_and_stays(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, MEMBERS[:1], benefits={"discount_percent": 10}, holdout_percent=1)
    await deliver(pool, handlers, exposed("h-0", held_out=True))
    await tell(pool, a_request("o-1", 1_000, "h-0"))
    assert await pool.fetchval("SELECT amount_minor FROM hold") == 1_000  # without the benefits
    await deliver(pool, handlers, exposed("h-0", held_out=False))
    assert await pool.fetchval("SELECT holdout FROM arm") is True


async def test_a_member_counts_from_the_first_moment(client: httpx.AsyncClient, pool: Pool) -> None:
    """An exposure may come after the order that it led to, twice, and in any order."""
    await a_shop(client, MEMBERS[:1], holdout_percent=50)
    await tell(pool, a_request("o-1", 1_000, "h-0"))
    drawn = await pool.fetchval("SELECT drawn_at FROM arm")
    later = exposed("h-0", drawn + timedelta(hours=1))
    for event, moment in ((later, drawn), (exposed("h-0"), EARLIER), (later, EARLIER)):
        await deliver(pool, handlers, event, event)
        assert await pool.fetchval("SELECT drawn_at FROM arm") == moment


async def test_an_exposure_to_an_unknown_plan_is_passed_over(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_shop(client, MEMBERS[:1])
    await deliver(pool, handlers, exposed("h-0", plan_id="other"))
    assert await pool.fetchval("SELECT count(*) FROM arm") == 0
