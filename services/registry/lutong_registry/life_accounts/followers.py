"""SQL of followers: who follows which enterprise account."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of


class Follower(NamedTuple):
    """An account follows an enterprise account, since then."""

    account_id: str
    follower_id: str
    since: datetime


_FOLLOWER: Final = columns_of(Follower)


async def add(tx: Tx, followers: Sequence[Follower]) -> None:
    """Accounts follow others; since when stays what it was first."""
    await tx.execute(
        f"""
        INSERT INTO follower ({_FOLLOWER.names})
        SELECT account_id, follower_id, min(since) FROM {_FOLLOWER.unnest()} GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT DO NOTHING
        """,
        *_FOLLOWER.arrays(followers),
    )


async def drop(tx: Tx, followers: Sequence[Follower]) -> None:
    """Accounts follow others no more."""
    await tx.execute(
        f"""
        DELETE FROM follower
         WHERE (account_id, follower_id) IN (SELECT account_id, follower_id FROM {_FOLLOWER.unnest()})
        """,
        *_FOLLOWER.arrays(sorted(followers)),
    )


async def counted(tx: Reads, account_ids: Iterable[str]) -> dict[str, int]:
    """How many followers accounts have."""
    rows = await tx.fetch(
        "SELECT account_id, count(*) AS followers FROM follower WHERE account_id = ANY ($1) GROUP BY account_id",
        sorted(set(account_ids)),
    )
    return {row["account_id"]: row["followers"] for row in rows}
