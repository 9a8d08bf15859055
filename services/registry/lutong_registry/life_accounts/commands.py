"""How pushes are handed in, cancelled and recalled; in batches, behind the locks of their accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts.life_accounts import PushChunkDue, PushEnded, PushReserved
from lutong_registry.life_accounts import domain, followers, store
from lutong_registry.life_accounts.bodies import SubmissionView, push_view, quota_view
from lutong_registry.life_accounts.domain import HOLDING, Policy, Push, Quota
from lutong_registry.life_accounts.store import Account, Place
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import Program, Refusal, why_not_promoted

handlers = Handlers()

_STATUS: Final = {"bad_send_at": 422}


class SubmitPush(NamedTuple):
    """An account hands a draft in: it gets its place in the quota of the moment that it is to be sent at, or of now."""

    account_id: str
    push_id: str
    send_at: datetime | None
    dry_run: bool


class CancelPush(NamedTuple):
    """An account does not want to send a push after all."""

    account_id: str
    push_id: str


class RecallPush(NamedTuple):
    """An account takes a push back that was sent, or is being sent: it is shown to nobody any more."""

    account_id: str
    push_id: str


OfPush = Asked[SubmitPush] | Asked[CancelPush] | Asked[RecallPush]


class Known(NamedTuple):
    """What a batch of commands is decided on, and changes while it is: an earlier command may take the last place."""

    accounts: Mapping[str, Account]
    pushes: dict[str, Push]
    policies: Sequence[Policy]
    taken: dict[str, list[datetime]]
    programs: Mapping[str, Program]
    followers: Mapping[str, int]
    now: datetime


class Decided(NamedTuple):
    """The answer to a command, the push that it changed, if it did, and the places that it takes and gives back."""

    answer: Answer | Problem
    push: Push | None = None
    taken: Sequence[Place] = ()
    freed: Sequence[Place] = ()


@handlers.on(SubmitPush)
async def submit_pushes(batch: Sequence[Asked[SubmitPush]], tx: Tx) -> list[Answer | Problem]:
    """Pushes get their places in the quota, those that come first; the others are refused with what to do. A dry run changes nothing."""
    known = await _known(tx, batch)
    numbers = await store.numbers(tx, len(batch))
    decided = [_submit(asked, known, number) for asked, number in zip(batch, numbers, strict=True)]
    return await _save(tx, decided)


@handlers.on(CancelPush)
async def cancel_pushes(batch: Sequence[Asked[CancelPush]], tx: Tx) -> list[Answer | Problem]:
    """Pushes are not sent after all: their places are free again."""
    known = await _known(tx, batch)
    return await _save(tx, [_end(asked, known, "cancel") for asked in batch])


@handlers.on(RecallPush)
async def recall_pushes(batch: Sequence[Asked[RecallPush]], tx: Tx) -> list[Answer | Problem]:
    """Pushes are taken back: nobody is shown them any more. What was sent counts, so their places stay taken."""
    known = await _known(tx, batch)
    return await _save(tx, [_end(asked, known, "recall") for asked in batch])


async def _known(tx: Tx, batch: Sequence[OfPush]) -> Known:
    """Accounts and their pushes, locked in this order: what is decided on the pushes of an account is decided behind its row."""
    account_ids = [asked.command.account_id for asked in batch]
    accounts = await store.accounts(tx, account_ids, lock=True)
    pushes = await store.pushes(tx, (asked.command.push_id for asked in batch), lock=True)
    return Known(
        accounts,
        pushes,
        await store.policies(tx),
        domain.by_account(await store.holding(tx, account_ids, tx.now)),
        await program_store.read_programs(tx, None, [push.program_id for push in pushes.values()]),
        await followers.counted(tx, accounts),
        tx.now,
    )


async def _save(tx: Tx, decided: Sequence[Decided]) -> list[Answer | Problem]:
    await store.save_pushes(tx, [each.push for each in decided if each.push])
    await store.take_places(tx, [place for each in decided for place in each.taken])
    await store.free_places(tx, [place for each in decided for place in each.freed])
    return [each.answer for each in decided]


def _submit(asked: Asked[SubmitPush], known: Known, number: int) -> Decided:
    push, send_at = _visible(asked, known), asked.command.send_at or known.now
    if isinstance(push, Problem):
        return Decided(push)
    taken = known.taken.setdefault(push.account_id, [])
    quota = domain.quota_at(known.policies, taken, push.counts_at or send_at)
    if push.state in HOLDING:  # handed in before: it has its place
        return Decided(Answer(_view(push, quota, known), changed=False))
    refusal = why_not_promoted(known.programs.get(push.program_id)) or domain.why_not_reserve(
        push, quota, send_at, known.now
    )
    if refusal:
        return Decided(_refused(refusal, quota))
    if asked.command.dry_run:
        return Decided(Answer(_view(push, quota, known, dry_run=True), changed=False))
    push = push._replace(state="quota_reserved", counts_at=send_at, policy_id=quota.policy.policy_id, number=number)
    known.pushes[push.push_id] = push
    taken.append(send_at)
    view = _view(push, domain.quota_at(known.policies, taken, send_at), known)
    return Decided(
        Answer(view, _reserved(asked, push, known.now), _on_record(asked, push)), push, places(push, known.policies)
    )


def _end(asked: Asked[CancelPush] | Asked[RecallPush], known: Known, verb: Literal["cancel", "recall"]) -> Decided:
    push, state = _visible(asked, known), domain.ENDS[verb]
    if isinstance(push, Problem):
        return Decided(push)
    if push.state == state:
        return Decided(Answer(push_view(push), changed=False))
    if refusal := domain.why_not_ended(push, verb):
        return Decided(_refused(refusal))
    held = push.state in HOLDING
    push = known.pushes[push.push_id] = push._replace(state=state, ended_at=known.now)
    answer = Answer(push_view(push), [asked.causes(ended(push))], _on_record(asked, push))
    return Decided(answer, push, freed=places(push, known.policies) if held and verb == "cancel" else ())


def ended(push: Push) -> PushEnded:
    """What is published of a push that nobody gets any more."""
    return PushEnded(
        push_id=push.push_id,
        account_id=push.account_id,
        outcome=push.state,
        delivered=push.delivered,
        reason=push.reason,
    )


def places(push: Push, policies: Sequence[Policy]) -> list[Place]:
    """The place of a push in its calendar week, when that is what counts: seven days that roll have no row of their own."""
    policy = next((each for each in policies if each.policy_id == push.policy_id), None)
    if policy is None or policy.kind != "calendar_week" or push.counts_at is None:
        return []
    return [Place(push.account_id, domain.week_of(push.counts_at).starts_at, 1, policy.quota)]


def _visible(asked: OfPush, known: Known) -> Push | Problem:
    command = asked.command
    account, push = known.accounts.get(command.account_id), known.pushes.get(command.push_id)
    if account is None or not asked.who.acts_for(merchant=account.merchant_id):
        return Problem(404, "not_found", f"there is no life account {command.account_id!r}")
    if push is None or push.account_id != command.account_id:
        return Problem(404, "not_found", f"there is no push {command.push_id!r}: draft it first")
    return push


def _reserved(asked: Asked[SubmitPush], push: Push, now: datetime) -> list[Outgoing]:
    send_at = push.counts_at or now
    names = {"push_id": push.push_id, "account_id": push.account_id, "program_id": push.program_id}
    first = PushChunkDue(push_id=push.push_id)
    return [
        asked.causes(PushReserved(**names, send_at=send_at)),
        Outgoing(first, asked.cause, send_at if send_at > now else None),
    ]


def _view(push: Push, quota: Quota, known: Known, *, dry_run: bool = False) -> SubmissionView:
    counted = known.followers.get(push.account_id, 0)
    return SubmissionView(push=push_view(push), quota=quota_view(quota), followers=counted, dry_run=dry_run)


def _on_record(asked: OfPush, push: Push) -> Sequence[Change]:
    verb = {SubmitPush: "submit", CancelPush: "cancel", RecallPush: "recall"}[type(asked.command)]
    return [Change(f"push.{verb}", f"push:{push.push_id}", after={"state": push.state})] if asked.who.is_staff else []


def _refused(refusal: Refusal, quota: Quota | None = None) -> Problem:
    errors = [{"pointer": "/body/send_at", "detail": refusal.detail}]
    extra: dict[str, Any] = {"quota": quota_view(quota).model_dump(mode="json")} if quota else {}
    if refusal.kind in {"bad_send_at", "quota_exhausted"}:
        extra["errors"] = errors
    return Problem(_STATUS.get(refusal.kind, 409), refusal.kind, refusal.detail, **extra)
