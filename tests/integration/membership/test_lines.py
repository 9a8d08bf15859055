"""Lines and proposals on a real PostgreSQL: above the thresholds they need two operators."""

from typing import Final

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import bearer
from tests.integration.membership.story import kind, post, the_line

ONE: Final = Principal("ops-1", "operator")
OTHER: Final = Principal("ops-2", "operator")
WHY: Final = {"reason": "the parcel was wet"}
NINE_BILLION: Final = 900_000_000_000


@pytest.fixture
def client(owing: httpx.AsyncClient) -> httpx.AsyncClient:
    """m-1 owes 177.00."""
    return owing


async def put_line(client: httpx.AsyncClient, limit_minor: int, who: Principal = ONE) -> httpx.Response:
    return await client.put("/v1/members/m-1/line", json={"limit_minor": limit_minor, **WHY}, headers=bearer(who))


async def test_a_line_of_nine_billion_needs_two_people(client: httpx.AsyncClient) -> None:
    answer = await put_line(client, NINE_BILLION)
    assert (kind(answer), (await the_line(client))["limit_minor"]) == ("proposed", 100_000)
    approval = f"/v1/proposals/{answer.json()['proposal_id']}/approval"
    assert kind(await post(client, approval, ONE, reason="mine")) == "own_proposal"
    assert kind(await post(client, approval, OTHER, reason="looked")) == "approved"
    assert (await the_line(client))["limit_minor"] == NINE_BILLION


async def test_a_line_in_slices_needs_two_people(client: httpx.AsyncClient) -> None:
    answers = [await put_line(client, limit) for limit in (150_000, 200_000, 250_000)]
    assert [kind(answer) for answer in answers] == ["done", "done", "proposed"]
    assert (await the_line(client))["limit_minor"] == 200_000


async def test_a_line_is_lowered_by_one_person(client: httpx.AsyncClient, pool: Pool) -> None:
    assert kind(await put_line(client, 20_000)) == "done"
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE actor = 'ops-1' AND reason = $1", WHY["reason"]) == 1


async def test_approving_twice_is_the_same_answer(client: httpx.AsyncClient) -> None:
    proposal = (await put_line(client, NINE_BILLION)).json()["proposal_id"]
    path = f"/v1/proposals/{proposal}/approval"
    first, again = [await post(client, path, OTHER, reason="looked") for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


async def test_an_expired_proposal_has_no_effect(client: httpx.AsyncClient, pool: Pool) -> None:
    proposal = (await put_line(client, NINE_BILLION)).json()["proposal_id"]
    await pool.execute("UPDATE proposal SET expires_at = now() - interval '1 second'")
    answer = await post(client, f"/v1/proposals/{proposal}/approval", OTHER, reason="looked")
    assert (answer.status_code, kind(answer)) == (409, "proposal_expired")
    assert kind(await put_line(client, NINE_BILLION)) == "proposed"


async def test_a_payout_and_a_line_need_a_reason(client: httpx.AsyncClient) -> None:
    payout = await post(client, "/v1/members/m-1/payouts", ONE, amount_minor=1)
    limit = await client.put("/v1/members/m-1/line", json={"limit_minor": 1}, headers=bearer(ONE))
    assert (payout.status_code, limit.status_code) == (422, 422)
