"""What stores, brands and operators ask of inventory."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import Query

from lutong_chassis import Cause, Problem, Tx, TxDependency, Who, allowed, audited, not_found, routes
from lutong_chassis.audit import record
from lutong_contracts import Event
from lutong_contracts.inventory import (
    OrderAdvanced,
    OrderCancelled,
    OrderFulfilled,
    OrderRefunded,
    StockAdjusted,
)
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier, Money
from lutong_contracts.values import Line as OrderLine
from lutong_inventory import domain, on_record
from lutong_inventory.bodies import (
    Count,
    NamedSite,
    ReasonBody,
    Refund,
    ShelfCount,
    ShelfCounts,
    Site,
    Sites,
    StepsTaken,
    StepTaken,
)
from lutong_inventory.domain import Step, shelf_news
from lutong_inventory.store import orders as order_store
from lutong_inventory.store import refunds as refund_store
from lutong_inventory.store import shelves as shelve_store
from lutong_inventory.store import sites as site_store

router = routes("inventory")


@router.put("/v1/locations/{location_id}")
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=("merchant_id", "kind", "open"))
async def put_location(location_id: Identifier, site: Site, who: Who, tx: TxDependency) -> dict[str, str]:
    """Open or change a store or the flagship."""
    await _save_sites(tx, who, [NamedSite(location_id=location_id, **site.model_dump())])
    return {"location_id": location_id}


@router.post("/v1/locations/batch", status_code=201)
@allowed("merchant", "operator")
@audited("location.put", own="merchant", shows=("merchant_id", "kind", "open"))
async def put_locations(command: Sites, who: Who, tx: TxDependency) -> dict[str, int]:
    """Open or change many locations."""
    await _save_sites(tx, who, command.locations)
    return {"saved": len(command.locations)}


@router.put("/v1/locations/{location_id}/stock/{sku}")
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=("on_hand", "safety_stock"))
async def put_stock(
    location_id: Identifier, sku: Identifier, count: Count, who: Who, tx: TxDependency
) -> dict[str, Any]:
    """Say what was counted on a shelf. Below what is promised to orders it is refused."""
    rows = await _count(tx, who, [ShelfCount(location_id=location_id, sku=sku, **count.model_dump())])
    return {"sku": sku, "on_hand": rows[0]["on_hand"], "available": rows[0]["available"]}


@router.post("/v1/stock/batch", status_code=201)
@allowed("merchant", "operator")
@audited("stock.count", own="merchant", shows=("on_hand", "safety_stock"))
async def put_stocks(command: ShelfCounts, who: Who, tx: TxDependency) -> dict[str, int]:
    """Say what was counted on many shelves; all or none."""
    return {"counted": len(await _count(tx, who, command.shelves))}


@router.post("/v1/orders/{order_id}/steps")
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_step(order_id: Identifier, command: StepTaken, who: Who, tx: TxDependency) -> dict[str, str]:
    """Take the next step with an order: accepted, picked, handed over or ready for pickup, fulfilled."""
    row = (await _lock(tx, who, [order_id]))[order_id]
    if row["location_id"] != command.location_id:
        raise Problem(404, "not_found", f"order {order_id!r} is not at location {command.location_id!r}")
    await _advance(tx, who, [row], command.step)
    return {"order_id": order_id, "state": command.step}


@router.post("/v1/orders/steps/batch")
@allowed("merchant", "operator")
@audited("order.step", own="merchant")
async def take_steps(command: StepsTaken, who: Who, tx: TxDependency) -> dict[str, int]:
    """Take the same next step with many orders; all or none."""
    rows = await _lock(tx, who, command.order_ids)
    await _advance(tx, who, list(rows.values()), command.step)
    return {"advanced": len(rows)}


@router.post("/v1/orders/{order_id}/cancellation", status_code=202)
@allowed("merchant", "operator")
@audited("order.cancel")
async def cancel_order(order_id: Identifier, because: ReasonBody, who: Who, tx: TxDependency) -> dict[str, str]:
    """Cancel an order that has not left its location; what was reserved goes back to the shelf."""
    row = (await _lock(tx, who, [order_id]))[order_id]
    cancelled = await order_store.cancel(tx, [order_id], because.reason)
    if not cancelled:
        raise Problem(409, "too_late", f"order {order_id!r} is {row['state']}: it can no longer be cancelled")
    released = await shelve_store.close_reservations(tx, [order_id], "released")
    said = OrderCancelled(
        order_id=order_id, member_id=row["member_id"], merchant_id=row["merchant_id"], reason=because.reason
    )
    tx.publish(said, *shelf_news(released), cause=_cause(row))
    await record(tx, who, on_record.order_cancelled(row, because.reason))
    return {"order_id": order_id, "state": "cancelled"}


@router.post("/v1/orders/{order_id}/refunds", status_code=201)
@allowed("merchant", "operator")
@audited("order.refund", shows=("refunded_minor", "refund_id"), reasoned=True)
async def refund_order(order_id: Identifier, command: Refund, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Take part of a fulfilled order back, or all of it. Never more than the member paid, over all refunds.

    A refund's id is its merchant's own. The same refund again is the same answer; 409 says in what another one differs.
    """
    row = (await _lock(tx, who, [order_id]))[order_id]
    units = dict(domain.demand_by_sku([OrderLine(**line.model_dump(), unit_price_minor=0) for line in command.lines]))
    wanted = domain.WantedRefund(order_id, command.amount_minor, units, command.restock)
    if known := await refund_store.refund_of(tx, row["merchant_id"], command.refund_id):
        return _refunded_before(command.refund_id, known, wanted)
    if row["state"] != "fulfilled":
        raise Problem(409, "not_fulfilled", f"order {order_id!r} is {row['state']}: there is nothing to take back")
    order = domain.Delivered(
        [OrderLine.model_validate(line) for line in orjson.loads(row["lines"])],
        row["amount_minor"],
        row["refunded_minor"],
        await refund_store.returned_units(tx, order_id),
    )
    worth = (
        domain.refund_of_amount(order, command.amount_minor or 0) if not units else domain.refund_of_units(order, units)
    )
    if isinstance(worth, domain.Refusal):
        raise Problem(409, worth.kind, worth.detail)
    key = refund_store.refund_key(row["merchant_id"], command.refund_id)
    await refund_store.save_refund(tx, key, order_id, worth, units, restocked=command.restock)
    said = OrderRefunded(
        order_id=order_id,
        refund_id=command.refund_id,
        member_id=row["member_id"],
        merchant_id=row["merchant_id"],
        amount=Money(amount_minor=worth, currency=row["currency"]),
    )
    news = await _restock(tx, row, units) if command.restock else ()
    tx.publish(*([said] if worth else ()), *news, cause=_cause(row))  # who owes nothing less need not be told
    await record(tx, who, on_record.order_refunded(row, command, worth))
    return {"order_id": order_id, "refund_id": command.refund_id, "amount_minor": worth}


