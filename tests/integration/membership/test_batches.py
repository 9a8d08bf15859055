"""Commands of one batch on a real PostgreSQL: one that goes wrong at any place has its own answer, and the others theirs."""

import asyncio
from typing import Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member as member_token
from tests.integration.membership.story import balanced_summary, claim, get, kind, post, the_line, transfer

SIZE: Final = 4
WRONG: Final = {
    "refused": ({"member": "m-9"}, 404, "not_found"),
    "malformed": ({"currency": "yuan"}, 422, "invalid"),
    "raises": ({"reference": "BROKEN"}, 500, "bug"),
}


@pytest.fixture
def client(owing: httpx.AsyncClient) -> httpx.AsyncClient:
    """m-1 owes 177.00."""
    return owing


@pytest.mark.parametrize("how", WRONG)
async def test_one_wrong_command_leaves_the_others_alone(client: httpx.AsyncClient, pool: Pool, how: str) -> None:
    changes, status, problem = WRONG[how]
    await pool.execute("ALTER TABLE repayment ADD CONSTRAINT sound CHECK (reference <> 'BROKEN')")
    for place in range(SIZE):
        owed_minor = (await the_line(client))["owed_minor"]
        wanted = [{"reference": f"{place}-{each}"} for each in range(SIZE - 1)]
        wanted.insert(place, changes)
        answers = await asyncio.gather(*(transfer(client, 100, **each) for each in wanted))
        wrong = answers.pop(place)
        assert (wrong.status_code, kind(wrong)) == (status, problem)
        assert [(a.status_code, a.json()["state"]) for a in answers] == [(201, "confirmed")] * (SIZE - 1)
        assert (await the_line(client))["owed_minor"] == owed_minor - 100 * (SIZE - 1)
    await balanced_summary(client)


async def test_claims_of_one_batch_together_never_exceed_the_debt(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(claim(client, 9_000) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


async def test_one_reference_pays_once_within_a_batch(client: httpx.AsyncClient) -> None:
    first, again, other = await asyncio.gather(*(transfer(client, each, reference="T-1") for each in (100, 100, 200)))
    assert (again.status_code, again.json()) == (201, first.json())
    assert kind(other) == "reference_known"
    await balanced_summary(client)


async def test_a_member_asks_to_join_once_within_a_batch(client: httpx.AsyncClient) -> None:
    await client.put("/v1/plans/spa", json={"merchant_id": "spa", "title": "spa", "line_limit_minor": 9_000})
    who = member_token("m-1")
    asked = [post(client, "/v1/members/m-1/consultations", who, plan_id=plan) for plan in ("spa", "spa", "nothing")]
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [202, 409, 404]
    agreements = (await get(client, "/v1/members/m-1"))["agreements"]
    assert [each["plan_id"] for each in agreements].count("spa") == 1
