"""Rights on a real PostgreSQL: used by the member, or by the merchant with the member's code; taken back."""

import asyncio
from typing import Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member as member_token
from lutong_chassis.testing import a_merchant, bearer
from tests.integration.membership.story import (
    OBLIGED,
    a_member,
    a_shop,
    balanced_summary,
    get,
    kind,
    post,
)

SHOP: Final = a_merchant("shop")
RIGHT: Final = {"benefits": {"rights": [{"right_id": "spa", "title": "spa", "times": 2, "value_minor": 300}]}}


@pytest.fixture
def client(owing: httpx.AsyncClient) -> httpx.AsyncClient:
    """m-1 owes 177.00."""
    return owing


async def a_right(client: httpx.AsyncClient, pool: Pool) -> str:
    await client.put("/v1/plans/spa", json={"merchant_id": "spa", "title": "spa", "line_limit_minor": 9_000})
    await a_shop(client, ["m-3"], **RIGHT)
    agreement = await a_member(pool, "m-3", "x-3", 100)
    return f"/v1/agreements/{agreement}/rights/spa"


async def test_a_merchant_uses_no_right_without_the_member(client: httpx.AsyncClient, pool: Pool) -> None:
    uses = await a_right(client, pool)
    for body in ({}, {"code": "AAAAAAAAAA"}):
        assert kind(await post(client, f"{uses}/uses", SHOP, use_id="u-1", **body)) == "not_confirmed"
    assert await pool.fetchval("SELECT count(*) FROM accrual WHERE kind = 'right'") == 0


async def test_a_code_of_the_member_works_once(client: httpx.AsyncClient, pool: Pool) -> None:
    right = await a_right(client, pool)
    code = (await post(client, f"{right}/codes", member_token("m-3"))).json()["code"]
    use = {"use_id": "u-1", "code": code}
    first, again = [await post(client, f"{right}/uses", SHOP, **use) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert kind(await post(client, f"{right}/uses", SHOP, **use | {"use_id": "u-2"})) == "not_confirmed"
    kept = await pool.fetch("SELECT * FROM right_code")
    assert code not in repr(kept) + repr(await pool.fetch("SELECT * FROM audit, outbox"))


async def test_a_code_is_guessed_five_times_at_most(client: httpx.AsyncClient, pool: Pool) -> None:
    right = await a_right(client, pool)
    code = (await post(client, f"{right}/codes", member_token("m-3"))).json()["code"]
    for _ in range(5):
        await post(client, f"{right}/uses", SHOP, use_id="u-1", code="AAAAAAAAAA")
    assert kind(await post(client, f"{right}/uses", SHOP, use_id="u-1", code=code)) == "not_confirmed"


async def test_a_code_at_once_works_once(client: httpx.AsyncClient, pool: Pool) -> None:
    right = await a_right(client, pool)
    code = (await post(client, f"{right}/codes", member_token("m-3"))).json()["code"]
    uses = [post(client, f"{right}/uses", SHOP, use_id=f"u-{n}", code=code) for n in range(8)]
    assert [answer.status_code for answer in await asyncio.gather(*uses)].count(201) == 1


async def test_a_code_is_not_kept_for_an_idempotency_key(client: httpx.AsyncClient, pool: Pool) -> None:
    right = await a_right(client, pool)
    answer = await client.post(
        f"{right}/codes", json={}, headers=bearer(member_token("m-3")) | {"idempotency-key": "k-1"}
    )
    assert (answer.status_code, kind(answer)) == (400, "key_not_taken")


async def test_a_member_uses_their_own_right(client: httpx.AsyncClient, pool: Pool) -> None:
    right = await a_right(client, pool)
    assert (await post(client, f"{right}/uses", member_token("m-3"), use_id="u-1")).status_code == 201


async def test_ids_of_uses_belong_to_who_chose_them(client: httpx.AsyncClient, pool: Pool) -> None:
    right = await a_right(client, pool)
    me = member_token("m-3")
    code = (await post(client, f"{right}/codes", me)).json()["code"]
    assert (await post(client, f"{right}/uses", me, use_id="u-1")).status_code == 201
    assert (await post(client, f"{right}/uses", SHOP, use_id="u-1", code=code)).status_code == 201
    assert await pool.fetchval("SELECT count(*) FROM accrual WHERE kind = 'right'") == 2


async def test_rights_are_used_over_http_and_taken_back(client: httpx.AsyncClient, pool: Pool) -> None:
    right = {"right_id": "spa", "title": "spa", "times": 2, "value_minor": 300}
    await a_shop(client, ["m-3"], **OBLIGED | {"benefits": {"rights": [right]}})
    agreement = await a_member(pool, "m-3", "x-3")
    uses = f"/v1/agreements/{agreement}/rights/spa/uses"
    me = bearer(member_token("m-3"))
    answers = await asyncio.gather(*(client.post(uses, json={"use_id": f"u-{n}"}, headers=me) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [409] * 8
    used = next(answer.json()["use_id"] for answer in answers if answer.status_code == 201)
    assert (await client.delete(f"{uses}/{used}?chosen_by=member")).status_code == 200
    assert (await get(client, f"/v1/agreements/{agreement}/quote"))["charge_minor"] == 300
    await balanced_summary(client)
