"""Plans: what a merchant offers its members, as others may know it."""

from pydantic import Field

from lutong_contracts.entity import Entity
from lutong_contracts.event import Event
from lutong_contracts.offers import Holdout
from lutong_contracts.topics import PLANS
from lutong_contracts.values import Identifier, Money, Title


class PlanFacts(Entity):
    """A merchant's plan in its latest version. What was signed stays as it was signed, whatever is written later.

    `line_limit` is the most that a member may owe for goods, `charge_cap` the most that failing can cost: zero where
    the plan asks for nothing. `discount_percent` is off every order. `no_show_fee` is the most that an order for pickup
    costs which nobody picks up; absent: nothing.
    """

    plan_id: Identifier
    merchant_id: Identifier
    version: int = Field(ge=1)
    title: Title
    line_limit: Money
    charge_cap: Money
    discount_percent: int = Field(ge=0, le=100)
    holdout: Holdout | None = Field(default=None, description="Who is not offered the plan; absent in older events.")
    no_show_fee: Money | None = Field(
        default=None, description="What is kept of an order for pickup that nobody picks up; absent: nothing."
    )


class PlanPublished(PlanFacts, Event, topic=PLANS, key="plan_id"):
    """Members may join the plan, in this version. A merchant has one such plan at a time."""


class PlanClosed(PlanFacts, Event, topic=PLANS, key="plan_id"):
    """Nobody may join the plan any more. Who signed it stays in it."""
