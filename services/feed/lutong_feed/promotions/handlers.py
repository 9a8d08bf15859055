"""Allowances: taken from the registry, spent by impressions, and answered when they are spent or over."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts import Event
from lutong_contracts.promotions import SHOWN_MAX, PaidSlotsClosed, PaidSlotsDue, PaidSlotsShown, SlotShown
from lutong_contracts.traffic import PromotionChanged, TrafficReserved
from lutong_feed.promotions import domain, store
from lutong_feed.promotions.domain import Allowance, Impression, Spent
from lutong_feed.promotions.store import NewRow

handlers = Handlers()


@handlers.on(TrafficReserved)
async def take_allowances(batch: Sequence[Received[TrafficReserved]], tx: Tx) -> list[Outgoing]:
    """The registry set page views of a program aside for us: show it, until they are spent or their time is over."""
    given = [r for r in batch if r.event.promotion_id and r.event.ends_at]
    await store.take(tx, [_row(received.event) for received in given])
    return [
        Outgoing(PaidSlotsDue(program_id=r.event.program_id, spend_id=r.event.spend_id), r.as_cause, r.event.ends_at)
        for r in given
    ]


@handlers.on(PaidSlotsDue)
async def close_allowances(batch: Sequence[Received[PaidSlotsDue]], tx: Tx) -> list[Outgoing]:
    """The time of allowances is over: answer what was shown."""
    over = await store.lock_by_id(tx, {received.event.spend_id for received in batch})
    await store.close(tx, (each.spend_id for each in over))
    await store.forget(tx, tx.now)
    return [batch[-1].causes(_closed(each, each.used)) for each in over]


@handlers.on(PromotionChanged)
async def close_ended_promotions(batch: Sequence[Received[PromotionChanged]], tx: Tx) -> list[Outgoing]:
    """A merchant ended a promotion: nothing more is shown of it."""
    over = await store.lock_of(tx, {r.event.promotion_id for r in batch if r.event.state == "ended"})
    await store.close(tx, (each.spend_id for each in over))
    return [batch[-1].causes(_closed(each, each.used)) for each in over]


async def count_paid(tx: Tx, seen: Sequence[Impression]) -> list[Event]:
    """Viewers saw what was paid for: each impression spends a page view once, while there are some. What is spent up is answered at once."""
    if not seen:
        return []
    allowances = await store.lock_for(tx, seen)
    spent = domain.spent(seen, allowances, await store.known(tx, seen)) if allowances else []
    if not spent:
        return []
    await store.spend(tx, spent)
    full = [each for each in allowances if each.used + _times(each, spent) == each.pv]
    await store.close(tx, (each.spend_id for each in full))
    return [*_shown(spent), *(_closed(each, each.pv) for each in full)]


def _times(allowance: Allowance, spent: Iterable[Spent]) -> int:
    return sum(each.spend_id == allowance.spend_id for each in spent)


def _shown(spent: Collection[Spent]) -> Iterator[PaidSlotsShown]:
    for (program_id, spend_id), group in groupby(sorted(spent, key=_of), key=_of):
        shown = [SlotShown(viewer_id=each.viewer_id, served_at=each.served_at) for each in group]
        for start in range(0, len(shown), SHOWN_MAX):
            some = tuple(shown[start : start + SHOWN_MAX])
            yield PaidSlotsShown(program_id=program_id, spend_id=spend_id, shown=some)


def _of(spent: Spent) -> tuple[str, str]:
    return spent.program_id, spent.spend_id


def _closed(allowance: Allowance, used: int) -> PaidSlotsClosed:
    return PaidSlotsClosed(program_id=allowance.program_id, spend_id=allowance.spend_id, used=used)


def _row(event: TrafficReserved) -> NewRow:
    assert event.promotion_id and event.ends_at  # noqa: S101, PT018  # of those that are taken
    return NewRow(
        event.spend_id, event.promotion_id, event.program_id, event.placement, event.pv, event.ends_at
    )  # fmt: skip
