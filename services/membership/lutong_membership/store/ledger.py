"""The ledger: appended to, read, and summed up."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from lutong_chassis import Tx, columns
from lutong_membership.domain import Entry


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
