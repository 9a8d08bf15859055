"""What accounts ask of their pushes, operators of policies, and followers of what reached them."""

from typing import Annotated

from fastapi import Query, Response

from lutong_chassis import Ask, Problem, Read, Reads, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.values import Identifier, Moment
from lutong_registry.bodies import router
from lutong_registry.life_accounts import bodies, domain, followers, store
from lutong_registry.life_accounts.bodies import (
    Draft,
    LifeAccountView,
    NewPolicy,
    PolicyView,
    PushQuotaView,
    PushView,
    ReceivedPush,
    Submission,
    SubmissionView,
)
from lutong_registry.life_accounts.commands import CancelPush, RecallPush, SubmitPush
from lutong_registry.life_accounts.domain import Policy, Push
from lutong_registry.life_accounts.store import Account
from lutong_registry.programs import store as program_store

Limit = Annotated[int, Query(ge=1, le=100)]


@router.post("/v1/push-policies", status_code=201)
@allowed("operator")
@audited("push_policy.set", shows=("effective_from", "kind", "quota"), reasoned=True)
async def set_push_policy(body: NewPolicy, who: Who, tx: TxDependency) -> PolicyView:
    """Set how often accounts may push from a moment on. What has its place already keeps it."""
    if body.effective_from < tx.now:
        detail = "effective_from is past: a policy changes what is to come, choose a moment from now on"
        raise Problem(422, "in_the_past", detail, errors=[{"pointer": "/body/effective_from", "detail": detail}])
    policy = await store.add_policy(tx, Policy(0, body.effective_from, body.kind, body.quota))
    shown = {"effective_from": policy.effective_from.isoformat(), "kind": policy.kind, "quota": policy.quota}
    await audit.record(tx, who, audit.Change("push_policy.set", f"push_policy:{policy.policy_id}", after=shown))
    return bodies.policy_view(policy)


@router.get("/v1/push-policies")
@allowed("anybody")
async def list_push_policies(read: Read) -> list[PolicyView]:
    """How often accounts may push: before, now and later."""
    return [bodies.policy_view(each) for each in await store.policies(read)]


@router.put("/v1/life-accounts/{account_id}/pushes/{push_id}")
@allowed("merchant", "operator")
@audited("push.draft", own="merchant")
async def draft_push(account_id: Identifier, push_id: Identifier, body: Draft, who: Who, tx: TxDependency) -> PushView:
    """Write a push, or write it anew while it is a draft. It takes no place in the quota."""
    account = await _account(tx, who, account_id)
    if account.kind != "enterprise":
        raise Problem(
            409, "not_enterprise", f"account {account_id!r} is {account.kind}: an operator makes it enterprise"
        )
    program = (await program_store.read_programs(tx, None, [body.program_id])).get(body.program_id)
    if program is None or program.merchant_id != account.merchant_id:
        detail = f"the merchant of account {account_id!r} has no program {body.program_id!r}: name one of its own"
        raise Problem(422, "no_program", detail, errors=[{"pointer": "/body/program_id", "detail": detail}])
    draft = Push(
        push_id, account_id, body.program_id, body.title, body.text, "draft", *(None,) * 3, "", 0, *(None,) * 3
    )
    if not await store.save_draft(tx, draft):
        raise Problem(409, "no_draft", f"push {push_id!r} is handed in, or another account's: use another push_id")
    if who.is_staff:
        await audit.record(tx, who, audit.Change("push.draft", f"push:{push_id}", after={"state": "draft"}))
    return bodies.push_view(draft)


@router.post(
    "/v1/life-accounts/{account_id}/pushes/{push_id}/submission", status_code=202, response_model=SubmissionView
)
@allowed("merchant", "operator")
@audited("push.submit", own="merchant")
async def submit_push(account_id: Identifier, push_id: Identifier, body: Submission, ask: Ask) -> Response:
    """Hand a push in, to be sent now or at `send_at`. It takes a place of that moment's window, once however often it is asked."""
    return await ask(SubmitPush(account_id, push_id, body.send_at, body.dry_run))


