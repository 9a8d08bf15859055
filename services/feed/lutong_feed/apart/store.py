"""SQL of accounts that are kept apart: who blocks and mutes whom, and the follows that a block ends."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed import accounts
from lutong_feed.apart.domain import Apart, Pair
from lutong_feed.domain import FollowChange, FollowRow

_APART: Final = columns_of(Apart)
_PAIR: Final = columns_of(Pair)


async def count(tx: Reads, account_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many accounts are blocked and muted, by account and kind."""
    rows = await tx.fetch(
        "SELECT account_id, kind, count(*) AS times FROM kept_apart WHERE account_id = ANY ($1) GROUP BY 1, 2",
        sorted(set(account_ids)),
    )
    return {(row["account_id"], row["kind"]): row["times"] for row in rows}


async def keep(tx: Tx, wanted: Sequence[Apart]) -> list[FollowChange]:
    """Keep accounts apart; a block ends the follows of both, which are given.

    In key order, so that two batches cannot deadlock.
    """
    if not wanted:
        return []
    rows = sorted(set(wanted))
    await tx.execute(
        f"INSERT INTO kept_apart ({_APART.names}) SELECT {_APART.names} FROM {_APART.unnest()} ON CONFLICT DO NOTHING",
        *_APART.arrays(rows),
    )
    pairs = {FollowRow(a, b) for each in rows if each.kind == "block" for a, b in (each[:2], each[1::-1])}
    return await accounts.drop_follows(tx, sorted(pairs))


async def let_be(tx: Tx, wanted: Sequence[Apart]) -> None:
    """Keep accounts apart no more. Follows that a block ended do not come back."""
    await tx.execute(
        f"DELETE FROM kept_apart WHERE ({_APART.names}) IN (SELECT {_APART.names} FROM {_APART.unnest()})",
        *_APART.arrays(sorted(set(wanted))),
    )


def not_apart(viewer: str, *authors: str) -> str:
    """Whether no block is between a viewer and any of these authors, each an expression of SQL. Who views as nobody is apart from nobody."""
    named = ", ".join(authors)
    return f"""NOT EXISTS (
               SELECT FROM kept_apart AS kept
                WHERE kept.kind = 'block'
                  AND (kept.account_id = {viewer} AND kept.other_id IN ({named})
                       OR kept.other_id = {viewer} AND kept.account_id IN ({named}))
           )"""


async def blocked(tx: Reads, pairs: Sequence[Pair]) -> set[Pair]:
    """Of these pairs of accounts, those of which one blocks the other."""
    if not pairs:
        return set()
    rows = await tx.fetch(
        f"""
        SELECT DISTINCT given.account_id, given.other_id
          FROM {_PAIR.unnest("given")}
          JOIN kept_apart AS kept
            ON kind = 'block' AND ((kept.account_id, kept.other_id) = (given.account_id, given.other_id)
                                   OR (kept.account_id, kept.other_id) = (given.other_id, given.account_id))
        """,
        *_PAIR.arrays(sorted(set(pairs))),
    )
    return {Pair(*row) for row in rows}


async def kept(tx: Reads, account_id: str) -> list[Apart]:
    """Whom an account blocks and mutes."""
    rows = await tx.fetch(
        f"SELECT {_APART.names} FROM kept_apart WHERE account_id = $1 ORDER BY kind, other_id", account_id
    )
    return [Apart(*row) for row in rows]
