"""What requests are decided on, what was decided, and how holds end."""

from collections.abc import Iterable, Sequence

import asyncpg

from lutong_chassis import Tx, columns
from lutong_contracts.feed import ServiceRequested
from lutong_membership.domain import Agreement, Applicant, Assessment, Books, Decision, Plan
from lutong_membership.store.lines import lock_lines, move_lines, open_lines


async def open_books(tx: Tx, requests: Sequence[ServiceRequested]) -> Books:
    """Everything a batch of requests is decided on; members are locked."""
    members = sorted({request.viewer_id for request in requests})
    applicants = await lock_applicants(tx, members)
    plans = await open_plans(tx, {request.merchant_id for request in requests})
    agreements = await active_agreements(tx, members)
    lines = await lock_lines(tx, members)
    holds = await tx.fetch(
        "SELECT order_id, state FROM hold WHERE order_id = ANY ($1)", sorted({r.order_id for r in requests})
    )
    return Books(
        plans={plan.merchant_id: plan for plan in plans},
        applicants={applicant.member_id: applicant for applicant in applicants},
        agreements={(agreement.member_id, agreement.plan_id): agreement for agreement in agreements},
        lines={(line.member_id, line.currency): line for line in lines},
        answered=frozenset(row["order_id"] for row in holds if row["state"] != "cancelled"),
        cancelled=frozenset(row["order_id"] for row in holds if row["state"] == "cancelled"),
    )


async def lock_applicants(tx: Tx, members: Sequence[str]) -> list[Applicant]:
    """Applicants, locked: nobody else decides about these members until commit."""
    rows = await tx.fetch(
        "SELECT * FROM applicant WHERE member_id = ANY ($1) ORDER BY member_id FOR NO KEY UPDATE", members
    )
    return [Applicant(**dict(row)) for row in rows]


async def open_plans(tx: Tx, merchants: Iterable[str]) -> list[Plan]:
    """The open plan of each merchant."""
    rows = await tx.fetch(
        """
        SELECT plan_id, merchant_id, currency, line_limit_minor
          FROM plan
         WHERE open AND merchant_id = ANY ($1)
        """,
        sorted(merchants),
    )
    return [Plan(**dict(row)) for row in rows]


async def active_agreements(tx: Tx, members: Sequence[str]) -> list[Agreement]:
    """Active agreements of members."""
    rows = await tx.fetch(
        """
        SELECT agreement_id, member_id, plan_id, state
          FROM agreement
         WHERE state = 'active' AND member_id = ANY ($1)
        """,
        members,
    )
    return [Agreement(**dict(row)) for row in rows]


async def save_decisions(tx: Tx, decisions: Sequence[Decision]) -> None:
    """Write what was decided: agreements and assessments, lines that were opened, and what is held."""
    decided = [(item.agreement, item.assessment) for item in decisions if item.agreement and item.assessment]
    if decided:
        await _save_agreements(tx, decided)
    opened = [item.line_after for item in decisions if item.line_after and not item.line_before]
    if opened:
        await open_lines(tx, opened)
    await move_lines(
        tx,
        [(d.line_after, d.request.total.amount_minor, 0) for d in decisions if d.hold_state == "held" and d.line_after],
    )
    await tx.execute(
        """
        INSERT INTO hold (order_id, member_id, merchant_id, amount_minor, currency, state, reason)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
            ON CONFLICT (order_id) DO NOTHING
        """,
        *columns([_hold_row(decision) for decision in decisions], 7),
    )


def _hold_row(decision: Decision) -> tuple[object, ...]:
    request = decision.request
    held = decision.hold_state == "held"
    return (
        request.order_id,
        request.viewer_id,
        request.merchant_id,
        request.total.amount_minor if held else 0,
        request.total.currency,
        decision.hold_state,
        None if held else getattr(decision.events[-1], "reason", None),
    )


async def _save_agreements(tx: Tx, decided: Sequence[tuple[Agreement, Assessment]]) -> None:
    await tx.execute(
        """
        INSERT INTO agreement (agreement_id, member_id, plan_id, state)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        """,
        *columns([(a.agreement_id, a.member_id, a.plan_id, a.state) for a, _ in decided], 4),
    )
    await tx.execute(
        """
        INSERT INTO assessment (agreement_id, member_id, points, limit_minor, reasons, provider)
        SELECT agreement_id, member_id, points, limit_minor, string_to_array(reasons, ',', ''), provider
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::text[])
               AS given(agreement_id, member_id, points, limit_minor, reasons, provider)
        """,
        *columns(
            [
                (a.agreement_id, a.member_id, v.points, v.limit_minor, ",".join(v.reasons), v.provider)
                for a, v in decided
            ],
            6,
        ),
    )


async def end_holds(tx: Tx, endings: Sequence[tuple[str, str, str | None]]) -> list[asyncpg.Record]:
    """End holds, given as (order, state, reason); gives those that were held until now. The first ending wins."""
    locked = await tx.fetch(
        """
        SELECT order_id, member_id
          FROM hold
         WHERE order_id = ANY ($1) AND state = 'held'
        """,
        [order_id for order_id, _, _ in endings],
    )
    await lock_lines(tx, sorted({row["member_id"] for row in locked}))
    return await tx.fetch(
        """
        UPDATE hold
           SET state = ending.state, reason = ending.reason, ended_at = now()
          FROM unnest($1::text[], $2::text[], $3::text[]) AS ending(order_id, state, reason)
         WHERE hold.order_id = ending.order_id AND hold.state = 'held'
        RETURNING hold.order_id, member_id, merchant_id, amount_minor, currency, hold.state, hold.reason
        """,
        *columns(sorted(endings), 3),
    )


async def leave_tombstones(tx: Tx, orders: Sequence[tuple[str, str, str]]) -> None:
    """Remember orders, given as (order, member, merchant), that ended before credit was asked for."""
    await tx.execute(
        """
        INSERT INTO hold (order_id, member_id, merchant_id, amount_minor, currency, state, reason, ended_at)
        SELECT order_id, member_id, merchant_id, 0, 'XXX', 'cancelled', 'order_cancelled', now()
          FROM unnest($1::text[], $2::text[], $3::text[]) AS given(order_id, member_id, merchant_id)
            ON CONFLICT (order_id) DO NOTHING
        """,
        *columns(sorted(orders), 3),
    )
