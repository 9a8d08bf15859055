"""Picking up: the member gets a code, and staff hands the goods over to the person who shows it."""

import secrets
from typing import Annotated

from fastapi import Request, Response
from pydantic import ConfigDict, Field, StringConstraints

from lutong_chassis import Ask, Command, Problem, allowed, audited, not_audited
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.pickup.domain import RANDOM_BYTES, CollectOrder, IssueCode
from lutong_inventory.pickup.handlers import CodeView

PICKUP_CODE_PATTERN = r"^[A-Z0-9]{8}$"


class Collection(Command):
    """The code that was shown: by the member, or by a person whom they sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"location_id": "store-1", "code": "K7M2Q9XB"}]})

    location_id: Identifier
    code: Annotated[str, StringConstraints(pattern=PICKUP_CODE_PATTERN)] = Field(examples=["K7M2Q9XB"])


@router.post("/v1/orders/{order_id}/pickup-code", status_code=201, response_model=CodeView)
@allowed("member")
@not_audited("a code for an order of the member's own")
async def get_code(order_id: Identifier, ask: Ask, request: Request) -> Response:
    """Get the code for an order that is ready. Show it in the store, or send another person with it. A new one replaces it."""
    if "idempotency-key" in request.headers:
        raise Problem(400, "key_not_taken", "a code is never kept: send no Idempotency-Key, and ask again for another")
    return await ask(IssueCode(order_id, secrets.token_bytes(RANDOM_BYTES)))


@router.post("/v1/orders/{order_id}/collection", response_model=dict[str, str])
@allowed("merchant", "operator")
@audited("order.step", "order.refuse_code", own="merchant")
async def collect_order(order_id: Identifier, command: Collection, ask: Ask) -> Response:
    """Hand an order over to the person who shows its code. A wrong code is refused and counted: ten of them lock it."""
    return await ask(CollectOrder(order_id, command.location_id, command.code))
