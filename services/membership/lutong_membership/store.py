"""Every SQL statement of membership: sets of keys in, sets of rows out. Rows are locked in key order."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from lutong_chassis import Tx, columns
from lutong_contracts.feed import ServiceRequested
from lutong_membership.domain import Agreement, Applicant, Assessment, Books, Decision, Entry, Line, Plan


class OverLimitError(RuntimeError):
    """A movement was decided that the line does not allow: a bug, caught before it costs anybody money."""


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


async def lock_lines(tx: Tx, members: Sequence[str]) -> list[Line]:
    """Credit lines of members, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT member_id, currency, limit_minor, held_minor, owed_minor
          FROM credit_line
         WHERE member_id = ANY ($1)
         ORDER BY member_id, currency
           FOR NO KEY UPDATE
        """,
        members,
    )
    return [Line(**dict(row)) for row in rows]


async def read_lines(tx: Tx, member_id: str) -> list[Line]:
    """A member's credit lines, for looking at."""
    rows = await tx.fetch(
        """
        SELECT member_id, currency, limit_minor, held_minor, owed_minor
          FROM credit_line
         WHERE member_id = $1
         ORDER BY currency
        """,
        member_id,
    )
    return [Line(**dict(row)) for row in rows]


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


async def open_lines(tx: Tx, lines: Sequence[Line]) -> None:
    """Open lines with nothing held or owed yet."""
    await tx.execute(
        """
        INSERT INTO credit_line (member_id, currency, limit_minor)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        """,
        *columns([(line.member_id, line.currency, line.limit_minor) for line in lines], 3),
    )


async def move_lines(tx: Tx, moves: Sequence[tuple[Line, int, int]]) -> None:
    """Add to held and owed, given as (line, held delta, owed delta); never beyond a limit, never below zero."""
    if not moves:
        return
    touched = {(line.member_id, line.currency) for line, _, _ in moves}
    tag = await tx.execute(
        """
        UPDATE credit_line AS line
           SET held_minor = held_minor + held_delta, owed_minor = owed_minor + owed_delta
          FROM (SELECT member_id, currency, sum(held)::bigint AS held_delta, sum(owed)::bigint AS owed_delta
                  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS moved(member_id, currency, held, owed)
                 GROUP BY member_id, currency) AS moved
         WHERE line.member_id = moved.member_id AND line.currency = moved.currency
           AND held_minor + held_delta >= 0 AND owed_minor + owed_delta >= 0
           AND held_minor + held_delta + owed_minor + owed_delta <= limit_minor
        """,
        *columns([(line.member_id, line.currency, held, owed) for line, held, owed in moves], 4),
    )
    if tag != f"UPDATE {len(touched)}":
        raise OverLimitError


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


async def write_entries(tx: Tx, entries: Sequence[Entry]) -> None:
    """Append balanced entries to the ledger."""
    if not entries:
        return
    ids = await tx.fetch(
        """
        INSERT INTO entry (kind, member_id, order_id, currency)
        SELECT kind, member_id, order_id, currency
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
               WITH ORDINALITY AS given(kind, member_id, order_id, currency, place)
         ORDER BY place
        RETURNING entry_id
        """,
        *columns([(entry.kind, entry.member_id, entry.order_id, entry.currency) for entry in entries], 4),
    )
    legs = [
        (row["entry_id"], account, amount)
        for row, entry in zip(ids, entries, strict=True)
        for account, amount in entry.postings
    ]
    await tx.execute(
        """
        INSERT INTO posting (entry_id, account, amount_minor)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
        """,
        *columns(legs, 3),
    )


async def save_plan(tx: Tx, plan: Plan, title: str) -> None:
    """Create or change a plan; it becomes the merchant's open one."""
    await tx.execute(
        "UPDATE plan SET open = false WHERE merchant_id = $1 AND plan_id <> $2", plan.merchant_id, plan.plan_id
    )
    await tx.execute(
        """
        INSERT INTO plan (plan_id, merchant_id, title, currency, line_limit_minor)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (plan_id) DO UPDATE
           SET title = excluded.title, line_limit_minor = excluded.line_limit_minor, open = true
        """,
        plan.plan_id,
        plan.merchant_id,
        title,
        plan.currency,
        plan.line_limit_minor,
    )


async def plan(tx: Tx, plan_id: str) -> asyncpg.Record | None:
    """A plan by its id."""
    return await tx.fetchrow("SELECT * FROM plan WHERE plan_id = $1", plan_id)


