"""Money that came: it pays the oldest debts first; the rest is owed to the member."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lutong_chassis import Cause, Outgoing, Tx
from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.collection import allocate, pay
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.policy import clock, deducts
from lutong_membership.repayments.domain import ACCOUNT, Repayment, surplus


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


async def open_booking(tx: Tx, keys: Iterable[LineKey]) -> Booking:
    """Everything that repayments of these lines are booked on; the members' lines are locked."""
    wanted = sorted(set(keys))
    lines = await line_store.lock_lines(tx, (key.member_id for key in wanted))
    in_debt = await account_store.agreements_in_debt(tx, wanted)
    ids = [agreement_id for found in in_debt.values() for agreement_id in found]
    work = await account_store.open_work(tx, ids, deducts=deducts(), lines=lines)
    return Booking(work, in_debt, await statement_store.journeys_of(tx, ids) if ids else {}, clock(tx))
