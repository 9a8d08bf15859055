"""What becomes of transfers: decided in batches, and what they move is moved once."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lutong_chassis import Answer, Asked, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts.inventory import TransferLost, TransferReceived, TransferSent
from lutong_contracts.values import Units
from lutong_inventory.bodies import refused
from lutong_inventory.locations.domain.location import Location, location_id_of
from lutong_inventory.locations.finding import Naming, find
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import Movement, Shelf, Stock
from lutong_inventory.stock.store import shelves as shelf_store
from lutong_inventory.transfers import domain, store
from lutong_inventory.transfers.domain import Line, Moved, Step, Transfer

handlers = Handlers()
_EVENTS: Final[dict[str, type[TransferSent | TransferReceived | TransferLost]]] = {
    "sent": TransferSent,
    "received": TransferReceived,
    "lost": TransferLost,
}


class DraftTransfer(NamedTuple):
    """A merchant wants goods to go from one location to another; staff may have to name whose locations they are."""

    from_location_id: str
    to_location_id: str
    lines: tuple[Line, ...]
    reference: str | None
    owner: str | None

    @property
    def ends(self) -> tuple[str, str]:
        """From where, and to where."""
        return (self.from_location_id, self.to_location_id)


class MoveTransfer(NamedTuple):
    """Staff took a step with a transfer. `received` is what arrived now, by SKU; without any it is all."""

    transfer_id: str
    step: Step
    received: Mapping[str, int]


@handlers.on(DraftTransfer)
async def draft_transfers(batch: Sequence[Asked[DraftTransfer]], tx: Tx) -> list[Answer | Problem]:
    """Transfers are drafted; nothing moves yet."""
    found = await find(tx, [Naming(asked.who, asked.command.ends, asked.command.owner) for asked in batch])
    decided = [_draft(asked, ends) for asked, ends in zip(batch, found, strict=True)]
    await store.save_transfers(tx, [each for each in decided if isinstance(each, Transfer)])
    return [
        refused(each) if isinstance(each, Refusal) else Answer(_body(each), (), _record(asked, each))
        for asked, each in zip(batch, decided, strict=True)
    ]


def _draft(asked: Asked[DraftTransfer], found: Mapping[str, Location] | Refusal) -> Transfer | Refusal:
    if isinstance(found, Refusal):
        return found
    wanted = asked.command
    origin, target = (found[each] for each in wanted.ends)
    if origin.merchant_id != target.merchant_id or target.closed_at is not None:
        detail = "a transfer goes to a location of the same merchant that is not closed for good"
        return Refusal("not_between", detail)
    lines, merchant_id = tuple(sorted(wanted.lines)), origin.merchant_id
    return domain.draft(Transfer(asked.new_id(), merchant_id, origin.key, target.key, lines, "draft", wanted.reference))


@handlers.on(MoveTransfer)
async def move_transfers(batch: Sequence[Asked[MoveTransfer]], tx: Tx) -> list[Answer | Problem]:
    """Transfers go a step on, each decided after those before it."""
    transfers = await store.lock_transfers(tx, (asked.command.transfer_id for asked in batch))
    shelves = [Shelf(key, line.sku) for t in transfers.values() for key in (t.from_key, t.to_key) for line in t.lines]
    await shelf_store.open_shelves(tx, shelves)
    before = await shelf_store.lock_stock(tx, shelves)
    now = dict(before)
    answers: list[Answer | Problem] = []
    moved: dict[str, Transfer] = {}
    movements: list[Movement] = []
    for asked in batch:
        outcome = _step(asked, transfers, now)
        if isinstance(outcome, Problem):
            answers.append(outcome)
            continue
        transfers[outcome.transfer.transfer_id] = moved[outcome.transfer.transfer_id] = outcome.transfer
        for movement in outcome.movements:
            kept = movement._replace(actor=asked.who.subject)
            movements.append(kept)
            now[kept.shelf] = now[kept.shelf].after(kept)
        answers.append(_answer(asked, outcome))
    await store.save_transfers(tx, list(moved.values()))
    if movements:
        tx.publish(*await shelf_store.save_movements(tx, before, movements))
    return answers


def _step(asked: Asked[MoveTransfer], transfers: Mapping[str, Transfer], now: Mapping[Shelf, Stock]) -> Moved | Problem:
    transfer_id, step, received = asked.command
    known = transfers.get(transfer_id)
    if known is None or not asked.who.acts_for(merchant=known.merchant_id):
        return Problem(404, "not_found", f"there is no transfer {transfer_id!r}")
    outcome = domain.step(known, step, received, now)
    return refused(outcome) if isinstance(outcome, Refusal) else outcome


def _answer(asked: Asked[MoveTransfer], moved: Moved) -> Answer:
    transfer, event = moved.transfer, _EVENTS.get(asked.command.step)
    if event is None:
        return Answer(_body(transfer), (), _record(asked, transfer))
    arrived = {movement.shelf.sku: movement.on_hand_delta for movement in moved.movements}
    units = {
        line.sku: {"sent": line.units, "lost": line.lost}.get(asked.command.step, arrived.get(line.sku, 0))
        for line in transfer.lines
    }
    fact = event(
        transfer_id=transfer.transfer_id,
        merchant_id=transfer.merchant_id,
        from_location_id=location_id_of(transfer.from_key),
        to_location_id=location_id_of(transfer.to_key),
        lines=tuple(Units(sku=sku, units=n) for sku, n in units.items() if n),
    )
    return Answer(_body(transfer), [asked.causes(fact)], _record(asked, transfer))


def _record(asked: Asked[DraftTransfer] | Asked[MoveTransfer], transfer: Transfer) -> list[Change]:
    change = Change("transfer.move", f"transfer:{transfer.transfer_id}", None, None, {"state": transfer.state})
    return [change] if asked.who.is_staff else []


def _body(transfer: Transfer) -> dict[str, object]:
    """A transfer as its merchant sees it."""
    return {
        "transfer_id": transfer.transfer_id,
        "from_location_id": location_id_of(transfer.from_key),
        "to_location_id": location_id_of(transfer.to_key),
        "state": transfer.state,
        "reference": transfer.reference,
        "lines": [line._asdict() for line in transfer.lines],
    }
