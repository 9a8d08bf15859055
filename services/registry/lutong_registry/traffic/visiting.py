"""Visitors whom merchants brought themselves: judged, counted once a day and source, and rewarded; in batches."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts.traffic import TrafficExpiryDue, TrafficGranted
from lutong_registry.traffic.accounts import Accounts
from lutong_registry.traffic.bodies import ReportView
from lutong_registry.traffic.domain import ledger, visits
from lutong_registry.traffic.domain.ledger import Lot
from lutong_registry.traffic.domain.visits import Rule, Source, Unique, Visit
from lutong_registry.traffic.store import accounts as account_store
from lutong_registry.traffic.store import visits as visit_store

handlers = Handlers()


class Reported(NamedTuple):
    """A visit as a client reports it: `visitor_id` is theirs, `source` the code that they came by."""

    visitor_id: str
    source: str
    at: datetime
    dwell_s: int
    spend_id: str | None


class ReportVisits(NamedTuple):
    """Visits, reported together."""

    visits: tuple[Reported, ...]


class Judged(NamedTuple):
    """A visit that is taken, or why it is not: a pointer below it, a word and a sentence."""

    visit: Visit | None
    pointer: str = ""
    reason: str = ""
    detail: str = ""


@handlers.on(ReportVisits)
async def report_visits(batch: Sequence[Asked[ReportVisits]], tx: Tx) -> list[Answer | Problem]:
    """Visitors came by themselves: each counts once a day and source, and earns its program page views. Bad ones are reported, the rest taken."""
    reported = [each for asked in batch for each in asked.command.visits]
    sources = await visit_store.sources(tx, (visits.source_named(each.source) for each in reported))
    programs = [source.program_id for source in sources.values()]
    staff = await visit_store.own_staff(tx, (each.visitor_id for each in reported))
    merchants = await visit_store.merchants(tx, programs)
    judged = [[_visit(each, sources, staff, merchants, tx.now) for each in asked.command.visits] for asked in batch]
    accounts = Accounts(await account_store.accounts(tx, programs, lock=True))
    taken = [each.visit for one in judged for each in one if each.visit]
    rules = await visit_store.rules(tx)
    uniques = visits.judge(taken, rules, await visit_store.seen(tx, taken))
    await visit_store.save(tx, list(uniques.values()))
    _grant(tx, batch[-1].cause, accounts, uniques.values(), rules)
    await accounts.save(tx)
    return [_answered(asked, one) for asked, one in zip(batch, judged, strict=True)]


def _visit(
    each: Reported, sources: Mapping[str, Source], staff: Mapping[str, str], merchants: Mapping[str, str], now: datetime
) -> Judged:
    source = sources.get(visits.source_named(each.source))
    if source is None or not visits.is_signed(each.source, source):
        detail = "source is no code of ours: take it from the QR code or link as it is, or make the source anew"
        return Judged(None, "source", "forged_source", detail)
    if why := visits.why_not_in_time(each.at, now):
        return Judged(None, "at", "not_in_time", f"at {why}")
    own = each.visitor_id in staff and staff[each.visitor_id] == merchants.get(source.program_id)
    visitor = visits.pseudonym(each.visitor_id, source.secret)
    return Judged(
        Visit(
            source.program_id,
            visits.day_of(each.at),
            visitor,
            source.source_id,
            each.dwell_s,
            each.spend_id is not None,
            own,
        )
    )


def _grant(tx: Tx, cause: Cause, accounts: Accounts, uniques: Iterable[Unique], rules: Sequence[Rule]) -> None:
    """Page views for those who earned, together by program, day and rule; and an end for each day that is new."""
    for (program_id, day, rule_id), those in visits.earned(uniques).items():
        account, pv = accounts.now[program_id], sum(each.pv for each in those)
        is_new = all(lot[1:3] != (day, rule_id) for lot in account.lots)
        ends = visits.expires_at(visits.rule_of(rules, day), day)
        accounts.take(ledger.grant(account, Lot(ends, day, rule_id, pv), f"day:{day}"))
        granted = TrafficGranted(program_id=program_id, day=day, rule_id=rule_id, visitors=len(those), pv=pv)
        tx.publish(granted, cause=cause)
        if is_new:
            tx.publish(TrafficExpiryDue(program_id=program_id, day=day), cause=cause, due_at=ends)


def _answered(asked: Asked[ReportVisits], judged: Sequence[Judged]) -> Answer:
    refused = [
        {"pointer": f"/body/visits/{place}/{each.pointer}", "reason": each.reason, "detail": each.detail}
        for place, each in enumerate(judged)
        if each.visit is None
    ]
    taken = len(judged) - len(refused)
    record = [Change("traffic.report", "visits:batch", after={"visits": taken})] if asked.who.is_staff else []
    return Answer(ReportView(taken=taken, refused=refused), record=record)
