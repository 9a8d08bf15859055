"""One order, as its store and its merchant need it: what to pick, where it is, what was held for it, and what nobody's coming costs."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.web.attempts import asked, asked_if_there, segment
from lutong_console.web.pages import session_of, show


async def order(request: Request) -> Response:
    """An order with its parts and refunds, why it is sourced where it is, its hold, and the plan that it is under."""
    session_of(request, merchants=True)
    order_id = request.path_params["order_id"]
    found = await asked(request, "inventory", f"/v1/orders/{segment(order_id)}")
    explained = await asked_if_there(request, "inventory", f"/v1/orders/{segment(order_id)}/explain")
    hold = await asked_if_there(request, "membership", f"/v1/holds/{segment(found['part_of'] or order_id)}")
    plan = await _plan(request, hold)
    data = {"order_id": order_id, "order": found, "why": explained, "hold": hold, "plan": plan, "fee": fee(plan, hold)}
    return show(request, "order.html", data)


async def _plan(request: Request, hold: dict[str, Any] | None) -> dict[str, Any] | None:
    """The version of the plan that the member signed."""
    if hold is None or hold["agreement_id"] is None:
        return None
    signed = await asked_if_there(request, "membership", f"/v1/agreements/{segment(hold['agreement_id'])}")
    if signed is None:
        return None
    return await asked_if_there(
        request, "membership", f"/v1/plans/{segment(signed['plan_id'])}/versions/{signed['version']}"
    )


def fee(plan: dict[str, Any] | None, hold: dict[str, Any] | None) -> dict[str, Any] | None:
    """What it costs when nobody picks the order up, by what was signed; `charged_minor` once it was. Never more than the order."""
    if plan is None or hold is None:
        return None
    charged = hold["captured_minor"] if hold["reason"] == "no_show" else 0
    kept = min(plan["terms"].get("no_show_fee_minor", 0), hold["amount_minor"])
    return {"kept_minor": kept, "charged_minor": charged, "currency": hold["currency"]}


ROUTES: Final = (Route("/orders/{order_id}", order),)
