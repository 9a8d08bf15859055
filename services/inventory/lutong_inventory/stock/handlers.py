"""What becomes of what staff reports of shelves: loaded once, decided one by one, saved once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lutong_chassis import Outgoing, Tx
from lutong_contracts import Event
from lutong_contracts.inventory import LocationDeclined, StockAdjusted
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.counts import Correction, Evidence, broken, corrected, counted, released
from lutong_inventory.stock.domain.declines import Declined, after_decline
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock, fold, shelf_news
from lutong_inventory.stock.store import reservations as reservation_store
from lutong_inventory.stock.store import shelves as store
from lutong_inventory.stock.store.reservations import PromiseRow


class Counted(NamedTuple):
    """What was counted on a shelf, when. Without safety stock that stays as it was."""

    shelf: Shelf
    units: int
    evidence: Evidence
    safety_stock: int | None = None


class Corrected(NamedTuple):
    """What happened to a shelf."""

    shelf: Shelf
    kind: Correction
    units: int
    evidence: Evidence


@dataclass(slots=True)
class Changes:
    """Shelves before and after what was changes, the promises that broke, and by which kind of movement shelves changed last."""

    before: dict[Shelf, Stock]
    after: dict[Shelf, Stock]
    broken: list[PromiseRow] = field(default_factory=list)
    why: dict[Shelf, str] = field(default_factory=dict)


async def count(tx: Tx, counts: Sequence[Counted]) -> Changes:
    """Shelves were counted: the truth is taken, whatever was promised."""
    shelves = [each.shelf for each in counts]
    await store.open_shelves(tx, shelves)
    before = await store.lock_stock(tx, shelves)
    at = {each.shelf: each.evidence.occurred_at or tx.now for each in counts}
    since = await store.moved_since(tx, at)
    movements = [
        movement
        for each in counts
        for movement in counted(before[each.shelf], each.units, since[each.shelf], each.evidence)
    ]
    changes = await _save(tx, before, movements)
    await store.set_counted(tx, at)
    await set_safety(tx, changes, {each.shelf: each.safety_stock for each in counts if each.safety_stock is not None})
    return changes


async def correct(tx: Tx, corrections: Sequence[Corrected]) -> Changes | Refusal:
    """Goods came, broke, or are held back: all of it happened, or nothing is written."""
    shelves = [each.shelf for each in corrections]
    await store.open_shelves(tx, shelves)
    before = await store.lock_stock(tx, shelves)
    now, movements = dict(before), list[Movement]()
    for each in corrections:
        movement = corrected(now[each.shelf], each.kind, each.units, each.evidence)
        if isinstance(movement, Refusal):
            return movement
        movements.append(movement)
        now[each.shelf] = now[each.shelf].found(movement)
    return await _save(tx, before, movements)


async def take_declines_in(tx: Tx, declines: Sequence[Declined]) -> list[Event]:
    """Locations declined orders: move what that means for their shelves; returns the events."""
    wanted = [each for each in declines if each.reason in {"sold_out", "damaged"}]
    if not wanted:
        return []
    before = await store.lock_stock(tx, [each.shelf for each in wanted])
    now, movements = dict(before), list[Movement]()
    for each in wanted:
        movement = after_decline(now[each.shelf], each)
        if movement is not None:
            movements.append(movement)
            now[each.shelf] = now[each.shelf].found(movement)
    news = await store.save_movements(tx, before, movements) if movements else []
    reasons: dict[Shelf, str] = {each.shelf: each.reason for each in wanted}
    return [*news, *_adjusted(Changes(before, before | fold(before, movements), why=reasons))]


async def protect(tx: Tx, shelf: Shelf, units: int) -> Changes:
    """So many units of a shelf are never promised. What is promised already stays so."""
    await store.open_shelves(tx, [shelf])
    before = await store.lock_stock(tx, [shelf])
    changes = Changes(before, dict(before))
    await set_safety(tx, changes, {shelf: units})
    return changes


async def set_safety(tx: Tx, changes: Changes, wanted: dict[Shelf, int]) -> None:
    """Set safety stocks of locked shelves, and publish which ran empty by that."""
    if not wanted:
        return
    changed = {shelf: changes.after[shelf].protected(units) for shelf, units in wanted.items()}
    await store.set_safety(tx, changed.values())
    tx.publish(*shelf_news(changes.after, changed))
    changes.after |= changed


async def _save(tx: Tx, before: dict[Shelf, Stock], movements: Sequence[Movement]) -> Changes:
    """Break the promises that cannot be kept, then move; publish both."""
    found = dict[Shelf, Stock]()
    for movement in movements:
        found[movement.shelf] = found.get(movement.shelf, before[movement.shelf]).found(movement)
    short = [shelf for shelf, stock in found.items() if before[shelf].reserved > stock.on_hand - stock.unavailable]
    rows = await reservation_store.promises_on(tx, short) if short else []
    lost = [
        promise
        for shelf in short
        for promise in broken(before[shelf], found[shelf], [row.promise for row in rows if row.promise.shelf == shelf])
    ]
    await reservation_store.release(tx, lost)
    every = [*released(lost, "short"), *movements]
    tx.publish(*await store.save_movements(tx, before, every))
    why: dict[Shelf, str] = {movement.shelf: movement.kind for movement in movements}
    changes = Changes(before, before | fold(before, every), [row for row in rows if row.promise in lost], why)
    tx.publish(*_adjusted(changes))
    tx.outgoing.extend(_declined(changes.broken))
    return changes


def _adjusted(changes: Changes) -> Iterable[StockAdjusted]:
    for shelf, stock in sorted(changes.after.items()):
        delta = stock.on_hand - changes.before[shelf].on_hand
        if delta:
            yield StockAdjusted(
                location_id=location_id_of(shelf.location_key),
                sku=shelf.sku,
                delta=delta,
                on_hand=stock.on_hand,
                reason=changes.why.get(shelf, "counted"),
                merchant_id=stock.merchant_id,
            )


def _declined(rows: Iterable[PromiseRow]) -> Iterable[Outgoing]:
    """The orders that go elsewhere, each once, on the journey that brought it."""
    orders = {row.promise.order_id: row for row in rows}
    for order_id, row in sorted(orders.items()):
        location_id = location_id_of(row.promise.shelf.location_key)
        event = LocationDeclined(
            order_id=order_id, merchant_id=row.merchant_id, location_id=location_id, reason="short"
        )
        yield Outgoing(event, row.cause)
