"""lutong services: services without goods, which their merchant does.

Inventory answers `/v1/merchants/{merchant_id}/services` and `/v1/services/{order_id}/…`; `--json` gives what it answered. docs/services.md has the rules.
"""

from typing import Annotated, Any

import typer

from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, answered

commands = typer.Typer(help="Services without goods: list, done, failed, refund.", no_args_is_help=True)

Merchant = Annotated[str, typer.Argument(help="The merchant, by its id.")]
Order = Annotated[str, typer.Argument(help="The order, by its id.")]


@commands.callback()
def services() -> None:
    """Services that wait for their merchant, and how they ended."""


@commands.command("list")
def list_services(
    merchant: Merchant,
    state: Annotated[str, typer.Option(help="waiting, done, failed, lapsed or cancelled.")] = "waiting",
    after: Annotated[str | None, typer.Option(help="Behind this order.")] = None,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """The services of a merchant in a state, by order."""
    wanted = {"state": state} | ({"after": after} if after else {})
    found = answered(stack, "inventory", "GET", f"/v1/merchants/{merchant}/services", params=wanted)
    rows = [
        (each["order_id"], each["state"], each["amount_minor"], each["paid_minor"], each["refunded_minor"],
         each["currency"], each["done_by"], each["reference"] or each["reason"])
        for each in found["services"]
    ]  # fmt: skip
    headings = [
        "order 订单", "state 状态", "held 冻结", "paid 已付", "refunded 已退", "", "by 期限", "reference, reason 凭证号或原因",
    ]  # fmt: skip
    emit_json(found) if as_json else out.print(table(headings, rows))


@commands.command("done")
def done(
    order: Order,
    reference: Annotated[str, typer.Argument(help="Under which number its provider has it.")],
    amount: Annotated[
        int | None, typer.Option(min=1, help="In minor units, where it is less than what is held.")
    ] = None,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Report that a service was done: what was held is captured, or that much of it."""
    body = {"reference": reference} | ({"amount_minor": amount} if amount is not None else {})
    _show(answered(stack, "inventory", "POST", f"/v1/services/{order}/completion", json=body), as_json=as_json)


@commands.command("failed")
def failed(
    order: Order,
    reason: Annotated[str, typer.Argument(help="Why not, such as account_closed.")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Report that a service cannot be done: what was held is given back."""
    found = answered(stack, "inventory", "POST", f"/v1/services/{order}/failure", json={"reason": reason})
    _show(found, as_json=as_json)


@commands.command("refund")
def refund(
    order: Order,
    refund_id: Annotated[str, typer.Argument(help="The merchant's own number of the refund.")],
    amount: Annotated[int, typer.Argument(min=1, help="In minor units.")],
    reason: Annotated[str, typer.Option(help="Why: it is on record.")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:  # one parameter per option
    """Give back what was paid for a service, or some of it."""
    body = {"refund_id": refund_id, "amount_minor": amount}
    found = answered(stack, "inventory", "POST", f"/v1/services/{order}/refunds", reason=reason, json=body)
    emit_json(found) if as_json else out.print(f"{found['refund_id']}: {found['amount_minor']} given back 已退")


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    how = found["reference"] or found["reason"]
    emit_json(found) if as_json else out.print(
        f"{found['order_id']} {found['state']} ({how}), paid 已付 {found['paid_minor']}"
    )
