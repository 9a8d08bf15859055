"""What is published of a plan. Pure."""

from typing import NamedTuple

from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_contracts.values import Money
from lutong_membership.plans.domain.newcomers import holdout_of
from lutong_membership.plans.domain.terms import Plan


class PlanState(NamedTuple):
    """A plan in its latest version, as it is now; `revision` counts its changes."""

    plan: Plan
    title: str
    open: bool
    revision: int


def plan_event(state: PlanState) -> PlanPublished | PlanClosed:
    """The whole of a plan, as far as it concerns other services: not how it is collected."""
    plan = state.plan
    fee_minor = plan.terms.no_show_fee_minor
    event: type[PlanPublished | PlanClosed] = PlanPublished if state.open else PlanClosed
    return event(
        revision=state.revision,
        plan_id=plan.plan_id,
        merchant_id=plan.merchant_id,
        version=plan.version,
        title=state.title,
        line_limit=Money(amount_minor=plan.line_limit_minor, currency=plan.currency),
        charge_cap=Money(amount_minor=plan.terms.cap_minor, currency=plan.currency),
        discount_percent=plan.terms.benefits.discount_percent,
        holdout=holdout_of(plan),
        no_show_fee=Money(amount_minor=fee_minor, currency=plan.currency) if fee_minor else None,
    )
