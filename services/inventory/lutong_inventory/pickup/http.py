"""Picking up: the member gets a code, and staff hands the goods over to the person who shows it."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command, Problem, TxDependency, Who, allowed, audited, not_audited, not_found
from lutong_chassis.audit import Change, record
from lutong_chassis.http.problems import answer
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.orders.http.commands import advance, lock_order
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.pickup import store
from lutong_inventory.pickup.domain import RANDOM_BYTES, made, shown
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings

PICKUP_CODE_PATTERN = r"^[A-Z0-9]{8}$"


class CodeView(BaseModel):
    """A code, which is shown this once. It works once, until `expires_at`; the person who shows it gets the goods."""

    code: str
    expires_at: datetime


class Collection(Command):
    """The code that was shown: by the member, or by a person whom they sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"location_id": "store-1", "code": "K7M2Q9XB"}]})

    location_id: Identifier
    code: Annotated[str, StringConstraints(pattern=PICKUP_CODE_PATTERN)] = Field(examples=["K7M2Q9XB"])


@router.post("/v1/orders/{order_id}/pickup-code", status_code=201)
@allowed("member")
@not_audited("a code for an order of the member's own")
async def get_code(order_id: Identifier, who: Who, tx: TxDependency, request: Request) -> CodeView:
    """Get the code for an order that is ready. Show it in the store, or send another person with it. A new one replaces it."""
    if "idempotency-key" in request.headers:
        raise Problem(400, "key_not_taken", "a code is never kept: send no Idempotency-Key, and ask again for another")
    row = (await order_store.lock_orders(tx, [order_id])).get(order_id) or not_found("order", order_id)
    who.require(member=row.member_id, hide=("order", order_id))
    if row.state != "ready_for_pickup":
        raise Problem(
            409, "not_ready", f"order {order_id!r} is {row.state}: there is a code once it is ready for pickup"
        )
    expires_at = tx.now + timedelta(seconds=settings_of(InventorySettings).pickup_window_s)
    fresh = made(await store.code_of(tx, order_id), order_id, secrets.token_bytes(RANDOM_BYTES), expires_at)
    if isinstance(fresh, Refusal):
        raise Problem(409, fresh.kind, fresh.detail)
    await store.put_code(tx, fresh.kept)
    return CodeView(code=fresh.text, expires_at=fresh.kept.expires_at)


@router.post("/v1/orders/{order_id}/collection", response_model=dict[str, str])
@allowed("merchant", "operator")
@audited("order.step", "order.refuse_code", own="merchant")
async def collect_order(
    order_id: Identifier, command: Collection, who: Who, tx: TxDependency
) -> dict[str, str] | Response:
    """Hand an order over to the person who shows its code. A wrong code is refused and counted: ten of them lock it."""
    row = await lock_order(tx, who, order_id)
    if row.location_id != command.location_id:
        raise Problem(404, "not_found", f"order {order_id!r} is not at location {command.location_id!r}")
    if row.state != "ready_for_pickup":
        raise Problem(409, "wrong_step", f"order {order_id!r} is {row.state}: it is not there to be picked up")
    kept, refusal = shown(await store.code_of(tx, order_id), command.code, tx.now)
    if kept:
        await store.put_code(tx, kept)
    if refusal:  # answered, not raised: the guess is counted
        if who.is_staff:
            await record(tx, who, Change("order.refuse_code", f"order:{order_id}", None, None, {"state": row.state}))
        return answer(Problem(409, refusal.kind, refusal.detail))
    await advance(tx, who, [row], "fulfilled")
    return {"order_id": order_id, "state": "fulfilled"}
