"""A merchant with an enterprise account, a program that may be pushed, and followers."""

from datetime import datetime
from typing import Any, Final

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.commands import Asked, Claim
from lutong_chassis.database import Pool, new_cause
from lutong_chassis.testing import an_operator, deliver, in_transaction
from lutong_contracts.feed import AccountChanged, AccountFollowed
from lutong_registry.handlers import handlers
from lutong_registry.life_accounts.commands import SubmitPush

ACCOUNT: Final = "watsons-official"
PUSHES: Final = f"/v1/life-accounts/{ACCOUNT}/pushes"
DRAFT: Final = {"program_id": "watsons", "title": "周末面膜", "text": "到店自提立减"}


async def an_account(client: httpx.AsyncClient, pool: Pool, followers: int = 0) -> None:
    """The account and its program; so many follow it."""
    await client.put("/v1/merchants/watsons", json={"name": "屈臣氏"})
    manifest = {"title": "屈臣氏到家", "page": "pages/home"}
    onboarding = {"program_id": "watsons", "merchant_id": "watsons", "manifest": manifest}
    (await client.post("/v1/programs/batch", json={"programs": [onboarding]})).raise_for_status()
    facts = {"kind": "enterprise", "merchant_id": "watsons", "program_ids": ("watsons",), "revision": 1}
    await deliver(pool, handlers, AccountChanged(account_id=ACCOUNT, **facts))
    if followers:
        await deliver(pool, handlers, *(follows(f"reader-{number:05}") for number in range(followers)))


def follows(follower_id: str) -> AccountFollowed:
    """A reader follows the account."""
    return AccountFollowed(follower_id=follower_id, followee_id=ACCOUNT)


async def draft(client: httpx.AsyncClient, push_id: str = "push-1") -> None:
    """A push that may be handed in."""
    (await client.put(f"{PUSHES}/{push_id}", json=DRAFT)).raise_for_status()


async def submit(client: httpx.AsyncClient, push_id: str = "push-1", **body: Any) -> httpx.Response:
    """Hand a push in."""
    return await client.post(f"{PUSHES}/{push_id}/submission", json=body)


async def quota(client: httpx.AsyncClient, at: str | None = None) -> dict[str, Any]:
    """What is left to the account."""
    answer = await client.get(f"/v1/life-accounts/{ACCOUNT}/push-quota", params={"at": at} if at else None)
    document: dict[str, Any] = answer.raise_for_status().json()
    return document


async def set_policy(pool: Pool, kind: str, count: int, since: datetime | None = None) -> None:
    """Another policy, from now on or from then."""
    async with in_transaction(pool) as tx:
        await tx.execute(
            "INSERT INTO push_policy (effective_from, kind, quota) VALUES ($1, $2, $3)", since or tx.now, kind, count
        )


def asked(push_id: str, send_at: datetime | None = None, who: Principal | None = None) -> Asked[SubmitPush]:
    """A push is handed in, as a command that has not reached a lane."""
    command = SubmitPush(ACCOUNT, push_id, send_at, dry_run=False)
    return Asked(command, who or an_operator(), new_cause(), Claim("test", None, ""))
