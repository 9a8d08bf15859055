"""What requests are decided on, what was decided, and how holds end. The first ending wins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_contracts.feed import ServiceRequested
from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.agreement import Agreement
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store.agreements import (
    AGREEMENT,
    JOINS,
    PINNED,
    Signing,
    as_pinned,
    blockers,
    live_agreements,
)
from lutong_membership.coupons.store import lock_coupons
from lutong_membership.grants.store import granted
from lutong_membership.holds.domain.holds import Hold, HoldState, before
from lutong_membership.holds.domain.joining import RequestContext, ValidAssessment
from lutong_membership.holds.store.assessments import limits, lock_applicants, standing
from lutong_membership.ledger.domain.entries import Line, LineKey
from lutong_membership.ledger.store.lines import lock_lines
from lutong_membership.plans.domain.newcomers import Newcomer
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.plans.store.plans import draw_arms, open_plans

_FIELDS: Final = tuple(Hold.__dataclass_fields__)
_HOLD: Final = ", ".join(f"hold.{name} AS hold_{name}" for name in _FIELDS)


async def members_of(tx: Tx, viewer_ids: Iterable[str]) -> dict[str, str]:
    """The members that viewers order as, of those that are bound; the bindings stay until commit."""
    rows = await tx.fetch(
        """
        SELECT viewer_id, member_id
          FROM binding
         WHERE viewer_id = ANY ($1) AND binding_id IS NOT NULL AND consented_at IS NOT NULL
         ORDER BY viewer_id
           FOR SHARE
        """,
        sorted(set(viewer_ids)),
    )
    return {row["viewer_id"]: row["member_id"] for row in rows}


async def open_context(tx: Tx, requests: Sequence[ServiceRequested]) -> RequestContext:
    """Everything a batch of requests is decided on; members are locked. Seven statements, more only for newcomers and coupons."""
    members = sorted({request.viewer_id for request in requests})
    applicants = await lock_applicants(tx, members)
    plans = await open_plans(tx, {request.merchant_id for request in requests})
    agreements = await live_agreements(tx, members)
    lines = await lock_lines(tx, members)
    known = await tx.fetch(
        "SELECT order_id, state FROM hold WHERE order_id = ANY ($1)", sorted({r.order_id for r in requests})
    )
    named = sorted({request.coupon_id for request in requests if request.coupon_id})
    context = RequestContext(
        plans=plans,
        applicants=frozenset(applicants),
        agreements=agreements,
        lines=lines,
        coupons=await lock_coupons(tx, named) if named else {},
        granted=await granted(
            tx, (key for request in requests for key in (request.program_id, request.offers_of) if key)
        ),
        answered={row["order_id"] for row in known if row["state"] != "cancelled"},
        cancelled=frozenset(row["order_id"] for row in known if row["state"] == "cancelled"),
    )
    joining = {
        Newcomer(request.viewer_id, plans[request.merchant_id])
        for request in requests
        if request.merchant_id in plans and request.viewer_id in applicants
    }
    live = [pinned.agreement for pinned in agreements.values()]
    offered = {agreement.agreement_id: agreement.member_id for agreement in live if agreement.state == "preordered"}
    if offered:
        for key, limit_minor in (await limits(tx, offered)).items():
            context.standing[offered[key]] = ValidAssessment(limit_minor, key)
    return await with_newcomers(tx, context, [each for each in joining if each.key not in agreements])


async def with_newcomers(tx: Tx, context: RequestContext, joining: Sequence[Newcomer]) -> RequestContext:
    """The context with what is known of members who have no agreement on a plan yet."""
    if not joining:
        return context
    context.standing.update(await standing(tx, sorted({each.member_id for each in joining})))
    wanted = [Signing(member, plan.plan_id, plan.terms.sign_interval_days) for member, plan in joining]
    context.blockers.update(await blockers(tx, wanted))
    drawn = [each for each in joining if each.plan.terms.holdout_percent]
    if drawn:
        context.holdouts.update(await draw_arms(tx, drawn))
    return context


async def save_holds(tx: Tx, holds: Sequence[Hold]) -> None:
    """Write what is held, or that nothing is. What was answered before stays so."""
    if not holds:
        return
    rows = [tuple(getattr(hold, name) for name in _FIELDS) for hold in sorted(holds, key=lambda hold: hold.order_id)]
    await tx.execute(
        """
        INSERT INTO hold (order_id, member_id, merchant_id, currency, state, reason, agreement_id, amount_minor,
                          total_minor, discount_minor, coupon_minor, benefit_minor, coupon_id, captured_minor, expires_at,
                          touch)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                      $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[],
                      $15::timestamptz[], $16::text[])
            ON CONFLICT (order_id) DO UPDATE
           SET state = excluded.state, reason = excluded.reason, agreement_id = excluded.agreement_id,
               amount_minor = excluded.amount_minor, total_minor = excluded.total_minor,
               discount_minor = excluded.discount_minor, coupon_minor = excluded.coupon_minor,
               benefit_minor = excluded.benefit_minor, coupon_id = excluded.coupon_id, placed_at = now(),
               expires_at = excluded.expires_at, touch = excluded.touch
         WHERE hold.state = 'waiting'
        """,
        *columns(rows, 16),
    )


class HoldEnding(NamedTuple):
    """How the hold of an order is to end: what of it is captured, in minor units, or why nothing is."""

    order_id: str
    captured_minor: int = 0
    reason: str | None = None


class Tombstone(NamedTuple):
    """An order that ended before credit was held for it."""

    order_id: str
    member_id: str
    merchant_id: str


class PlacedHold(NamedTuple):
    """A hold, when it was placed, and when it ended."""

    hold: Hold
    placed_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndedHold:
    """A hold as it was before it ended, or a part of its order came, with its agreement and the plan that was signed."""

    hold: Hold
    agreement: Agreement
    plan: Plan


@dataclass(frozen=True, slots=True)
class EndedHolds:
    """Holds that ended, and the locked lines of their members."""

    ended: list[EndedHold]
    lines: dict[LineKey, Line]


async def end_holds(tx: Tx, endings: Sequence[HoldEnding], state: HoldState) -> EndedHolds:
    """End those of these holds that may come to this state. Three statements."""
    from_states = before(state)
    in_key_order = sorted(endings, key=lambda ending: ending.order_id)
    order_ids = [ending.order_id for ending in in_key_order]
    found = await tx.fetch(
        "SELECT member_id FROM hold WHERE order_id = ANY ($1) AND state = ANY ($2)", order_ids, from_states
    )
    lines = await lock_lines(tx, {row["member_id"] for row in found})
    rows = await tx.fetch(
        f"""
        WITH open AS (
            SELECT {", ".join(_FIELDS)}
              FROM hold
             WHERE order_id = ANY ($1) AND state = ANY ($5)
             ORDER BY order_id
               FOR NO KEY UPDATE
        ), ended AS (
            UPDATE hold
               SET state = $4, reason = given.reason, ended_at = now(),
                   captured_minor = greatest(hold.captured_minor, least(given.captured_minor, hold.amount_minor)),
                   in_parts = hold.in_parts AND $4 = 'expired'
              FROM open JOIN unnest($1::text[], $2::bigint[], $3::text[]) AS given(order_id, captured_minor, reason)
                   USING (order_id)
             WHERE hold.order_id = open.order_id
        )
        SELECT {_HOLD}, {AGREEMENT}, {PINNED}
          FROM open AS hold JOIN agreement USING (agreement_id) {JOINS}
         ORDER BY hold.order_id
        """,  # all parts see the same snapshot: what is selected is what was there before
        *columns(in_key_order, 3),
        state,
        from_states,
    )
    return EndedHolds([EndedHold(_as_hold(row), *as_pinned(row)) for row in rows], lines)


def _as_hold(row: asyncpg.Record) -> Hold:
    return Hold(**{name: row[f"hold_{name}"] for name in _FIELDS})


async def open_holds(tx: Tx, order_ids: Sequence[str]) -> EndedHolds:
    """Holds of orders of which something may still be captured, locked, and the locked lines of their members."""
    wanted, states = sorted(set(order_ids)), before("captured")
    found = await tx.fetch("SELECT member_id FROM hold WHERE order_id = ANY ($1) AND state = ANY ($2)", wanted, states)
    lines = await lock_lines(tx, {row["member_id"] for row in found})
    rows = await tx.fetch(
        f"""
        SELECT {_HOLD}, {AGREEMENT}, {PINNED}
          FROM hold JOIN agreement USING (agreement_id) {JOINS}
         WHERE order_id = ANY ($1) AND hold.state = ANY ($2)
         ORDER BY order_id
           FOR NO KEY UPDATE OF hold
        """,
        wanted,
        states,
    )
    return EndedHolds([EndedHold(_as_hold(row), *as_pinned(row)) for row in rows], lines)


async def keep_captured(tx: Tx, holds: Sequence[Hold]) -> None:
    """Write what of locked holds is captured so far; the rest stays as it is."""
    if not holds:
        return
    await tx.execute(
        """
        UPDATE hold
           SET captured_minor = given.captured_minor, in_parts = true
          FROM unnest($1::text[], $2::bigint[]) AS given(order_id, captured_minor)
         WHERE hold.order_id = given.order_id
        """,
        *columns(sorted((hold.order_id, hold.captured_minor) for hold in holds), 2),
    )


async def drop_coupons(tx: Tx, order_ids: Sequence[str]) -> None:
    """Holds have no coupon any more: their members have it back."""
    if order_ids:
        await tx.execute("UPDATE hold SET coupon_id = NULL WHERE order_id = ANY ($1)", list(order_ids))


async def leave_tombstones(tx: Tx, orders: Sequence[Tombstone]) -> None:
    """Remember orders that ended before credit was held for them: their requests are declined when they come."""
    await tx.execute(
        """
        INSERT INTO hold (order_id, member_id, merchant_id, amount_minor, currency, state, reason, ended_at)
        SELECT order_id, member_id, merchant_id, 0, 'XXX', 'cancelled', 'order_cancelled', now()
          FROM unnest($1::text[], $2::text[], $3::text[]) AS given(order_id, member_id, merchant_id)
            ON CONFLICT (order_id) DO UPDATE
           SET state = excluded.state, reason = excluded.reason, ended_at = excluded.ended_at
         WHERE hold.state = 'waiting'
        """,
        *columns(sorted(orders), 3),
    )


async def hold(tx: Reads, order_id: str) -> PlacedHold | None:
    """What is, or was, held for an order."""
    row = await tx.fetchrow(f"SELECT {_HOLD}, placed_at, ended_at FROM hold WHERE order_id = $1", order_id)
    return PlacedHold(_as_hold(row), row["placed_at"], row["ended_at"]) if row else None


async def work_of(tx: Tx, endings: EndedHolds, *, deducts: bool) -> UnitOfWork:
    """Accounts for holds that ended. Of a running agreement nothing but itself is needed: what comes is only added."""
    running = {
        ended.agreement.agreement_id: Account(
            ended.agreement,
            ended.plan,
            endings.lines[LineKey(ended.hold.member_id, ended.plan.currency)],
            deducts=deducts,
        )
        for ended in endings.ended
        if ended.agreement.state == "active"
    }
    ended_ones = {e.agreement.agreement_id for e in endings.ended} - running.keys()
    if not ended_ones:
        return UnitOfWork(running, endings.lines)
    work = await account_store.open_work(tx, ended_ones, deducts=deducts, lines=endings.lines)
    return UnitOfWork(running | work.accounts, endings.lines)
