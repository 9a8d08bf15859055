"""Membership as a state machine: the service's own rules, and what a transaction does around them.

A shell of plain Python: what SQL does (inbox, locks, states that must match, unique ids) is a line
here, and each such line can be left out by its name; so can a bound inside a rule, by giving the
rule other terms than the ones that were signed. Then the invariants must notice.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lutong_contracts import Event
from lutong_contracts.membership import (
    DeductionDue,
    DeductionFailed,
    DeductionSucceeded,
    GraceEnded,
    HoldLapsed,
    OfferLapsed,
    OverdueStepDue,
    SettlementDue,
    TermEnded,
)
from lutong_membership.agreements.domain import account, collection, term
from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.direct_debit import Deduction, postponed
from lutong_membership.values import Emitted
from tests.model.model_members import Members
from tests.model.model_state import MEMBERS, PLANS, START, Without

__all__ = ["MEMBERS", "PLANS", "START", "Without", "World"]


@dataclass(slots=True)
class World(Members):
    """Membership at work: what is asked of it, what operators decide, and the deadlines that it set itself."""

    def ring(self, number: int) -> None:
        """A deadline that is due is heard; it may be heard again later."""
        due = [deadline for deadline in self.deadlines if deadline.due_at and deadline.due_at <= self.now]
        if due:
            deadline = due[number % len(due)]
            self.deadlines.remove(deadline)
            self.consume(deadline.event)

    def consume(self, event: Event) -> None:
        """Membership consumes what it published itself."""
        if isinstance(event, HoldLapsed):
            self.release(event.order_id, lapse=True)
            return
        agreement_id = getattr(event, "agreement_id", "")
        if isinstance(event, OfferLapsed):
            agreement, plan = self.asked.get(agreement_id, (None, None))
            if agreement and plan and agreement.state == "preordered":
                self.asked[agreement_id] = (agreement.moved("lapsed"), plan)
            return
        rules: dict[type[Event], Callable[[Account], Outcome]] = {
            TermEnded: lambda d: term.end_term(d, self.clock),
            SettlementDue: self._settle,
            OverdueStepDue: lambda d: account.advance_dunning(d, self.clock),
            GraceEnded: lambda d: account.close(d, self.clock),
            DeductionDue: lambda d: collection.release_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionDue
            DeductionSucceeded: lambda d: collection.record_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionSucceeded
            DeductionFailed: lambda d: collection.retry_deduction(d, event.deduction_id, self.clock),  # type: ignore[attr-defined]  # a DeductionFailed
        }
        self.take(rules[type(event)](self.account(agreement_id)))

    def _settle(self, found: Account) -> Outcome:
        """Decide what is charged; a careless world reads another cap, or forgets what was fulfilled."""
        plan = found.plan
        if "cap" in self.without and plan.terms.withholding:
            plan = replace(
                plan, terms=replace(plan.terms, withholding=replace(plan.terms.withholding, cap_minor=10**9))
            )
        if "fulfilled" in self.without:
            plan = replace(plan, terms=replace(plan.terms, obligation=replace(PLANS["shop"].obligation, times=9_999)))  # type: ignore[type-var]  # a Times
        outcome = term.settle(replace(found, plan=plan), self.clock)
        if outcome.account.agreement.charge_minor is not None and found.agreement.charge_minor is None:
            self.settled.append((self.now, found))
        return replace(outcome, account=replace(outcome.account, plan=found.plan))

    def run_jobs(self, rng: random.Random) -> None:
        """Ask the bank about one deduction; the process may die before it has written down the answer."""
        for agreement_id in self.accounts:
            for deduction in self.account(agreement_id).deductions.values():
                if deduction.state in {"due", "sent", "unknown"} or (
                    "notice" in self.without and deduction.state == "notified"
                ):
                    self._ask(self.account(agreement_id), deduction, rng)
                    return

    def _ask(self, found: Account, deduction: Deduction, rng: random.Random) -> None:
        terms, fresh = found.plan.terms, deduction.state in {"due", "notified"}
        shut = terms.withholding and postponed(self.now, terms.withholding.window, self.clock.calendar(found.plan))
        if fresh and shut and "window" not in self.without:
            return
        if fresh:
            deduction = replace(deduction, state="sent")
        elif "query" in self.without:
            fresh = True  # a timeout taken for a failure
        answer = self.bank.deduct(deduction, self.now, rng) if fresh else self.bank.query(deduction, rng)
        died = rng.random() < 0.1
        state: Any = "sent" if died else {"succeeded": "taken", "not_there": "due"}.get(answer, answer)
        if "under_way" in self.without and state in {"sent", "unknown"}:
            state = "notified"
        self.visited.add(f"deduction {state}")
        self.accounts[found.agreement.agreement_id] = replace(
            found, deductions={**found.deductions, deduction.deduction_id: replace(deduction, state=state)}
        )
        facts = {"agreement_id": deduction.agreement_id, "member_id": deduction.member_id,
                 "deduction_id": deduction.deduction_id, "amount": found.money(deduction.amount_minor)}  # fmt: skip
        if state == "taken":
            self.deadlines.append(Emitted(DeductionSucceeded(**facts), self.now))
        elif state == "failed":
            self.deadlines.append(Emitted(DeductionFailed(**facts, reason="insufficient_funds"), self.now))
