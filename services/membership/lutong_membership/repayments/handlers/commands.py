"""Repayments in batches: members ask to pay; operators write down, confirm or reject what a bank statement shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from lutong_chassis import Answer, Asked, Cause, Handlers, Outgoing, Problem, Tx
from lutong_chassis.audit import Change
from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.collection import allocate, pay
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import absent, refused
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.policy import claim_life, clock, collects, deducts
from lutong_membership.repayments import domain
from lutong_membership.repayments import store as repayment_store
from lutong_membership.repayments.domain import (
    ACCOUNT,
    ClaimRepayment,
    ConfirmRepayment,
    Ended,
    RecordRepayment,
    RejectRepayment,
    Repayment,
    surplus,
)
from lutong_membership.repayments.store import BankLine, NewRepayment
from lutong_membership.values import Refusal

handlers = Handlers()


@dataclass(slots=True)
class Booking:
    """The lines of members, what they owe under which agreements, and the journeys of these."""

    work: UnitOfWork
    in_debt: Mapping[LineKey, Sequence[str]]
    causes: Mapping[str, Cause]
    clock: Clock

    def accounts(self, key: LineKey) -> list[Account]:
        """The agreements under which a member owes something, as decisions so far left them."""
        found = (self.work.account(agreement_id) for agreement_id in self.in_debt.get(key, ()))
        return [account for account in found if account]

    def payable_minor(self, key: LineKey) -> int:
        """What a member may pay now, in minor units."""
        return sum(account.payable_minor for account in self.accounts(key))

    def enter(self, repayment: Repayment, cause: Cause) -> list[Outgoing]:
        """Book a repayment that is confirmed. `cause` is for agreements whose journey is not known."""
        parts = allocate(self.accounts(repayment.line_key), repayment.amount_minor)
        source = ACCOUNT["provider" if repayment.evidence == "provider" else "bank"]
        outgoing: list[Outgoing] = []
        for part in parts:
            agreement_id = part.debt.agreement_id
            if account := self.work.account(agreement_id):
                outcome = pay(account, part, repayment.repayment_id, self.clock, source)
                outgoing += caused(self.causes.get(agreement_id, cause), self.work.take(outcome))
        if entry := surplus(repayment, parts):
            self.work.apply(entry)
        return outgoing


class RepaymentView(BaseModel):
    """A repayment, in minor units. Only what is confirmed was booked."""

    repayment_id: str
    member_id: str
    amount_minor: int
    currency: str
    state: Literal["claimed", "sent", "unknown", "confirmed", "rejected"]
    expires_at: datetime
    evidence: Literal["provider", "bank", "before"] | None = None
    reason: str | None = None


def shown(repayment: Repayment) -> RepaymentView:
    """A repayment as its member may see it."""
    known = asdict(repayment)
    return RepaymentView(**{name: known[name] for name in RepaymentView.model_fields})


@handlers.on(ClaimRepayment)
async def claim_repayments(batch: Sequence[Asked[ClaimRepayment]], tx: Tx) -> list[Answer | Problem]:
    """Members ask to pay: each at most what they can pay now, less what they asked for before."""
    keys = [LineKey(asked.command.member_id, asked.command.currency) for asked in batch]
    booking = await open_booking(tx, keys)
    claimed = await repayment_store.claimed_minor(tx, keys)
    answers, fresh = list[Answer | Problem](), list[NewRepayment]()
    for asked, key in zip(batch, keys, strict=True):
        if key not in booking.work.lines:
            answers.append(refused(_no_line(key)))
            continue
        wanted = Repayment(asked.new_id(), *key, asked.command.amount_minor, asked.who.subject, tx.now + claim_life())
        emitted = domain.claim(wanted, booking.payable_minor(key), claimed.get(key, 0))
        if isinstance(emitted, Refusal):
            answers.append(refused(emitted))
            continue
        claimed[key] = claimed.get(key, 0) + wanted.amount_minor
        fresh.append(NewRepayment(wanted, asked.cause, tx.now if collects() else None))
        answers.append(Answer(shown(wanted), caused(asked.cause, emitted)))
    await repayment_store.add_repayments(tx, fresh)
    if fresh and collects():
        tx.job_queues.add("collect")
    return answers


@handlers.on(RecordRepayment)
async def record_repayments(batch: Sequence[Asked[RecordRepayment]], tx: Tx) -> list[Answer | Problem]:
    """Money came that was not announced: operators read it on statements. A reference counts once."""
    known = await repayment_store.paid_by(tx, (BankLine.of(asked.command.evidence) for asked in batch))
    booking = await open_booking(tx, (asked.command.line_key for asked in batch))
    answers, fresh = list[Answer | Problem](), list[NewRepayment]()
    for asked in batch:
        member_id, evidence = asked.command
        if before := known.get(BankLine.of(evidence)):
            answers.append(_again(domain.same_again(before, member_id, evidence)))
            continue
        ended = _received(asked, booking, tx)
        if isinstance(ended, Refusal):
            answers.append(refused(ended))
            continue
        known[BankLine.of(evidence)] = ended.repayment
        fresh.append(NewRepayment(ended.repayment, asked.cause))
        answers.append(_booked(ended, booking, asked.cause))
    await repayment_store.add_repayments(tx, fresh)
    await account_store.save_work(tx, booking.work)
    return answers


def _received(asked: Asked[RecordRepayment], booking: Booking, tx: Tx) -> Ended | Refusal:
    key, evidence = asked.command.line_key, asked.command.evidence
    if key not in booking.work.lines:
        return _no_line(key)
    fresh = Repayment(asked.new_id(), *key, evidence.amount_minor, "bank", tx.now + claim_life())
    return domain.received(fresh, evidence, asked.who.subject)


@handlers.on(ConfirmRepayment)
async def confirm_repayments(batch: Sequence[Asked[ConfirmRepayment]], tx: Tx) -> list[Answer | Problem]:
    """Claims are confirmed by a bank's reference, and booked."""
    known = await repayment_store.paid_by(tx, (BankLine.of(asked.command.evidence) for asked in batch))
    seen = await repayment_store.repayments_named(tx, (asked.command.repayment_id for asked in batch))
    booking = await open_booking(tx, (repayment.line_key for repayment in seen.values()))
    found = await repayment_store.lock_repayments(tx, seen)
    causes = await repayment_store.causes_of(tx, found)
    answers, done = list[Answer | Problem](), list[Repayment]()
    for asked in batch:
        repayment_id, evidence = asked.command
        repayment = found.get(repayment_id)
        if repayment is None:
            answers.append(refused(absent("repayment", repayment_id)))
            continue
        if before := known.get(BankLine.of(evidence)):
            answers.append(_again(domain.same_again(before, repayment.member_id, evidence, repayment_id)))
            continue
        ended = domain.confirm(repayment, evidence, asked.who.subject, tx.now)
        if isinstance(ended, Refusal):
            answers.append(refused(ended))
            continue
        found[repayment_id] = known[BankLine.of(evidence)] = ended.repayment
        done.append(ended.repayment)
        answers.append(_booked(ended, booking, causes.get(repayment_id, asked.cause)))
    await repayment_store.save_repayments(tx, done)
    await account_store.save_work(tx, booking.work)
    return answers


