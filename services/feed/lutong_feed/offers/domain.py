"""Who is offered a plan, and what a card costs with it. Pure: no clock, no database."""

from typing import Literal, NamedTuple

from lutong_contracts.offers import Holdout, arm_of

State = Literal["offered", "joined"]


class Plan(NamedTuple):
    """A plan that members may join, and who of them is held out."""

    plan_id: str
    merchant_id: str
    title: str
    discount_percent: int
    holdout: Holdout


class Standing(NamedTuple):
    """How a member stands to a plan: what was decided of them before, if they saw a card of it, and whether they joined."""

    held_out_before: bool | None
    joined: bool


class Sentence(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str


def held_out(plan: Plan, member_id: str, standing: Standing) -> bool:
    """Whether a member is not offered a plan: as it was decided at first, or else by the plan's holdout. Without one there is no experiment."""
    if not plan.holdout.percent:
        return False
    if standing.held_out_before is not None:
        return standing.held_out_before
    return arm_of(member_id, plan.merchant_id, plan.plan_id, plan.holdout.salt, plan.holdout.percent) == "holdout"


def shown(plan: Plan, member_id: str, standing: Standing) -> State | None:
    """What a member is shown of a plan: that they have it, the offer, or nothing, as where there is no plan.

    A member who is held out may join where they order, and goes without its benefits: they are shown none.
    """
    if held_out(plan, member_id, standing):
        return None
    return "joined" if standing.joined else "offered"


def amount_with(amount_minor: int, discount_percent: int) -> int:
    """What something costs with a plan, as membership works it out: rounded down, and never nothing.

    >>> amount_with(999, 5), amount_with(1, 90)
    (949, 1)
    """
    return max(1, amount_minor * (100 - discount_percent) // 100)


def stated(plan: Plan, state: State) -> Sentence:
    """What a card states of a plan."""
    if state == "joined":
        return Sentence(f"Your price as a member of {plan.title}", f"你的{plan.title}会员价")
    if plan.discount_percent:
        return Sentence(
            f"{plan.discount_percent} % less with {plan.title}: enjoy first, pay later",
            f"开通{plan.title}立减 {plan.discount_percent}%，先享后付",
        )
    return Sentence(f"With {plan.title}: enjoy first, pay later", f"开通{plan.title}，先享后付")