@router.post("/v1/life-accounts/{account_id}/pushes/{push_id}/cancellation", response_model=PushView)
@allowed("merchant", "operator")
@audited("push.cancel", own="merchant")
async def cancel_push(account_id: Identifier, push_id: Identifier, ask: Ask) -> Response:
    """Do not send a push after all: its place in the quota is free again."""
    return await ask(CancelPush(account_id, push_id))


@router.post("/v1/life-accounts/{account_id}/pushes/{push_id}/recall", response_model=PushView)
@allowed("merchant", "operator")
@audited("push.recall", own="merchant")
async def recall_push(account_id: Identifier, push_id: Identifier, ask: Ask) -> Response:
    """Take back a push that was sent: it is shown to nobody any more, and its place stays taken."""
    return await ask(RecallPush(account_id, push_id))


@router.get("/v1/life-accounts/{account_id}/push-quota")
@allowed("merchant", "viewer")
async def get_push_quota(account_id: Identifier, who: Who, tx: TxDependency, at: Moment | None = None) -> PushQuotaView:
    """How many pushes are left to an account now, or `at` another moment, and when more will be."""
    await _account(tx, who, account_id)
    taken = domain.by_account(await store.holding(tx, [account_id], tx.now)).get(account_id, [])
    return bodies.quota_view(domain.quota_at(await store.policies(tx), taken, at or tx.now))


@router.get("/v1/life-accounts/{account_id}/pushes")
@allowed("merchant", "viewer")
async def list_pushes(account_id: Identifier, who: Who, read: Read, limit: Limit = 20) -> list[PushView]:
    """The latest pushes of an account."""
    await _account(read, who, account_id)
    return [bodies.push_view(push) for push in await store.pushes_of(read, account_id, limit)]


@router.get("/v1/life-accounts/{account_id}/pushes/{push_id}")
@allowed("merchant", "viewer")
async def get_push(account_id: Identifier, push_id: Identifier, who: Who, read: Read) -> PushView:
    """A push, and how far it is."""
    await _account(read, who, account_id)
    push = (await store.pushes(read, [push_id])).get(push_id)
    if push is None or push.account_id != account_id:
        not_found("push", push_id)
    return bodies.push_view(push)


@router.get("/v1/members/{member_id}/pushes")
@allowed("member", "viewer")
async def list_received_pushes(member_id: Identifier, who: Who, read: Read, limit: Limit = 20) -> list[ReceivedPush]:
    """What reached a follower, newest first. What was recalled is not shown, nor what is of an account they follow no more."""
    who.require(member=member_id, hide=("account", member_id))
    return [bodies.received_view(push) for push in await store.received(read, member_id, limit)]


@router.get("/v1/programs/{program_id}/life-accounts")
@allowed("anybody")
async def list_life_accounts(program_id: Identifier, read: Read) -> list[LifeAccountView]:
    """The life accounts that a program leads to: those that it is bound to, and those of its merchant that are bound to none."""
    found = [account.account_id for account in await store.bound_to(read, program_id)]
    counted = await followers.counted(read, found)
    return [LifeAccountView(account_id=each, followers=counted.get(each, 0)) for each in found]


@router.get("/v1/merchants/{merchant_id}/life-accounts")
@allowed("merchant", "viewer")
async def list_accounts_of(merchant_id: Identifier, who: Who, read: Read) -> list[LifeAccountView]:
    """The life accounts of a merchant, at most a hundred, and how many follow each."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    found = [account.account_id for account in await store.accounts_of(read, merchant_id)]
    counted = await followers.counted(read, found)
    return [LifeAccountView(account_id=each, followers=counted.get(each, 0)) for each in found]


async def _account(tx: Reads, who: Who, account_id: str) -> Account:
    account = (await store.accounts(tx, [account_id])).get(account_id) or not_found("life account", account_id)
    who.require(merchant=account.merchant_id, hide=("life account", account_id))
    return account