async def save_applicants(tx: Tx, applicants: Sequence[Applicant]) -> None:
    """Create or replace what is known of members."""
    rows = [
        (
            a.member_id,
            a.months_known,
            a.late_months,
            a.worst_delay_months,
            a.utilisation_percent,
            a.declared_limit_minor,
        )
        for _, a in sorted({applicant.member_id: applicant for applicant in applicants}.items())
    ]
    await tx.execute(
        """
        INSERT INTO applicant
        SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[])
            ON CONFLICT (member_id) DO UPDATE
           SET months_known = excluded.months_known, late_months = excluded.late_months,
               worst_delay_months = excluded.worst_delay_months, utilisation_percent = excluded.utilisation_percent,
               declared_limit_minor = excluded.declared_limit_minor
        """,
        *columns(rows, 6),
    )


async def save_limit(tx: Tx, line: Line, limit_minor: int) -> None:
    """Set a line's limit; the caller has decided that it covers what is held and owed."""
    await tx.execute(
        "UPDATE credit_line SET limit_minor = $3 WHERE member_id = $1 AND currency = $2",
        line.member_id,
        line.currency,
        limit_minor,
    )


async def agreements_of(tx: Tx, member_id: str) -> list[asyncpg.Record]:
    """A member's agreements with the reasons they were decided on. Never the points."""
    return await tx.fetch(
        """
        SELECT agreement_id, plan_id, merchant_id, state, decided_at, reasons
          FROM agreement JOIN plan USING (plan_id) JOIN assessment USING (agreement_id)
         WHERE agreement.member_id = $1
         ORDER BY decided_at, agreement_id
        """,
        member_id,
    )


async def hold(tx: Tx, order_id: str) -> asyncpg.Record | None:
    """What is, or was, held for an order."""
    return await tx.fetchrow("SELECT * FROM hold WHERE order_id = $1", order_id)


async def ledger_of(tx: Tx, member_id: str, after_entry: int, limit: int) -> list[asyncpg.Record]:
    """A member's entries after a given one, with their legs."""
    return await tx.fetch(
        """
        SELECT entry_id, kind, order_id, currency, at,
               (SELECT json_object_agg(account, amount_minor ORDER BY account) FROM posting
                 WHERE posting.entry_id = entry.entry_id)::text AS postings
          FROM entry
         WHERE member_id = $1 AND entry_id > $2
         ORDER BY entry_id
         LIMIT $3
        """,
        member_id,
        after_entry,
        limit,
    )


async def summary(tx: Tx) -> dict[str, Any]:
    """Counts and balances; `unbalanced_entries` and `lines_off_ledger` must be 0."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM hold GROUP BY state) AS h)::text
                   AS holds,
               (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM agreement GROUP BY state) AS a)
                   ::text AS agreements,
               (SELECT count(*) FROM entry) AS entries,
               (SELECT count(*)
                  FROM entry LEFT JOIN (SELECT entry_id, sum(amount_minor) AS total, count(*) AS legs
                                          FROM posting GROUP BY entry_id) AS folded USING (entry_id)
                 WHERE total IS DISTINCT FROM 0 OR folded.legs < 2) AS unbalanced_entries,
               (SELECT count(*)
                  FROM credit_line AS line
                 CROSS JOIN LATERAL (
                       SELECT coalesce(sum(amount_minor) FILTER (WHERE account LIKE 'held:%'), 0) AS held,
                              coalesce(sum(amount_minor) FILTER (WHERE account LIKE 'owed:%'), 0) AS owed,
                              coalesce(sum(amount_minor) FILTER (WHERE account LIKE 'available:%'), 0) AS available
                         FROM posting JOIN entry USING (entry_id)
                        WHERE entry.member_id = line.member_id AND entry.currency = line.currency) AS folded
                 WHERE (held_minor, owed_minor, limit_minor - held_minor - owed_minor) <> (held, owed, available))
                   AS lines_off_ledger,
               (SELECT coalesce(sum(amount_minor), 0)::bigint FROM hold WHERE state = 'captured') AS captured_minor,
               (SELECT coalesce(sum(held_minor), 0)::bigint FROM credit_line) AS held_minor,
               (SELECT coalesce(sum(owed_minor), 0)::bigint FROM credit_line) AS owed_minor
        """
    )
    return dict(row) if row else {}