def _refunded_before(refund_id: str, known: domain.KnownRefund, wanted: domain.WantedRefund) -> dict[str, Any]:
    """The same refund again is the same answer; another one under its id is told in what it differs."""
    if others := domain.differences(known, wanted):
        detail = f"refund {refund_id!r} is done already, with another {', '.join(others)}: a new refund has another id"
        raise Problem(409, "refund_known", detail, differs=others)
    return {"order_id": known.order_id, "refund_id": refund_id, "amount_minor": known.amount_minor}


@router.get("/v1/orders/{order_id}")
@allowed("merchant", "member", "viewer")
async def get_order(order_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """An order: where it is sourced and how far it is."""
    row = await order_store.order(tx, order_id) or not_found("order", order_id)
    who.acts_for(merchant=row["merchant_id"], member=row["member_id"]) or not_found("order", order_id)
    return {
        name: row[name]
        for name in (
            *("order_id", "state", "reason", "location_id", "location_kind", "distance_m", "mode", "accept_by"),
            *("amount_minor", "refunded_minor", "currency"),
        )
    } | {"refunds": [dict(refund) for refund in await refund_store.refunds_of(tx, order_id)]}


@router.get("/v1/locations/{location_id}/orders")
@allowed("merchant", "operator")
async def list_orders(
    location_id: Identifier,
    who: Who,
    tx: TxDependency,
    state: Literal[
        "sourced", "accepted", "picked", "ready_for_pickup", "handed_over", "fulfilled", "cancelled"
    ] = "sourced",
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last order_id of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """A location's orders in one state, by id; pass the last id as `after` for more."""
    await _check_locations(tx, who, [location_id])
    return [
        {"order_id": row["order_id"], "mode": row["mode"]}
        for row in await order_store.orders_at(tx, location_id, state, after, limit)
    ]


@router.get("/v1/locations/{location_id}/stock")
@allowed("merchant", "operator")
async def list_stock(location_id: Identifier, who: Who, tx: TxDependency) -> list[dict[str, Any]]:
    """What is on a location's shelves."""
    await _check_locations(tx, who, [location_id])
    return [dict(row) for row in await shelve_store.stock_of(tx, location_id)]


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts. `shelves_off_movements` and `reservations_off_shelves` must be 0."""
    return await order_store.summary(tx)


async def _check_locations(tx: Tx, who: Who, location_ids: list[str]) -> None:
    """Refuse locations that do not exist or belong to another merchant."""
    known = await site_store.locations(tx, location_ids)
    for location_id in location_ids:
        row = known.get(location_id) or not_found("location", location_id)
        who.acts_for(merchant=row["merchant_id"]) or not_found("location", location_id)


async def _lock(tx: Tx, who: Who, order_ids: list[str]) -> dict[str, Any]:
    """Orders, locked; refuse those that do not exist or belong to another merchant."""
    rows = await order_store.lock_orders(tx, order_ids)
    for order_id in order_ids:
        row = rows.get(order_id) or not_found("order", order_id)
        who.acts_for(merchant=row["merchant_id"]) or not_found("order", order_id)
    return rows


async def _save_sites(tx: Tx, who: Who, sites: list[NamedSite]) -> None:
    """A merchant has one flagship, and a location never changes its merchant or kind."""
    for site in sites:
        who.acts_for(merchant=site.merchant_id) or not_found("merchant", site.merchant_id)
    await tx.lock("location", [site.location_id for site in sites])  # two merchants may open one at the same time
    known = await site_store.locations(tx, [site.location_id for site in sites])
    flagships = await site_store.flagships(tx, [site.merchant_id for site in sites])
    for site in sites:
        row = known.get(site.location_id)
        if row and (row["merchant_id"], row["kind"]) != (site.merchant_id, site.kind):
            raise Problem(
                409, "location_taken", f"location {site.location_id!r} is another merchant's, or of another kind"
            )
        is_open = (row["open"] if row else True) if site.open is None else site.open
        if (
            site.kind == "flagship"
            and is_open
            and flagships.setdefault(site.merchant_id, site.location_id) != site.location_id
        ):
            raise Problem(
                409,
                "flagship_exists",
                f"{site.merchant_id!r} has flagship {flagships[site.merchant_id]!r}: close it first",
            )
    await site_store.save_locations(
        tx, [(s.location_id, s.merchant_id, s.kind, s.name, s.latitude, s.longitude, s.open) for s in sites]
    )
    if who.is_staff:
        await record(tx, who, *(on_record.location_put(site, known.get(site.location_id)) for site in sites))


async def _count(tx: Tx, who: Who, counts: list[ShelfCount]) -> list[Any]:
    await _check_locations(tx, who, [count.location_id for count in counts])
    wanted = {(c.location_id, c.sku): (c.location_id, c.sku, c.on_hand, c.safety_stock) for c in counts}
    rows = await shelve_store.count_stock(tx, list(wanted.values()))
    refused = wanted.keys() - {(row["location_id"], row["sku"]) for row in rows}
    if refused:
        location_id, sku = min(refused)
        raise Problem(409, "promised", f"more of {sku!r} at {location_id!r} is promised to orders than was counted")
    for row in rows:
        if row["delta"]:
            tx.publish(
                StockAdjusted(
                    location_id=row["location_id"],
                    sku=row["sku"],
                    delta=row["delta"],
                    on_hand=row["on_hand"],
                    reason="counted",
                )
            )
    tx.publish(*shelf_news(rows))
    if who.is_staff:
        await record(tx, who, *on_record.stock_counted(rows))
    return rows


async def _advance(tx: Tx, who: Who, rows: list[Any], step: Step) -> None:
    for row in rows:
        allowed = domain.next_step(row["state"], row["mode"])
        if step != allowed:
            expected = f"the next step is {allowed}" if allowed else "it has ended"
            raise Problem(409, "wrong_step", f"order {row['order_id']!r} is {row['state']}: {expected}, not {step}")
    order_ids = [row["order_id"] for row in rows]
    await order_store.advance(tx, order_ids, step)
    if step == "fulfilled":
        tx.publish(*shelf_news(await shelve_store.close_reservations(tx, order_ids, "shipped")))
    for row in rows:
        tx.publish(_stepped(row, step), cause=_cause(row))
    if who.is_staff:
        await record(tx, who, *on_record.steps_taken(rows, step))


async def _restock(tx: Tx, row: Any, units: dict[str, int]) -> list[Event]:  # noqa: ANN401  # a row of customer_order
    """Put goods back on the shelf they came from."""
    shelves = [(row["location_id"], sku) for sku in units]
    await shelve_store.available(tx, shelves, lock=True)
    moves = [(row["location_id"], sku, count, 0, row["order_id"]) for sku, count in units.items()]
    return shelf_news(await shelve_store.move(tx, "returned", moves))


def _stepped(row: Any, step: Step) -> Event:  # noqa: ANN401  # a row of customer_order
    if step != "fulfilled":
        return OrderAdvanced(order_id=row["order_id"], location_id=row["location_id"], step=step)
    return OrderFulfilled(
        order_id=row["order_id"],
        member_id=row["member_id"],
        merchant_id=row["merchant_id"],
        post_id=row["post_id"],
        program_id=row["program_id"],
        location_id=row["location_id"],
        location_kind=row["location_kind"],
        amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
    )


def _cause(row: Any) -> Cause:  # noqa: ANN401  # a row of customer_order
    """What happens to an order continues the journey that brought it."""
    return Cause(row["correlation_id"], row["causation_id"])
