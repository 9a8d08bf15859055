"""The ledger: appended to, read, and summed up."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from lutong_chassis import Reads, Tx, columns
from lutong_membership.ledger.domain.chain import Sealed, seal_all
from lutong_membership.ledger.domain.entries import Entry, EntryKind, Line, LineKey

_COUNTS: Final = ("holds", "agreements", "coupons", "deductions")
"""What is counted by state."""


class OverLimitError(RuntimeError):
    """A movement was decided on a line that is another by now: a bug, caught before it is written."""


class MovedLine(NamedTuple):
    """A line as it is to be written, and the head that it must still have."""

    member_id: str
    currency: str
    limit_minor: int
    held_minor: int
    owed_minor: int
    charged_minor: int
    uncovered_minor: int
    credit_minor: int
    target_minor: int
    entries: int
    head: bytes
    head_before: bytes


class EntryRow(NamedTuple):
    """An entry in its place on the chain, without its legs."""

    kind: EntryKind
    member_id: str
    currency: str
    order_id: str | None
    agreement_id: str | None
    debt_id: str | None
    reference: str | None
    number: int
    previous_hash: bytes
    hash: bytes


class LegRow(NamedTuple):
    """One leg of the entry with this hash: debits are positive, credits negative."""

    hash: bytes
    account: str
    amount_minor: int


class PostedEntry(NamedTuple):
    """An entry as members may read it: `hash` in hexadecimal digits, `postings` as minor units by account."""

    entry_id: int
    kind: EntryKind
    order_id: str | None
    agreement_id: str | None
    debt_id: str | None
    reference: str | None
    currency: str
    at: datetime
    number: int
    hash: str
    postings: dict[str, int]


async def post(tx: Tx, lines: Mapping[LineKey, Line], entries: Sequence[Entry]) -> None:
    """Append balanced entries, and move their lines by them. `lines` are as they were locked, with their targets.

    Two statements, whatever the size: a line moves only from the very entry that it stood at.
    """
    if not entries:
        return
    chain = seal_all(lines.values(), entries, tx.now)
    await _move(tx, [_moved(line, lines[key].head) for key, line in sorted(chain.lines.items())])
    await _append(tx, chain.entries)


async def retarget(tx: Tx, lines: Iterable[Line]) -> None:
    """Remember limits that were decided and cannot be reached by a single unit yet: no entry records that."""
    await tx.execute(
        """
        UPDATE credit_line
           SET target_minor = given.target_minor
          FROM unnest($1::text[], $2::text[], $3::bigint[]) AS given(member_id, currency, target_minor)
         WHERE credit_line.member_id = given.member_id AND credit_line.currency = given.currency
        """,
        *columns(sorted((*line.key, line.target_minor) for line in lines), 3),
    )


def _moved(line: Line, head_before: bytes) -> MovedLine:
    return MovedLine(**{name: getattr(line, name) for name in MovedLine._fields[:-1]}, head_before=head_before)


async def _move(tx: Tx, moved: Sequence[MovedLine]) -> None:
    tag = await tx.execute(
        """
        UPDATE credit_line AS line
           SET limit_minor = moved.limit_minor, held_minor = moved.held_minor, owed_minor = moved.owed_minor,
               charged_minor = moved.charged_minor, uncovered_minor = moved.uncovered_minor,
               credit_minor = moved.credit_minor, target_minor = moved.target_minor, entries = moved.entries,
               head = moved.head
          FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                      $8::bigint[], $9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[])
               AS moved(member_id, currency, limit_minor, held_minor, owed_minor, charged_minor, uncovered_minor,
                        credit_minor, target_minor, entries, head, head_before)
         WHERE line.member_id = moved.member_id AND line.currency = moved.currency AND line.head = moved.head_before
        """,
        *columns(moved, 12),
    )
    if tag != f"UPDATE {len(moved)}":
        raise OverLimitError


async def _append(tx: Tx, sealed: Sequence[Sealed]) -> None:
    rows = [
        EntryRow(
            **{name: getattr(item.entry, name) for name in EntryRow._fields[:-3]},
            number=item.number,
            previous_hash=item.previous_hash,
            hash=item.hash,
        )
        for item in sealed
    ]
    legs = [LegRow(item.hash, account, amount) for item in sealed for account, amount in item.entry.postings]
    await tx.execute(
        """
        WITH written AS (
            INSERT INTO entry (kind, member_id, currency, order_id, agreement_id, debt_id, reference, number,
                               previous_hash, hash, at)
            SELECT kind, member_id, currency, order_id, agreement_id, debt_id, reference, number, previous_hash, hash, $11
              FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                          $8::bigint[], $9::bytea[], $10::bytea[]) WITH ORDINALITY
                   AS given(kind, member_id, currency, order_id, agreement_id, debt_id, reference, number,
                            previous_hash, hash, place)
             ORDER BY place
            RETURNING entry_id, hash
        )
        INSERT INTO posting (entry_id, account, amount_minor)
        SELECT entry_id, account, amount_minor
          FROM unnest($12::bytea[], $13::text[], $14::bigint[]) AS leg(hash, account, amount_minor)
          JOIN written USING (hash)
        """,
        *columns(rows, 10),
        tx.now,
        *columns(legs, 3),
    )


async def ledger_of(tx: Reads, member_id: str, after_entry: int, limit: int) -> list[PostedEntry]:
    """A member's entries after a given one, with their legs."""
    rows = await tx.fetch(
        """
        SELECT entry_id, kind, order_id, agreement_id, debt_id, reference, currency, at, number, encode(hash, 'hex') AS hash,
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
    return [PostedEntry(**{**row, "postings": orjson.loads(row["postings"])}) for row in rows]


_SUMMARY: Final = """
SELECT (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM hold GROUP BY state) AS h)::text
           AS holds,
       (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM agreement GROUP BY state) AS a)
           ::text AS agreements,
       (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM coupon GROUP BY state) AS c)
           ::text AS coupons,
       (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM deduction GROUP BY state) AS d)
           ::text AS deductions,
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
                      coalesce(sum(amount_minor) FILTER (WHERE account LIKE 'available:%'), 0) AS available,
                      coalesce(sum(amount_minor) FILTER (WHERE account LIKE 'charged:%'), 0) AS charged,
                      coalesce(sum(amount_minor) FILTER (WHERE account LIKE 'uncovered:%'), 0) AS uncovered,
                      coalesce(-sum(amount_minor) FILTER (WHERE account LIKE 'credit:%'), 0) AS credit
                 FROM posting JOIN entry USING (entry_id)
                WHERE entry.member_id = line.member_id AND entry.currency = line.currency) AS folded
         WHERE (held_minor, owed_minor, limit_minor - held_minor - owed_minor, charged_minor, uncovered_minor,
                credit_minor) <> (held, owed, available, charged, uncovered, credit))
           AS lines_off_ledger,
       (SELECT count(*)
          FROM credit_line AS line LEFT JOIN (
               SELECT member_id, currency, sum(outstanding_minor) AS owed
                 FROM debt GROUP BY member_id, currency) AS owing USING (member_id, currency)
         WHERE owed_minor + charged_minor + uncovered_minor <> coalesce(owed, 0)) AS debts_off_lines,
       (SELECT coalesce(sum(captured_minor), 0)::bigint FROM hold WHERE state = 'captured') AS captured_minor,
       (SELECT coalesce(sum(held_minor), 0)::bigint FROM credit_line) AS held_minor,
       (SELECT coalesce(sum(owed_minor), 0)::bigint FROM credit_line) AS owed_minor,
       (SELECT coalesce(sum(charged_minor), 0)::bigint FROM credit_line) AS charged_minor,
       (SELECT coalesce(sum(uncovered_minor), 0)::bigint FROM credit_line) AS uncovered_minor,
       (SELECT coalesce(sum(credit_minor), 0)::bigint FROM credit_line) AS credit_minor
"""


async def summary(tx: Tx) -> dict[str, Any]:
    """Counts and balances; `unbalanced_entries`, `lines_off_ledger` and `debts_off_lines` must be 0."""
    row = await tx.fetchrow(_SUMMARY)
    return {**row, **{name: orjson.loads(row[name] or "{}") for name in _COUNTS}} if row else {}
