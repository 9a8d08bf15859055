"""Promotions: the feed is given page views of a program to show it with, one allowance after the other, and answers what it showed."""

from collections.abc import Collection, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts import Event
from lutong_contracts.promotions import PaidSlotsClosed, PaidSlotsShown
from lutong_contracts.registry import ProgramResumed, VersionReleased
from lutong_contracts.traffic import PromotionChanged, TrafficGranted, TrafficReserved, TrafficSettled
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import why_not_promoted
from lutong_registry.traffic.accounts import Accounts
from lutong_registry.traffic.domain import ledger, promotions, visits
from lutong_registry.traffic.domain.ledger import Spend
from lutong_registry.traffic.domain.promotions import Allowance, Promotion
from lutong_registry.traffic.spending import Reported, end_reserved
from lutong_registry.traffic.store import accounts as account_store
from lutong_registry.traffic.store import promotions as store
from lutong_registry.traffic.store.promotions import ShownRow

handlers = Handlers()


@handlers.on(PromotionChanged)
async def begin_promotions(batch: Sequence[Received[PromotionChanged]], tx: Tx) -> list[Outgoing]:
    """A merchant promotes a program: the feed is given the first page views."""
    return await _allow(batch[-1], {received.event.program_id for received in batch}, tx)


@handlers.on(TrafficGranted)
async def go_on_with_what_was_earned(batch: Sequence[Received[TrafficGranted]], tx: Tx) -> list[Outgoing]:
    """Visitors earned a program page views: promotions that had to wait for some go on."""
    return await _allow(batch[-1], {received.event.program_id for received in batch}, tx)


@handlers.on(TrafficSettled)
async def go_on_with_what_is_left(batch: Sequence[Received[TrafficSettled]], tx: Tx) -> list[Outgoing]:
    """An allowance is over, or page views came back: the next one is given."""
    return await _allow(batch[-1], {received.event.program_id for received in batch}, tx)


@handlers.on(ProgramResumed)
async def go_on_when_resumed(batch: Sequence[Received[ProgramResumed]], tx: Tx) -> list[Outgoing]:
    """A program may be promoted again."""
    return await _allow(batch[-1], {received.event.program_id for received in batch}, tx)


@handlers.on(VersionReleased)
async def go_on_when_released(batch: Sequence[Received[VersionReleased]], tx: Tx) -> list[Outgoing]:
    """Another version is in force: it may be one that may be promoted."""
    return await _allow(batch[-1], {received.event.program_id for received in batch}, tx)


@handlers.on(PaidSlotsShown)
async def keep_who_was_shown(batch: Sequence[Received[PaidSlotsShown]], tx: Tx) -> list[Outgoing]:
    """Viewers saw a program in places that it paid for: by visiting it that day they earn it nothing."""
    secrets = {key: await account_store.secret(tx, key) for key in sorted({r.event.program_id for r in batch})}
    rows = [
        ShownRow(r.event.program_id, visits.day_of(each.served_at), visits.pseudonym(each.viewer_id, secret))
        for r in batch
        if (secret := secrets[r.event.program_id])
        for each in r.event.shown
    ]
    await store.keep_shown(tx, rows)
    return []


@handlers.on(PaidSlotsClosed)
async def settle_allowances(batch: Sequence[Received[PaidSlotsClosed]], tx: Tx) -> list[Outgoing]:
    """The feed answers what it showed: that is spent, the rest goes back."""
    return await end_reserved(tx, [Reported(received, received.event.used) for received in batch])


async def _allow(last: Received[Event], program_ids: Collection[str], tx: Tx) -> list[Outgoing]:
    """Give the feed what it may show next of the promotions of some programs. Accounts are locked before promotions."""
    accounts = Accounts(await account_store.accounts(tx, program_ids, lock=True))
    wanted = [each for each in await store.lock_open(tx, accounts.before) if not each.is_allowed]
    if not wanted:
        return []
    programs = await program_store.read_programs(tx, None, sorted({each.program_id for each in wanted}))
    spends: list[Spend] = []
    outgoing: list[Outgoing] = []
    for promotion in wanted:
        given = promotions.allowance(promotion, accounts.now[promotion.program_id], tx.now)
        if given is None or why_not_promoted(programs.get(promotion.program_id)):
            continue
        spend = _reserved(promotion, given, accounts, tx)
        spends.append(spend)
        outgoing.append(last.causes(_event(spend, given)))
    await account_store.add_spends(tx, spends)
    await accounts.save(tx)
    return outgoing


def _reserved(promotion: Promotion, given: Allowance, accounts: Accounts, tx: Tx) -> Spend:
    spend_id, program_id = tx.new_id(), promotion.program_id
    moved = ledger.reserve(accounts.now[program_id], given.pv, spend_id, tx.now)
    assert moved is not None, "an allowance is no more than is there"  # noqa: S101  # of the rule above
    accounts.take(moved)
    return Spend(
        spend_id, program_id, promotion.placement, None, visits.day_of(tx.now), given.pv, 0, "reserved", moved.taken,
        promotion.promotion_id,
    )  # fmt: skip


def _event(spend: Spend, given: Allowance) -> TrafficReserved:
    return TrafficReserved(
        program_id=spend.program_id, spend_id=spend.spend_id, placement=spend.placement, pv=spend.pv,
        promotion_id=spend.promotion_id, ends_at=given.ends_at,
    )  # fmt: skip
