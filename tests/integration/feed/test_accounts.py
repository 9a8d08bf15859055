"""Accounts: what staff vouches for is said to others, and what they are called is not."""

from typing import Any

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, entities_published, in_transaction
from lutong_contracts.feed import AccountChanged
from lutong_contracts.topics import ACCOUNTS

ANN = "/v1/accounts/ann"


async def test_a_new_account_is_published_once_and_renaming_it_is_not(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await client.put(ANN, json={"name": "Ann B"})).status_code == 200
    assert await entities_published(pool, ACCOUNTS) == [
        AccountChanged(account_id=name, kind="personal", revision=1) for name in ("ann", "bo", "cy")
    ]


async def test_what_staff_vouches_for_is_published_and_counted(client: httpx.AsyncClient, pool: Pool) -> None:
    bound: dict[str, Any] = {
        "name": "Ann",
        "kind": "enterprise",
        "merchant_id": "watsons",
        "program_ids": ["q", "p", "p"],
    }
    account: dict[str, Any]
    for account in (bound, bound, {"name": "Ann"}, {"name": "Ann", "merchant_id": None, "program_ids": []}):
        assert (await client.put(ANN, json=account)).status_code == 200
    facts = {"account_id": "ann", "kind": "enterprise"}
    assert (await entities_published(pool, ACCOUNTS))[3:] == [
        AccountChanged(**facts, merchant_id="watsons", program_ids=("p", "q"), revision=2),
        AccountChanged(**facts, revision=3),
    ]


async def test_an_account_does_not_vouch_for_itself(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put(ANN, json={"name": "Ann", "merchant_id": "watsons"})
    for claim in ({"kind": "enterprise"}, {"merchant_id": "other"}, {"merchant_id": None}, {"program_ids": ["p"]}):
        answer = await client.put(ANN, json={"name": "Ann", **claim}, headers=bearer(a_member("ann")))
        assert answer.status_code == 403, claim
        assert f"leave `{next(iter(claim))}` out" in answer.json()["detail"]
    same = {"name": "Annie", "kind": "personal", "merchant_id": "watsons", "program_ids": []}
    assert (await client.put(ANN, json=same, headers=bearer(a_member("ann")))).status_code == 200
    assert len(await entities_published(pool, ACCOUNTS)) == 4


async def test_accounts_are_published_as_they_are(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put(ANN, json={"name": "Ann", "kind": "enterprise"})
    async with in_transaction(pool) as tx:
        await tx.execute("TRUNCATE outbox, pending")
    answer = await client.post(
        "/operations/entities", json={"reason": "new topic", "topic": ACCOUNTS.name, "after": ""}
    )
    assert answer.json() == {"published": 3, "after": None}
    assert await entities_published(pool, ACCOUNTS) == [
        AccountChanged(account_id="ann", kind="enterprise", revision=2),
        AccountChanged(account_id="bo", kind="personal", revision=1),
        AccountChanged(account_id="cy", kind="personal", revision=1),
    ]


async def test_anybody_reads_who_an_account_is(client: httpx.AsyncClient) -> None:
    await client.put("/v1/accounts/bo/follows/ann")
    answer = await client.get("/v1/accounts/ann")
    expected: dict[str, Any] = {
        "account_id": "ann",
        "name": "ann",
        "kind": "personal",
        "merchant_id": None,
        "program_ids": [],
    }
    assert answer.json() == expected | {"followed": None}
    assert (await client.get("/v1/accounts/nobody")).status_code == 404


async def test_a_member_learns_whom_they_follow(client: httpx.AsyncClient) -> None:
    await client.put("/v1/accounts/bo/follows/ann")
    as_bo = bearer(a_member("bo"))
    answers = {name: await client.get(f"/v1/accounts/{name}", headers=as_bo) for name in ("ann", "cy")}
    followed = {name: answer.json()["followed"] for name, answer in answers.items()}
    assert followed == {"ann": True, "cy": False}


async def test_an_account_shows_its_own_posts_only(client: httpx.AsyncClient) -> None:
    await client.put("/v1/accounts/bo/follows/ann")
    for author in ("ann", "bo", "ann", "ann"):
        await client.post("/v1/posts", json={"author_id": author, "text": f"by {author}"})
    first = (await client.get("/v1/accounts/ann/posts?limit=2")).json()
    rest = (await client.get("/v1/accounts/ann/posts", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [post["author_name"] for post in first["posts"] + rest["posts"]] == ["ann"] * 3
    assert rest["next_cursor"] is None