@handlers.on(RejectRepayment)
async def reject_repayments(batch: Sequence[Asked[RejectRepayment]], tx: Tx) -> list[Answer | Problem]:
    """No money came. What a provider is asked about ends by the provider's answer only."""
    seen = await repayment_store.repayments_named(tx, (asked.command.repayment_id for asked in batch))
    await line_store.lock_lines(tx, (repayment.member_id for repayment in seen.values()))
    found = await repayment_store.lock_repayments(tx, seen)
    causes = await repayment_store.causes_of(tx, found)
    answers, done = list[Answer | Problem](), list[Repayment]()
    for asked in batch:
        repayment_id, reason = asked.command
        repayment = found.get(repayment_id)
        ended = (
            domain.reject_by_operator(repayment, asked.who.subject) if repayment else absent("repayment", repayment_id)
        )
        if repayment is None or isinstance(ended, Refusal):
            answers.append(refused(ended if isinstance(ended, Refusal) else absent("repayment", repayment_id)))
            continue
        found[repayment_id] = ended.repayment
        done.append(ended.repayment)
        change = Change("repayment.reject", f"repayment:{repayment_id}", reason, _facts(repayment))
        events = caused(causes.get(repayment_id, asked.cause), ended.emitted)
        answers.append(Answer(shown(ended.repayment), events, [change]))
    await repayment_store.save_repayments(tx, done)
    return answers


def _no_line(key: LineKey) -> Refusal:
    return Refusal("not_found", f"member {key.member_id!r} has no line in {key.currency}")


def _again(outcome: Repayment | Refusal) -> Answer | Problem:
    """The answer when the same was asked for before, or in what it differs."""
    return refused(outcome) if isinstance(outcome, Refusal) else Answer(shown(outcome), changed=False)


def _booked(ended: Ended, booking: Booking, cause: Cause) -> Answer:
    """Book a repayment that is confirmed, and answer with it; operators are on record."""
    done = ended.repayment
    change = Change("repayment.confirm", f"repayment:{done.repayment_id}", None, None, _facts(done))
    return Answer(shown(done), [*booking.enter(done, cause), *caused(cause, ended.emitted)], [change])


def _facts(repayment: Repayment) -> dict[str, Any]:
    names = ("state", "member_id", "amount_minor", "currency", "bank", "reference")
    return {name: getattr(repayment, name) for name in names}


async def open_booking(tx: Tx, keys: Iterable[LineKey]) -> Booking:
    """Everything that repayments of these lines are booked on; the members' lines are locked."""
    wanted = sorted(set(keys))
    lines = await line_store.lock_lines(tx, (key.member_id for key in wanted))
    in_debt = await account_store.agreements_in_debt(tx, wanted)
    ids = [agreement_id for found in in_debt.values() for agreement_id in found]
    work = await account_store.open_work(tx, ids, deducts=deducts(), lines=lines)
    return Booking(work, in_debt, await statement_store.journeys_of(tx, ids) if ids else {}, clock(tx))
