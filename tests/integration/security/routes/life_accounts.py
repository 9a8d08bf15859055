"""Routes of registry about life accounts: pushes, their quota, and what reached a follower."""

from typing import Final

from lutong_contracts.feed import AccountChanged
from lutong_contracts.life_accounts import PushChunkDue
from tests.integration.security.callers import (
    ACME,
    ANN,
    ANYBODY,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_OPERATORS,
    READ_BY_ITS_MEMBER,
    READ_BY_ITS_MERCHANT,
)
from tests.integration.security.world import Ask, Asked, Matrix, World, fixed

_DRAFT: Final = {"program_id": "fund", "title": "New", "text": "Today"}
_POLICY: Final = {"effective_from": "2099-01-01T00:00:00+08:00", "kind": "calendar_week", "quota": 3}


async def _account(world: World) -> str:
    account_id = world.fresh("account")
    facts = {"kind": "enterprise", "merchant_id": ACME, "program_ids": ("fund",), "revision": 1}
    await world.consume(AccountChanged(account_id=account_id, **facts))
    return account_id


def _of_an_account(path: str, *verbs: str, body: object = None) -> Ask:
    """A path below an account of acme's; with a push that is a draft, was handed in, or was sent."""

    async def ask(world: World) -> Asked:
        account_id = await _account(world)
        push_id = world.fresh("push")
        below = f"/v1/life-accounts/{account_id}"
        if "pushes/" in path and "draft" in verbs:
            await world.ask("PUT", f"{below}/pushes/{push_id}", _DRAFT)
        if "submission" in verbs:
            await world.ask("POST", f"{below}/pushes/{push_id}/submission", {})
        if "sent" in verbs:
            await world.consume(PushChunkDue(push_id=push_id))
        return Asked(f"{below}{path.replace('PUSH', push_id)}", body, account_id)

    return ask


LIFE_ACCOUNTS: Final[Matrix] = {
    "POST /v1/push-policies": (DONE_BY_OPERATORS, fixed("/v1/push-policies", _POLICY)),
    "GET /v1/push-policies": (ANYBODY, fixed("/v1/push-policies")),
    "PUT /v1/life-accounts/{account_id}/pushes/{push_id}": (
        DONE_BY_ITS_MERCHANT,
        _of_an_account("/pushes/PUSH", body=_DRAFT),
    ),
    "POST /v1/life-accounts/{account_id}/pushes/{push_id}/submission": (
        DONE_BY_ITS_MERCHANT,
        _of_an_account("/pushes/PUSH/submission", "draft", body={}),
    ),
    "POST /v1/life-accounts/{account_id}/pushes/{push_id}/cancellation": (
        DONE_BY_ITS_MERCHANT,
        _of_an_account("/pushes/PUSH/cancellation", "draft"),
    ),
    "POST /v1/life-accounts/{account_id}/pushes/{push_id}/recall": (
        DONE_BY_ITS_MERCHANT,
        _of_an_account("/pushes/PUSH/recall", "draft", "submission", "sent"),
    ),
    "GET /v1/life-accounts/{account_id}/push-quota": (READ_BY_ITS_MERCHANT, _of_an_account("/push-quota")),
    "GET /v1/life-accounts/{account_id}/pushes": (READ_BY_ITS_MERCHANT, _of_an_account("/pushes")),
    "GET /v1/life-accounts/{account_id}/pushes/{push_id}": (
        READ_BY_ITS_MERCHANT,
        _of_an_account("/pushes/PUSH", "draft"),
    ),
    "GET /v1/members/{member_id}/pushes": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}/pushes", about=ANN)),
    "GET /v1/merchants/{merchant_id}/life-accounts": (
        READ_BY_ITS_MERCHANT,
        fixed(f"/v1/merchants/{ACME}/life-accounts", about=ACME),
    ),
    "GET /v1/programs/{program_id}/life-accounts": (ANYBODY, fixed("/v1/programs/fund/life-accounts")),
}
