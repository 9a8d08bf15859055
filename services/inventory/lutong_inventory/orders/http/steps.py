"""What store staff does with an order."""

from typing import Literal

from fastapi import Response
from pydantic import ConfigDict, Field

from lutong_chassis import Ask, Command, allowed, audited
from lutong_contracts.values import Identifier, Reason
from lutong_inventory.bodies import router
from lutong_inventory.orders.domain.steps import CancelOrder, DeclineOrder, Step, TakeStep, TakeSteps


class StepTaken(Command):
    """What store staff did with an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": "accepted", "location_id": "store-1"}]})

    step: Step
    location_id: Identifier


class StepsTaken(Command):
    """The same step with many orders, each at its own location."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"order_ids": ["01a20aa9-a380-749f-b6d9-b0115de3bc74"], "step": "accepted"}]}
    )

    order_ids: list[Identifier] = Field(min_length=1, max_length=500)
    step: Step


class ReasonBody(Command):
    """Why a store cannot fulfil an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "cancelled_by_store"}]})

    reason: Reason = Field(default="cancelled_by_store", examples=["cancelled_by_store"])


class Decline(Command):
    """Why a location cannot serve an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"location_id": "store-1", "reason": "sold_out"}]})

    location_id: Identifier
    reason: Literal["sold_out", "damaged", "rush_hour", "closed"] = Field(examples=["sold_out"])
    skus: list[Identifier] = Field(
        default_factory=list,
        max_length=200,
        description="which of its goods are sold out or damaged, where it has several",
    )


@router.post("/v1/orders/{order_id}/steps", response_model=dict[str, str])
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_step(order_id: Identifier, command: StepTaken, ask: Ask) -> Response:
    """Take the next step with an order: accepted, picked, handed over or ready for pickup, fulfilled."""
    return await ask(TakeStep(order_id, command.step, command.location_id))


@router.post("/v1/orders/steps/batch", response_model=dict[str, int])
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_steps(command: StepsTaken, ask: Ask) -> Response:
    """Take the same next step with many orders; all or none."""
    return await ask(TakeSteps(tuple(command.order_ids), command.step))


@router.post("/v1/orders/{order_id}/cancellation", status_code=202, response_model=dict[str, str])
@allowed("merchant", "operator")
@audited("order.cancel")
async def cancel_order(order_id: Identifier, command: ReasonBody, ask: Ask) -> Response:
    """Cancel an order that has not left its location; what was reserved goes back to the shelf."""
    return await ask(CancelOrder(order_id, command.reason))


@router.post("/v1/orders/{order_id}/declines", status_code=202, response_model=dict[str, str])
@allowed("merchant", "operator")
@audited("order.decline", own="merchant")
async def decline_order(order_id: Identifier, command: Decline, ask: Ask) -> Response:
    """Report that a location cannot serve an order. Another one gets it, or it ends; it never comes back."""
    return await ask(DeclineOrder(order_id, command.location_id, command.reason, tuple(sorted(set(command.skus)))))
