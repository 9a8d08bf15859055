"""Members answer what they are asked about their orders."""

from fastapi import Response
from pydantic import BaseModel, ConfigDict

from lutong_chassis import Ask, Command, Who, allowed, audited
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.orders.domain.commands import AnswerOffer


class Consent(Command):
    """Whose order it is, and whether the flagship may send it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"member_id": "reader-1", "accepts": True}]})

    member_id: Identifier
    accepts: bool


class ConsentView(BaseModel):
    """What becomes of the order: sourced or cancelled."""

    order_id: str
    state: str


@router.post("/v1/orders/{order_id}/consent", response_model=ConsentView)
@allowed("member", "operator")
@audited("order.consent", own="member", shows=("state",))
async def answer_offer(order_id: Identifier, body: Consent, who: Who, ask: Ask) -> Response:
    """Answer whether the flagship may send what the store cannot. What is not wanted ends, and nothing is charged."""
    who.require(member=body.member_id, hide=("member", body.member_id))
    return await ask(AnswerOffer(order_id, body.member_id, body.accepts))
