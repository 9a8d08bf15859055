"""What becomes of page views: granted, held, spent, expired, reversed. Pure: no clock, no database, no ids made here.

At every step `granted = spent + expired + reversed + available + held`, and none is below zero. What was granted first is spent first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, NamedTuple

Kind = Literal["grant", "reserve", "spend", "release", "expire", "reverse"]
SpendState = Literal["reserved", "confirmed", "released"]


class Lot(NamedTuple):
    """What is left of the page views of a day."""

    expires_at: datetime
    day: date
    rule_id: int
    remaining: int


class Take(NamedTuple):
    """So many page views out of the lot of a day."""

    day: date
    rule_id: int
    pv: int


class Entry(NamedTuple):
    """A row of the ledger: page views go from one account of a program to another. `reference` is what for."""

    program_id: str
    kind: Kind
    debit: str
    credit: str
    pv: int
    reference: str


class Spend(NamedTuple):
    """Page views that a slot asked for. `taken` are the lots that they are from."""

    spend_id: str
    program_id: str
    placement: str
    visitor: str | None
    day: date
    pv: int
    used: int
    state: SpendState
    taken: tuple[Take, ...]
    promotion_id: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The page views of a program. `lots` are in the order in which they are spent: what ends first, first."""

    program_id: str
    granted: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    lots: tuple[Lot, ...] = ()


class Moved(NamedTuple):
    """An account after a decision, the rows of the ledger that led there, and the lots that were drawn from."""

    account: Account
    entries: tuple[Entry, ...]
    taken: tuple[Take, ...] = ()


def grant(account: Account, lot: Lot, reference: str) -> Moved:
    """Give page views of a day. A debt is paid first."""
    paid = min(account.debt, lot.remaining)
    given = lot._replace(remaining=lot.remaining - paid)
    moved = _moved(account, "grant", "granted", "available", lot.remaining, reference)
    moved = _then(moved, _moved(moved.account, "reverse", "available", "reversed", paid, reference))
    lots = _with([given], account.lots)
    return moved._replace(account=replace(moved.account, debt=account.debt - paid, lots=lots))


def reserve(account: Account, pv: int, spend_id: str, now: datetime) -> Moved | None:
    """Hold page views for a slot, those that end first; None when there are not so many."""
    taken = _draw([lot for lot in account.lots if lot.expires_at > now], pv)
    if sum(take.pv for take in taken) < pv:
        return None
    moved = _moved(account, "reserve", "available", "held", pv, spend_id)
    return moved._replace(account=replace(moved.account, lots=_without(account.lots, taken)), taken=taken)


def settle(account: Account, spend: Spend, used: int, now: datetime) -> Moved:
    """So many of those held were shown. The rest goes back to where it was taken from, or is expired if that has ended meanwhile."""
    back = _draw([Lot(now, *take) for take in reversed(spend.taken)], spend.pv - used)
    ends = {lot[1:3]: lot.expires_at for lot in account.lots}
    late = [take for take in back if ends.get(take[:2], now) <= now]
    moved = _moved(account, "spend", "held", "spent", used, spend.spend_id)
    moved = _then(moved, _moved(moved.account, "release", "held", "available", spend.pv - used, spend.spend_id))
    over = sum(take.pv for take in late)
    moved = _then(moved, _moved(moved.account, "expire", "available", "expired", over, spend.spend_id))
    given = [Lot(ends[take[:2]], *take) for take in back if take not in late]
    return moved._replace(account=replace(moved.account, lots=_with(given, account.lots)))


def ended(spend: Spend, used: int) -> Spend:
    """A spend of which so many page views were shown."""
    return spend._replace(state="confirmed" if used else "released", used=used)


def expire(account: Account, now: datetime) -> Moved:
    """End what is past its time. What is held is not: it may have been shown."""
    over = [lot for lot in account.lots if lot.expires_at <= now and lot.remaining]
    moved = Moved(account, ())
    for lot in over:
        then = _moved(moved.account, "expire", "available", "expired", lot.remaining, f"day:{lot.day}")
        moved = _then(moved, then)
    lots = tuple(lot._replace(remaining=0) if lot in over else lot for lot in account.lots)
    return moved._replace(account=replace(moved.account, lots=lots))


def reverse(account: Account, day: date, pv: int, reference: str) -> Moved:
    """Take back what was granted for nothing: from its day, then from what ends first. What was spent already is a debt."""
    of_day = [lot for lot in account.lots if lot.day == day]
    others = [lot for lot in account.lots if lot.day != day]
    taken = _draw([*of_day, *others], pv)
    back = sum(take.pv for take in taken)
    moved = _moved(account, "reverse", "available", "reversed", back, reference)
    after = replace(moved.account, debt=account.debt + pv - back, lots=_without(account.lots, taken))
    return moved._replace(account=after, taken=taken)


def _moved(account: Account, kind: Kind, debit: str, credit: str, pv: int, reference: str) -> Moved:
    """Page views go from an account to another; `granted` is where they come from, and grows."""
    if not pv:
        return Moved(account, ())
    sign = 1 if debit == "granted" else -1
    changed = {debit: getattr(account, debit) + sign * pv, credit: getattr(account, credit) + pv}
    return Moved(replace(account, **changed), (Entry(account.program_id, kind, debit, credit, pv, reference),))


def _then(first: Moved, then: Moved) -> Moved:
    return Moved(then.account, (*first.entries, *then.entries))


def _draw(lots: Sequence[Lot], pv: int) -> tuple[Take, ...]:
    taken: list[Take] = []
    for lot in lots:
        part = min(lot.remaining, pv - sum(take.pv for take in taken))
        if part > 0:
            taken.append(Take(lot.day, lot.rule_id, part))
    return tuple(taken)


def _without(lots: Iterable[Lot], taken: Sequence[Take]) -> tuple[Lot, ...]:
    gone = {take[:2]: take.pv for take in taken}
    return tuple(lot._replace(remaining=lot.remaining - gone.get(lot[1:3], 0)) for lot in lots)


def _with(given: Sequence[Lot], lots: Iterable[Lot]) -> tuple[Lot, ...]:
    known = {lot[1:3]: lot for lot in lots}
    for lot in given:
        before = known.get(lot[1:3])
        known[lot[1:3]] = lot._replace(remaining=lot.remaining + (before.remaining if before else 0))
    return tuple(sorted(known.values()))
