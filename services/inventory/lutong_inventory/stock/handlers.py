"""What becomes of what staff reports of shelves, in batches: two commands on one shelf are decided one after the other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts import Event
from lutong_contracts.inventory import LocationDeclined
from lutong_inventory.bodies import refused
from lutong_inventory.locations.domain.location import Location, location_id_of
from lutong_inventory.locations.finding import Naming, find
from lutong_inventory.parts import names
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.commands import CorrectShelves, CountShelf, CountShelves, ProtectShelf, Seen
from lutong_inventory.stock.domain.counts import (
    Corrected,
    Counted,
    Evidence,
    Promise,
    corrected,
    counted,
    why_bad_units,
    why_not_past,
)
from lutong_inventory.stock.domain.declines import Declined, after_decline
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock
from lutong_inventory.stock.domain.work import Changed, ShelfWork, found_after, short
from lutong_inventory.stock.store import reservations as reservation_store
from lutong_inventory.stock.store import shelves as store
from lutong_inventory.stock.store.reservations import PromiseRow
from lutong_inventory.stock.store.shelves import Since

handlers = Handlers()

SHOWN: Final = ("on_hand", "safety_stock", "unavailable", "reserved")
"""The fields of a shelf that audit rows show."""

Found = dict[str, Location]
Reported = Asked[CountShelf] | Asked[CountShelves] | Asked[CorrectShelves] | Asked[ProtectShelf]


class _Moving(NamedTuple):
    """What a command that is not refused does to shelves: movements, and what is set."""

    movements: list[Movement]
    counts: Sequence[Counted] = ()


@handlers.on(CountShelf)
async def count_shelf(batch: Sequence[Asked[CountShelf]], tx: Tx) -> list[Answer | Problem]:
    """Shelves were counted, one by one: the truth is taken, whatever was promised."""
    outcomes = await _count(batch, [(asked.command.seen,) for asked in batch], tx)
    return [
        refused(each) if isinstance(each, Refusal) else _answer(asked, "stock.count", each, _shelf_of(each))
        for asked, each in zip(batch, outcomes, strict=True)
    ]


@handlers.on(CountShelves)
async def count_shelves(batch: Sequence[Asked[CountShelves]], tx: Tx) -> list[Answer | Problem]:
    """Many shelves were counted at once: for each command, all of it is taken or nothing."""
    outcomes = await _count(batch, [asked.command.seen for asked in batch], tx)
    return [
        refused(each)
        if isinstance(each, Refusal)
        else _answer(asked, "stock.count", each, {"counted": len(each.after), "broken": _orders(each)})
        for asked, each in zip(batch, outcomes, strict=True)
    ]


@handlers.on(CorrectShelves)
async def correct_shelves(batch: Sequence[Asked[CorrectShelves]], tx: Tx) -> list[Answer | Problem]:
    """Goods came, broke, or are held back: all of a command happened, or nothing of it is written."""
    namings = [
        Naming(asked.who, [happened.location_id for happened in asked.command.happened], asked.command.owner)
        for asked in batch
    ]
    wanted = [
        _why_not_happened(asked.command, tx) or (found if isinstance(found, Refusal) else _corrections(asked, found))
        for asked, found in zip(batch, await find(tx, namings), strict=True)
    ]
    stocks = await _lock(tx, (each.shelf for some in wanted if not isinstance(some, Refusal) for each in some))
    now = dict(stocks)
    moving = [each if isinstance(each, Refusal) else _correct(now, each) for each in wanted]
    outcomes = await _move(batch, stocks, moving, tx)
    return [
        refused(each)
        if isinstance(each, Refusal)
        else _answer(asked, "stock.correct", each, {"moved": len(asked.command.happened), "broken": _orders(each)})
        for asked, each in zip(batch, outcomes, strict=True)
    ]


@handlers.on(ProtectShelf)
async def protect_shelves(batch: Sequence[Asked[ProtectShelf]], tx: Tx) -> list[Answer | Problem]:
    """So many units of shelves are never promised. What is promised already stays so."""
    namings = [Naming(asked.who, [asked.command.location_id], asked.command.owner) for asked in batch]
    shelves = [
        each if isinstance(each, Refusal) else Shelf(each[asked.command.location_id].key, asked.command.sku)
        for asked, each in zip(batch, await find(tx, namings), strict=True)
    ]
    work = ShelfWork(await _lock(tx, (each for each in shelves if isinstance(each, Shelf))))
    answers: list[Answer | Problem] = []
    for asked, shelf in zip(batch, shelves, strict=True):
        if isinstance(shelf, Refusal):
            answers.append(refused(shelf))
            continue
        changed = work.take(safety={shelf: asked.command.units})
        stock = changed.after[shelf]
        body = {"sku": shelf.sku, "safety_stock": stock.safety_stock, "available": stock.available}
        answers.append(_answer(asked, "stock.protect", changed, body))
    await _save(batch, work, tx)
    return answers


async def _lock(tx: Tx, shelves: Iterable[Shelf]) -> dict[Shelf, Stock]:
    """The shelves of a batch, locked; those that are new are empty."""
    wanted = set(shelves)
    await store.open_shelves(tx, wanted)
    return await store.lock_stock(tx, wanted) if wanted else {}


async def _count(
    batch: Sequence[Asked[CountShelf] | Asked[CountShelves]], seen: Sequence[Sequence[Seen]], tx: Tx
) -> list[Changed | Refusal]:
    namings = [
        Naming(asked.who, [each.location_id for each in some], asked.command.owner)
        for asked, some in zip(batch, seen, strict=True)
    ]
    wanted = [
        _why_not_seen(some, tx) or (found if isinstance(found, Refusal) else _counts(asked, some, found))
        for asked, some, found in zip(batch, seen, await find(tx, namings), strict=True)
    ]
    every = [each for some in wanted if not isinstance(some, Refusal) for each in some]
    stocks = await _lock(tx, (each.shelf for each in every))
    since = await store.moved_since(tx, (_since(each, tx) for each in every)) if every else {}
    now = dict(stocks)
    moving = [each if isinstance(each, Refusal) else _counted(now, each, since, tx) for each in wanted]
    return await _move(batch, stocks, moving, tx)


def _why_not_seen(seen: Iterable[Seen], tx: Tx) -> Refusal | None:
    return next((refusal for each in seen if (refusal := why_not_past(each.counted_at, tx.now))), None)


def _why_not_happened(command: CorrectShelves, tx: Tx) -> Refusal | None:
    reasons = (
        why_bad_units(each.kind, each.units) or why_not_past(each.occurred_at, tx.now) for each in command.happened
    )
    return next((refusal for refusal in reasons if refusal), None)


def _counts(asked: Asked[Any], seen: Iterable[Seen], found: Found) -> list[Counted]:
    """Counts of a command: of several of one shelf the last one holds."""
    wanted: dict[Shelf, Counted] = {}
    for each in seen:
        shelf = Shelf(found[each.location_id].key, each.sku)
        evidence = Evidence(asked.who.subject, "counted", None, each.counted_at)
        wanted[shelf] = Counted(shelf, each.on_hand, evidence, each.safety_stock)
    return list(wanted.values())


def _since(count: Counted, tx: Tx) -> Since:
    return Since(count.shelf, count.evidence.occurred_at or tx.now)


def _counted(now: dict[Shelf, Stock], counts: Sequence[Counted], since: Mapping[Since, int], tx: Tx) -> _Moving:
    """The movements of counts, on what the commands before left; `now` goes on from them."""
    movements = [
        movement
        for each in counts
        for movement in counted(now[each.shelf], each.units, since[_since(each, tx)], each.evidence)
    ]
    now |= found_after(now, movements)
    now |= {each.shelf: now[each.shelf].counted(_since(each, tx).at) for each in counts}
    return _Moving(movements, counts)


def _corrections(asked: Asked[CorrectShelves], found: Found) -> list[Corrected]:
    return [
        Corrected(
            Shelf(found[each.location_id].key, each.sku),
            each.kind,
            each.units,
            Evidence(asked.who.subject, each.reason, each.reference, each.occurred_at),
        )
        for each in asked.command.happened
    ]


def _correct(now: dict[Shelf, Stock], corrections: Sequence[Corrected]) -> _Moving | Refusal:
    """The movements of corrections, on what the commands before left; `now` goes on from them, unless one is refused."""
    after, movements = dict(now), list[Movement]()
    for each in corrections:
        movement = corrected(after[each.shelf], each.kind, each.units, each.evidence)
        if isinstance(movement, Refusal):
            return movement
        movements.append(movement)
        after[each.shelf] = after[each.shelf].found(movement)
    now.update(after)
    return _Moving(movements)


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
            now |= found_after(now, [movement])
    news = await store.save_movements(tx, before, movements)
    reasons = {each.shelf: each.reason for each in wanted}
    return [*news, *Changed(before, now, why=reasons).events()]


async def _move(
    batch: Sequence[Reported], stocks: dict[Shelf, Stock], moving: Sequence[_Moving | Refusal], tx: Tx
) -> list[Changed | Refusal]:
    """Move shelves command by command, breaking what cannot be kept; save once."""
    now, lacking = dict(stocks), set[Shelf]()
    for each in moving:
        if isinstance(each, _Moving):
            found = found_after(now, each.movements)
            lacking.update(short(now, found))
            now |= found
    rows = await reservation_store.promises_on(tx, lacking) if lacking else []
    work = ShelfWork(stocks, {shelf: [row.promise for row in rows if row.promise.shelf == shelf] for shelf in lacking})
    outcomes = [each if isinstance(each, Refusal) else _take(work, each, tx) for each in moving]
    await _save(batch, work, tx)
    known = {row.promise: row for row in rows}
    for changed in outcomes:
        if isinstance(changed, Changed):
            tx.outgoing += _declined(changed.broken, known)
    return outcomes


def _take(work: ShelfWork, moving: _Moving, tx: Tx) -> Changed:
    counts = moving.counts
    safety = {each.shelf: each.safety_stock for each in counts if each.safety_stock is not None}
    return work.take(moving.movements, {each.shelf: _since(each, tx).at for each in counts}, safety)


async def _save(batch: Sequence[Reported], work: ShelfWork, tx: Tx) -> None:
    """End the promises that broke, then move; the events of the shelves are on the journey of the last command."""
    await reservation_store.release(tx, work.broken)
    await store.save_movements(tx, work.before, work.movements)
    await store.set_counted(tx, work.counted)
    await store.set_safety(tx, [work.stocks[shelf] for shelf in work.protected])
    tx.outgoing += [batch[-1].causes(event) for event in work.news()]


def _declined(promises: Sequence[Promise], known: Mapping[Promise, PromiseRow]) -> Iterator[Outgoing]:
    """The orders that go elsewhere, each once, on the journey that brought it."""
    orders = {promise.order_id: known[promise] for promise in promises}
    for order_id, row in sorted(orders.items()):
        location_id = location_id_of(row.promise.shelf.location_key)
        event = LocationDeclined(
            **names(order_id, row.part_of), merchant_id=row.merchant_id, location_id=location_id, reason="short"
        )
        yield Outgoing(event, row.cause)


def _answer(asked: Asked[Any], action: str, changed: Changed, body: dict[str, Any]) -> Answer:
    """An answer, with how many units more or fewer there are; staff is on record with shelves as they were, and as they are."""
    record = []
    for shelf, stock in sorted(changed.after.items()):
        before, after = ({name: getattr(side, name) for name in SHOWN} for side in (changed.before[shelf], stock))
        record.append(Change(action, f"shelf:{location_id_of(shelf.location_key)}:{shelf.sku}", None, before, after))
    return Answer(body, [asked.causes(event) for event in changed.events()], record if asked.who.is_staff else ())


def _shelf_of(changed: Changed) -> dict[str, Any]:
    ((shelf, stock),) = changed.after.items()
    return {"sku": shelf.sku, "on_hand": stock.on_hand, "available": stock.available, "broken": _orders(changed)}


def _orders(changed: Changed) -> list[str]:
    """The orders that go elsewhere."""
    return sorted({promise.order_id for promise in changed.broken})
