"""What operators decide about money in the model: alone, or by a proposal that another one approves."""

import random
from dataclasses import dataclass

from lutong_membership.agreements.domain import collection, term
from lutong_membership.agreements.domain.agreement import LIFE
from lutong_membership.agreements.domain.approvals import Adjustment, weight
from lutong_membership.agreements.domain.direct_debit import UNDER_WAY
from lutong_membership.ledger.domain.entries import Entry, LineKey, pair, retargeted
from lutong_membership.thresholds import AdjustmentKind
from tests.model.model_state import CNY, State
from tests.model.till import OPERATORS


@dataclass(slots=True)
class Operators(State):
    """Operators at work."""

    def decide(self, kind: AdjustmentKind, about: str, amount_minor: int, rng: random.Random) -> None:
        """An operator decides about an agreement or a member, or proposes it, and another one may approve."""
        found = self.accounts.get(about)
        member = found.agreement.member_id if found else about
        if (member, CNY) not in self.lines:
            return
        debts = self.account(about).payable() if found else []
        debt_id = debts[0].debt_id if kind == "waiver" and debts else None
        if kind == "write_off":
            amount_minor = sum(debt.outstanding_minor for debt in debts)
        wanted = Adjustment(self.new_id(), kind, member, CNY, amount_minor, "why", about if found else None, debt_id)
        if self._can(wanted) and self.till.may(wanted, self._weight(wanted), rng.choice(OPERATORS), self.now):
            self._do(wanted)
        if self.till.proposals and rng.random() < 0.7:
            self.approve(rng.choice([*list(self.till.proposals)[-2:]]), rng.choice(OPERATORS))

    def approve(self, proposal_id: str, operator: str) -> None:
        wanted = self.till.approve(proposal_id, operator, self.now)
        if wanted and self._can(wanted):
            self.till.close(wanted, self._weight(wanted), operator, self.now)
            self.visited.add(f"two decided {wanted.kind}")
            self._do(wanted)

    def _weight(self, wanted: Adjustment) -> int:
        return weight(wanted, self.lines[LineKey(wanted.member_id, CNY)].target_minor)

    def _can(self, wanted: Adjustment) -> bool:
        """Whether what is wanted can be done now, as the commands ask."""
        if wanted.kind == "line":
            return True
        if wanted.kind == "payout":
            taking = any(
                deduction.state in UNDER_WAY
                for found in self.accounts.values()
                if found.agreement.member_id == wanted.member_id
                for deduction in found.deductions.values()
            )
            return not taking and 0 < wanted.amount_minor <= self.lines[LineKey(wanted.member_id, CNY)].credit_minor
        found = self.account(wanted.agreement_id or "")
        payable = {debt.debt_id: debt.outstanding_minor for debt in found.payable()}
        if wanted.kind == "waiver":
            return 0 < wanted.amount_minor <= payable.get(wanted.debt_id or "", 0)
        all_payable = len(payable) == sum(bool(d.outstanding_minor) for d in found.debts.values())
        is_proposed = "written_off" in LIFE[found.agreement.state] and 0 < sum(payable.values()) <= wanted.amount_minor
        return all_payable and is_proposed and found.agreement.step != "none"

    def _do(self, wanted: Adjustment) -> None:
        key = LineKey(wanted.member_id, CNY)
        if wanted.kind == "line":
            self.lines[key], entries = retargeted(self.lines[key], wanted.amount_minor)
            self.post(entries)
        elif wanted.kind == "payout":
            legs = pair(f"credit:{wanted.member_id}", "platform:cash", wanted.amount_minor)
            self.post([Entry("payout", wanted.member_id, CNY, legs, reference=wanted.reference)])
        elif wanted.kind == "write_off":
            self.take(term.write_off(self.account(wanted.agreement_id or ""), wanted.reference, self.clock))
        else:
            found = self.account(wanted.agreement_id or "")
            debt = found.debts[wanted.debt_id or ""]
            self.take(collection.waive(found, debt, wanted.amount_minor, wanted.reference, self.clock))
