"""What merchants ask of their traffic, clients report of visits, slots ask of page views, and operators decide."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Query, Response

from lutong_chassis import Ask, Problem, Read, Reads, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.traffic import TrafficReversed
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.programs import store as program_store
from lutong_registry.traffic.accounts import Accounts
from lutong_registry.traffic.bodies import (
    BalanceView,
    DayView,
    EntryView,
    NewRule,
    NewSource,
    NewSpend,
    ReportView,
    Reversal,
    RuleView,
    Settlement,
    SourceView,
    SpendView,
    TrafficView,
    Visits,
)
from lutong_registry.traffic.domain import forecast, ledger, visits
from lutong_registry.traffic.domain.ledger import Account
from lutong_registry.traffic.spending import ReservePv, SettlePv
from lutong_registry.traffic.store import accounts as account_store
from lutong_registry.traffic.store import visits as visit_store
from lutong_registry.traffic.visiting import Reported, ReportVisits

_DAYS_SHOWN: Final = timedelta(days=30)
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.put("/v1/traffic-sources/{source_id}")
@allowed("merchant", "operator")
@audited("traffic_source.put", own="merchant", shows=("kind",))
async def put_traffic_source(source_id: Identifier, body: NewSource, who: Who, tx: TxDependency) -> SourceView:
    """Make a source of visitors, or change it; the answer has the code for its QR code or link. The code stays the same."""
    await _program(tx, who, body.program_id)
    await account_store.open_account(tx, body.program_id)
    row = visit_store.SourceRow(source_id, body.program_id, body.kind, body.location_id)
    if not await visit_store.save_source(tx, row):
        raise Problem(409, "source_exists", f"source {source_id!r} is another program's: use another id")
    if who.is_staff:
        await audit.record(
            tx, who, audit.Change("traffic_source.put", f"traffic_source:{source_id}", after={"kind": body.kind})
        )
    return await _source_view(tx, row)


@router.get("/v1/programs/{program_id}/traffic-sources")
@allowed("merchant", "viewer")
async def list_traffic_sources(program_id: Identifier, who: Who, read: Read) -> list[SourceView]:
    """The sources of a program, with their codes."""
    await _program(read, who, program_id)
    return [await _source_view(read, row) for row in await visit_store.sources_of(read, program_id)]


@router.post("/v1/visits/batch", status_code=202, response_model=ReportView)
@allowed("member", "operator")
@audited("traffic.report", own="member", shows=("visits",))
async def report_visits(body: Visits, who: Who, ask: Ask) -> Response:
    """Report visits, 500 at once. A forged source or a wrong time is answered with its pointer, and the rest is taken."""
    for each in body.visits:
        who.require(member=each.visitor_id, hide=("account", each.visitor_id))
    return await ask(
        ReportVisits(tuple(Reported(v.visitor_id, v.source, v.at, v.dwell_s, v.spend_id) for v in body.visits))
    )


@router.get("/v1/programs/{program_id}/traffic")
@allowed("merchant", "viewer")
async def get_traffic(program_id: Identifier, who: Who, tx: TxDependency) -> TrafficView:
    """What a program has in page views, who came in the last 30 days and what they earned, and what may be expected."""
    await _program(tx, who, program_id)
    account = await _account(tx, program_id)
    lately = await account_store.moved_lately(tx, program_id)
    days = await visit_store.of_days(tx, program_id, visits.day_of(tx.now - _DAYS_SHOWN))
    return TrafficView(
        balance=_balance(account),
        days=[DayView(**each._asdict()) for each in days],
        forecast=forecast.of(account, lately, tx.now)._asdict(),
    )


@router.get("/v1/programs/{program_id}/traffic/entries")
@allowed("merchant", "viewer")
async def list_traffic_entries(
    program_id: Identifier,
    who: Who,
    read: Read,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Limit = 100,
) -> list[EntryView]:
    """The ledger of a program's page views, in order."""
    await _program(read, who, program_id)
    return [EntryView(**each._asdict()) for each in await account_store.entries(read, program_id, after, limit)]


