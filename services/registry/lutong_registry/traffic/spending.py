"""Page views are held for slots of the feed, spent or given back, and end; in batches, per program one by one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_contracts.promotions import PaidSlotsClosed
from lutong_contracts.traffic import (
    TrafficExpired,
    TrafficExpiryDue,
    TrafficReserved,
    TrafficSettled,
    TrafficSpendLapsed,
)
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import Program, why_not_promoted
from lutong_registry.traffic.accounts import Accounts
from lutong_registry.traffic.bodies import spend_view
from lutong_registry.traffic.domain import ledger, visits
from lutong_registry.traffic.domain.ledger import Spend
from lutong_registry.traffic.store import accounts as account_store

handlers = Handlers()

HELD: Final = timedelta(minutes=5)
"""For so long page views are held for a slot that does not report."""


class ReservePv(NamedTuple):
    """A slot asks for page views of a program, to show it to a viewer when it names one."""

    program_id: str
    spend_id: str
    placement: str
    pv: int
    viewer_id: str | None


class SettlePv(NamedTuple):
    """So many page views of a spend were shown; None of all that are held, 0 of none."""

    spend_id: str
    used: int | None


class Reported(NamedTuple):
    """An event that ends a spend, and how many of its page views were shown."""

    by: Received[PaidSlotsClosed] | Received[TrafficSpendLapsed]
    used: int


@handlers.on(ReservePv)
async def reserve_page_views(batch: Sequence[Asked[ReservePv]], tx: Tx) -> list[Answer | Problem]:
    """Slots ask for page views: they are held, those that end first, while there are some. The same spend again holds nothing more."""
    wanted = [asked.command for asked in batch]
    programs = await program_store.read_programs(tx, None, [each.program_id for each in wanted])
    accounts = Accounts(await account_store.accounts(tx, (each.program_id for each in wanted), lock=True))
    known = await account_store.spends(tx, (each.spend_id for each in wanted))
    secrets = {key: await account_store.secret(tx, key) for key in accounts.before}
    fresh: list[Spend] = []
    answers: list[Answer | Problem] = []
    for asked in batch:
        decided = _reserved(asked.command, accounts, known, programs.get(asked.command.program_id), secrets, tx.now)
        if isinstance(decided, Problem):
            answers.append(decided)
            continue
        is_new = decided.spend_id not in known
        known[decided.spend_id] = decided
        fresh += [decided] if is_new else []
        events = _held(asked, decided, tx.now) if is_new else ()
        answers.append(_spent(asked, decided, accounts, events, "reserve"))
    await account_store.add_spends(tx, fresh)
    await accounts.save(tx)
    return answers


@handlers.on(SettlePv)
async def settle_page_views(batch: Sequence[Asked[SettlePv]], tx: Tx) -> list[Answer | Problem]:
    """Slots report how many page views were shown: those are spent, the others go back."""
    known = await account_store.spends(tx, (asked.command.spend_id for asked in batch))
    accounts = Accounts(await account_store.accounts(tx, (spend.program_id for spend in known.values()), lock=True))
    known = await account_store.spends(tx, known)
    ended: list[Spend] = []
    answers: list[Answer | Problem] = []
    for asked in batch:
        spend = known.get(asked.command.spend_id)
        decided = _settled(asked.command, spend, accounts, tx.now)
        if isinstance(decided, Problem):
            answers.append(decided)
            continue
        events = [asked.causes(_over(decided))] if decided != spend else []
        ended += [decided] if decided != spend else []
        known[decided.spend_id] = decided
        answers.append(_spent(asked, decided, accounts, events, "settle"))
    await account_store.end_spends(tx, ended)
    await accounts.save(tx)
    return answers


@handlers.on(TrafficSpendLapsed)
async def release_lapsed(batch: Sequence[Received[TrafficSpendLapsed]], tx: Tx) -> list[Outgoing]:
    """Slots did not report in time: what is held for them goes back."""
    return await end_reserved(tx, [Reported(received, 0) for received in batch])


async def end_reserved(tx: Tx, reports: Sequence[Reported]) -> list[Outgoing]:
    """Spends that are held still end with what was shown of them; of others nothing changes."""
    events = [report.by.event for report in reports]
    accounts = Accounts(await account_store.accounts(tx, (event.program_id for event in events), lock=True))
    known = await account_store.spends(tx, (event.spend_id for event in events))
    over: list[Spend] = []
    outgoing: list[Outgoing] = []
    for report in reports:
        spend = known.get(report.by.event.spend_id)
        if spend is None or spend.state != "reserved":
            continue
        used = min(report.used, spend.pv)
        accounts.take(ledger.settle(accounts.now[spend.program_id], spend, used, tx.now))
        known[spend.spend_id] = ended = ledger.ended(spend, used)
        over.append(ended)
        outgoing.append(report.by.causes(_over(ended)))
    await account_store.end_spends(tx, over)
    await accounts.save(tx)
    return outgoing


@handlers.on(TrafficExpiryDue)
async def expire_page_views(batch: Sequence[Received[TrafficExpiryDue]], tx: Tx) -> list[Outgoing]:
    """What was earned long ago ends, as far as nobody has spent it."""
    accounts = Accounts(await account_store.accounts(tx, (r.event.program_id for r in batch), lock=True))
    outgoing: list[Outgoing] = []
    for received in batch:
        account = accounts.now.get(received.event.program_id)
        moved = accounts.take(ledger.expire(account, tx.now)) if account else None
        if moved and moved.entries:
            pv = sum(entry.pv for entry in moved.entries)
            outgoing.append(received.causes(TrafficExpired(program_id=moved.account.program_id, pv=pv)))
    await accounts.save(tx)
    return outgoing


def _reserved(
    wanted: ReservePv, accounts: Accounts, known: Mapping[str, Spend], program: Program | None, secrets: Mapping[str, str | None],
    now: datetime,
) -> Spend | Problem:  # fmt: skip
    account, before = accounts.now.get(wanted.program_id), known.get(wanted.spend_id)
    if before is not None:
        same = (before.program_id, before.pv, before.placement) == (wanted.program_id, wanted.pv, wanted.placement)
        return (
            before
            if same
            else Problem(409, "spend_exists", f"spend {wanted.spend_id!r} is another one: use a fresh id")
        )
    if account is None:
        return Problem(
            404, "not_found", f"program {wanted.program_id!r} has no page views: nobody came by a source of it"
        )
    if refusal := why_not_promoted(program):
        return Problem(409, refusal.kind, refusal.detail)
    moved = ledger.reserve(account, wanted.pv, wanted.spend_id, now)
    if moved is None:
        detail = f"{account.available} page views are left of {wanted.program_id!r}, {wanted.pv} were asked for: ask for fewer"
        return Problem(409, "no_page_views", detail, available=account.available)
    accounts.take(moved)
    secret = secrets[wanted.program_id] or ""
    visitor = visits.pseudonym(wanted.viewer_id, secret) if wanted.viewer_id else None
    return Spend(
        wanted.spend_id,
        wanted.program_id,
        wanted.placement,
        visitor,
        visits.day_of(now),
        wanted.pv,
        0,
        "reserved",
        moved.taken,
    )


def _settled(wanted: SettlePv, spend: Spend | None, accounts: Accounts, now: datetime) -> Spend | Problem:
    if spend and spend.promotion_id:
        detail = (
            f"spend {spend.spend_id!r} is of promotion {spend.promotion_id!r}: the feed settles it; end the promotion"
        )
        return Problem(409, "of_a_promotion", detail)
    if spend is None:
        return Problem(404, "not_found", f"there is no spend {wanted.spend_id!r}: reserve page views first")
    used = spend.pv if wanted.used is None else wanted.used
    if used > spend.pv:
        detail = f"used is {used}, and {spend.pv} page views are held: reserve more under another id"
        return Problem(422, "too_many", detail, errors=[{"pointer": "/body/used", "detail": detail}])
    over = ledger.ended(spend, used)
    if spend.state != "reserved":
        detail = f"spend {spend.spend_id!r} is {spend.state} with {spend.used} used: it was settled, or nobody reported in time"
        return spend if over == spend else Problem(409, "wrong_state", detail)
    accounts.take(ledger.settle(accounts.now[spend.program_id], spend, used, now))
    return over


def _held(asked: Asked[ReservePv], spend: Spend, now: datetime) -> list[Outgoing]:
    names = {"program_id": spend.program_id, "spend_id": spend.spend_id}
    return [
        asked.causes(TrafficReserved(**names, placement=spend.placement, pv=spend.pv)),
        Outgoing(TrafficSpendLapsed(**names), asked.cause, now + HELD),
    ]


def _over(spend: Spend) -> TrafficSettled:
    return TrafficSettled(program_id=spend.program_id, spend_id=spend.spend_id, used=spend.used)


def _spent(
    asked: Asked[ReservePv] | Asked[SettlePv], spend: Spend, accounts: Accounts, events: Sequence[Outgoing], verb: str
) -> Answer:
    view = spend_view(spend, accounts.now[spend.program_id].available)
    record = [Change(f"traffic.{verb}", f"spend:{spend.spend_id}", after={"state": spend.state})]
    return Answer(view, events, record if asked.who.is_staff else (), changed=bool(events))
