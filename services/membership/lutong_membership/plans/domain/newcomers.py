"""Members who come to a plan: under which key they are known there, and in which arm of its experiment. Pure."""

from typing import NamedTuple

from lutong_membership.plans.domain.terms import Plan


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
