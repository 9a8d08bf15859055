"""Rights that a plan gives: used so many times, each use worth something, and taken back by its own id. Pure.

Ids of uses belong to who chose them: the member's `use-1` is another one than the merchant's.
"""

from typing import Literal, NamedTuple

from lutong_contracts import Event
from lutong_contracts.membership import BenefitConsumed, BenefitReversed
from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.accruals import Accrual, reversal
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.values import Refusal

Chooser = Literal["member", "merchant"]
"""Whose id a use has. Operators act for the merchant."""


class UseRight(NamedTuple):
    """A right is used, under an id that the caller chose; a merchant adds the code that was shown."""

    agreement_id: str
    right_id: str
    use_id: str
    code: str | None


class TakeBackUse(NamedTuple):
    """A use was not enjoyed after all. `chosen_by` is who chose its id."""

    agreement_id: str
    right_id: str
    use_id: str
    chosen_by: Chooser


class Used(NamedTuple):
    """A use that may be counted, or be taken back: what `term.admit` writes down, and the event of it."""

    accrual: Accrual
    event: Event


def use_right(account: Account, right_id: str, use_id: str, by: Chooser, clock: Clock) -> Used | Refusal | None:
    """The member uses a right now. None is for the same use again: it changes nothing, and is no refusal."""
    agreement = account.agreement
    right = next((each for each in account.plan.terms.benefits.rights if each.right_id == right_id), None)
    if right is None:
        return Refusal("no_right", f"the plan gives no right {right_id!r}")
    key = _accrual_id(agreement.agreement_id, use_id, by)
    if known := account.accruals.get(key):
        return _why_not_again(account, known, right_id, use_id)
    if not agreement.grants_benefits(clock.now):
        return Refusal("no_benefits", agreement.why_no_benefits(clock.now, clock.calendar(account.plan)))
    uses = [a for a in account.accruals.values() if a.kind == "right" and a.right_id == right_id]
    back = {a.cites for a in account.accruals.values() if a.kind == "right_reversed"}
    if sum(use.accrual_id not in back for use in uses) >= right.times:
        return Refusal("used_up", f"right {right_id!r} was used {right.times} times, which is all of it")
    accrual = Accrual(
        accrual_id=key,
        agreement_id=agreement.agreement_id,
        kind="right",
        at=clock.now,
        benefit_minor=right.value_minor,
        right_id=right_id,
    )
    value = account.money(right.value_minor)
    event = BenefitConsumed(**agreement.facts, right_id=right_id, use_id=use_id, value=value)
    return Used(accrual, event)


def _why_not_again(account: Account, known: Accrual, right_id: str, use_id: str) -> Refusal | None:
    if known.right_id != right_id:
        return Refusal("use_known", f"use {use_id!r} is one of right {known.right_id!r}: this is right {right_id!r}")
    if any(accrual.cites == known.accrual_id for accrual in account.accruals.values()):
        return Refusal("taken_back", f"use {use_id!r} was taken back: another use has another id")
    return None


def take_back(account: Account, right_id: str, use_id: str, by: Chooser, clock: Clock) -> Used | Refusal:
    """A use is taken back: it was not enjoyed after all, and may be used again."""
    agreement = account.agreement
    cited = account.accruals.get(_accrual_id(agreement.agreement_id, use_id, by))
    if cited is None or cited.right_id != right_id:
        return Refusal("no_use", f"right {right_id!r} has no use {use_id!r}")
    if any(accrual.cites == cited.accrual_id for accrual in account.accruals.values()):
        return Refusal("taken_back", f"use {use_id!r} was taken back already")
    reversed_ = reversal(f"{cited.accrual_id}.back", cited, (), 0, clock.now)
    value = account.money(cited.benefit_minor)
    event = BenefitReversed(**agreement.facts, right_id=right_id, use_id=use_id, value=value)
    return Used(reversed_, event)


def _accrual_id(agreement_id: str, use_id: str, by: Chooser) -> str:
    """No id contains a colon. Uses from before ids had owners are found as the merchant's."""
    return f"right:{agreement_id}:member:{use_id}" if by == "member" else f"right:{agreement_id}:{use_id}"