@router.put("/v1/traffic-spends/{spend_id}", status_code=202, response_model=SpendView)
@allowed("operator")
@audited("traffic.reserve")
async def reserve_page_views(spend_id: Identifier, body: NewSpend, ask: Ask) -> Response:
    """Hold page views of a program for a slot, for five minutes; the same spend again holds nothing more."""
    return await ask(ReservePv(body.program_id, spend_id, body.placement, body.pv, body.viewer_id))


@router.post("/v1/traffic-spends/{spend_id}/settlement", response_model=SpendView)
@allowed("operator")
@audited("traffic.settle")
async def settle_page_views(spend_id: Identifier, body: Settlement, ask: Ask) -> Response:
    """Report how many page views of a spend were shown; 0 releases it. Once; the same again is answered again."""
    return await ask(SettlePv(spend_id, body.used))


@router.post("/v1/programs/{program_id}/traffic/reversals")
@allowed("operator")
@audited("traffic.reverse", shows=("day", "pv", "debt"))
async def reverse_traffic(program_id: Identifier, body: Reversal, who: Who, tx: TxDependency) -> BalanceView:
    """Take back what visitors of a day earned, of one source or of all. What was spent already is a debt, which the next grants pay."""
    accounts = Accounts(await account_store.accounts(tx, [program_id], lock=True))
    account = accounts.now.get(program_id) or not_found("program with traffic", program_id)
    pv = await visit_store.reverse(tx, program_id, body.day, body.source_id)
    after = accounts.take(ledger.reverse(account, body.day, pv, f"day:{body.day}")).account
    await accounts.save(tx)
    if pv:
        tx.publish(TrafficReversed(program_id=program_id, day=body.day, pv=pv, debt=after.debt, reason=body.reason))
    shown = {"day": str(body.day), "pv": pv, "debt": after.debt}
    await audit.record(tx, who, audit.Change("traffic.reverse", f"program:{program_id}", body.reason, after=shown))
    return _balance(after)


@router.post("/v1/traffic-rules", status_code=201)
@allowed("operator")
@audited("traffic_rule.set", shows=("effective_from", "pv_per_uv", "valid_days"), reasoned=True)
async def set_traffic_rule(body: NewRule, who: Who, tx: TxDependency) -> RuleView:
    """Set what visits earn from a day on, in Asia/Shanghai: a day has one rule."""
    if body.effective_from <= visits.day_of(tx.now):
        detail = "effective_from has begun: a rule is for days to come, choose tomorrow or later"
        raise Problem(422, "in_the_past", detail, errors=[{"pointer": "/body/effective_from", "detail": detail}])
    rule = await visit_store.add_rule(tx, visit_store.NewRule(**body.model_dump()))
    shown = {"effective_from": str(rule.effective_from), "pv_per_uv": rule.pv_per_uv, "valid_days": rule.valid_days}
    await audit.record(tx, who, audit.Change("traffic_rule.set", f"traffic_rule:{rule.rule_id}", after=shown))
    return RuleView(**rule._asdict())


@router.get("/v1/traffic-rules")
@allowed("anybody")
async def list_traffic_rules(read: Read) -> list[RuleView]:
    """What visits earn: before, now and later."""
    return [RuleView(**each._asdict()) for each in await visit_store.rules(read)]


async def _program(tx: Reads, who: Who, program_id: str) -> None:
    program = (await program_store.read_programs(tx, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    who.require(merchant=program.merchant_id, hide=("program", program_id))


async def _account(tx: Tx, program_id: str) -> Account:
    return (await account_store.accounts(tx, [program_id])).get(program_id) or Account(program_id)


async def _source_view(tx: Reads, row: visit_store.SourceRow) -> SourceView:
    secret = await account_store.secret(tx, row.program_id) or ""
    return SourceView(**row._asdict(), code=visits.signed(row.source_id, secret))


def _balance(account: Account) -> BalanceView:
    return BalanceView(**{name: getattr(account, name) for name in BalanceView.model_fields})
