"""Uplift per store on a real PostgreSQL: weeks are cut where the first order came, and compared with other stores."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, bearer
from tests.integration.inventory.shop import SITES

STAFF = bearer(a_merchant("shop"))
TODAY: Final = datetime.now(UTC).date()
JOINED: Final = TODAY - timedelta(days=70)
SEASON: Final = 1.3
"""All stores take so much more since then, whether they are given orders or not."""


def a_day(location: str, day: date, minor: float) -> dict[str, Any]:
    return {"location_id": location, "day": str(day), "amount_minor": round(minor), "currency": "CNY"}


async def report(client: httpx.AsyncClient, *days: dict[str, Any], status: int = 201) -> httpx.Response:
    answer = await client.post("/v1/turnover/batch", json={"days": list(days)}, headers=STAFF)
    assert answer.status_code == status, answer.text
    return answer


async def a_quarter(client: httpx.AsyncClient, pool: Pool) -> None:
    """Ten weeks before the near store's first order, and ten since: it takes as much as all do at its counter, and a tenth
    of that by orders. The far store and the flagship were never given one."""
    days = [TODAY - timedelta(days=back) for back in range(1, 141)]
    for name, *_ in SITES:
        base = 1_000 + 10 * len(name)
        await report(
            client,
            *(a_day(name, day, base * (SEASON if day >= JOINED else 1) * (1 + day.day % 5 / 50)) for day in days),
        )
    await pool.execute("INSERT INTO location_day VALUES ('near', $1, 3)", JOINED)
    await pool.execute(
        """
        INSERT INTO sales_entry (order_id, kind, reference, merchant_id, location_id, currency, amount_minor, reason, booked_at)
        SELECT 'o-' || n, 'sold', 'o-' || n, 'shop', 'near', 'CNY', 135, 'shelf', $1::date + n + time '04:00'
          FROM generate_series(0, 69) AS n
        """,
        JOINED,
    )


async def uplift(client: httpx.AsyncClient, **narrowed: str) -> dict[str, Any]:
    params = {"until": str(TODAY)} | narrowed
    answer = await client.get("/v1/merchants/shop/stores/uplift", params=params, headers=STAFF)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_what_a_store_takes_more_is_measured_against_others(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_quarter(client, pool)
    (store,) = (await uplift(client))["stores"]
    assert (store["location_id"], store["weeks_before"], store["weeks_after"]) == ("near", 10, 10)
    assert store["compared"] is True
    assert store["verdict"] == "higher"
    assert abs(store["own"]["value"] - 0.1) < 0.01
    await pool.execute("DELETE FROM turnover WHERE location_id <> 'near' AND day = $1", TODAY - timedelta(days=9))
    (alone,) = (await uplift(client))["stores"]  # the control: without others the season is taken for an uplift
    assert alone["compared"] is False
    assert abs(alone["own"]["value"] - (1.1 * SEASON - 1)) < 0.02


async def test_a_week_with_a_day_missing_is_no_week(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_quarter(client, pool)
    for weeks in (0, 1, 2):
        day = JOINED - timedelta(days=4 + 7 * weeks)
        await pool.execute("DELETE FROM turnover WHERE location_id = 'near' AND day = $1", day)
    found = await uplift(client)
    assert (found["measured"], found["pooled"], found["verdict"]) == (0, None, "not_enough_data")
    assert found["stores"][0]["weeks_before"] == 7
    early = await uplift(client, until=str(JOINED))
    assert [store["weeks_after"] for store in early["stores"]] == [0]


async def test_what_is_reported_again_holds_and_is_ones_own(client: httpx.AsyncClient, pool: Pool) -> None:
    await report(client, a_day("near", TODAY, 5), a_day("near", TODAY, 6))
    await report(client, a_day("near", TODAY, 7))
    assert await pool.fetchval("SELECT amount_minor FROM turnover") == 7
    soon = await report(client, a_day("near", TODAY + timedelta(days=9), 1), status=422)
    assert soon.json()["type"] == "urn:lutong:problem:future"
    rival = await client.post(
        "/v1/turnover/batch", json={"days": [a_day("near", TODAY, 1)]}, headers=bearer(a_merchant("rival"))
    )
    assert rival.status_code == 404
