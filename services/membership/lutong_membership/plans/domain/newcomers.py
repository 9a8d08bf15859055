"""Members who come to a plan: under which key they are known there, and in which arm of its experiment. Pure."""

from typing import Final, NamedTuple

from lutong_contracts.offers import Holdout, arm_of
from lutong_membership.plans.domain.terms import Plan

_SALT: Final = "lutong"
"""What arms are drawn with. With another one, members who come for the first time would be drawn anew."""


class MemberPlan(NamedTuple):
    """A member has one live agreement on a plan, and one arm for ever."""

    member_id: str
    plan_id: str


class Newcomer(NamedTuple):
    """A member who has no agreement on the plan yet."""

    member_id: str
    plan: Plan

    @property
    def key(self) -> MemberPlan:
        """The member on this plan."""
        return MemberPlan(self.member_id, self.plan.plan_id)


def is_held_out(newcomer: Newcomer) -> bool:
    """Whether the member goes without the benefits of the plan. It is drawn by a hash: the same at every call."""
    plan, holdout = newcomer.plan, holdout_of(newcomer.plan)
    return arm_of(newcomer.member_id, plan.merchant_id, plan.plan_id, holdout.salt, holdout.percent) == "holdout"


def holdout_of(plan: Plan) -> Holdout:
    """Who is held out of a plan: what the feed decides by before it shows an offer."""
    return Holdout(salt=_SALT, percent=plan.terms.holdout_percent)
