"""SQL of accounts: who posts and reads, what staff vouches for, and who follows whom."""

from collections.abc import Iterable, Sequence

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_contracts import Event
from lutong_contracts.feed import AccountChanged, AccountFollowed, AccountUnfollowed
from lutong_contracts.timelines import FollowMoved
from lutong_feed.domain import AccountHome, AccountRow, FollowChange, FollowRow


async def save(tx: Tx, accounts: Sequence[AccountRow]) -> list[AccountChanged]:
    """Create or change accounts; gives an event for each that is new, or of which more than the name changed."""
    rows = await tx.fetch(
        """
        WITH wanted AS (
            SELECT given.account_id, given.name, coalesce(given.kind, known.kind, 'personal') AS kind,
                   nullif(coalesce(given.merchant_id, known.merchant_id), '') AS merchant_id,
                   coalesce(string_to_array(given.program_ids, ' '), known.program_ids, '{}') AS program_ids
              FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                   AS given (account_id, name, kind, merchant_id, program_ids)
              LEFT JOIN account AS known USING (account_id)
             ORDER BY account_id
        ), changed AS (
            SELECT account_id
              FROM wanted LEFT JOIN account AS known USING (account_id)
             WHERE known.account_id IS NULL
                OR (known.kind, known.merchant_id, known.program_ids)
                   IS DISTINCT FROM (wanted.kind, wanted.merchant_id, wanted.program_ids)
        ), saved AS (
            INSERT INTO account (account_id, name, kind, merchant_id, program_ids)
            SELECT account_id, name, kind, merchant_id, program_ids FROM wanted
                ON CONFLICT (account_id) DO UPDATE
               SET name = excluded.name, kind = excluded.kind, merchant_id = excluded.merchant_id,
                   program_ids = excluded.program_ids,
                   revision = account.revision + CASE WHEN account.account_id IN (SELECT account_id FROM changed)
                                                      THEN 1 ELSE 0 END
            RETURNING account_id, kind, merchant_id, program_ids, revision
        )
        SELECT account_id, kind, merchant_id, program_ids, revision
          FROM saved
          JOIN changed USING (account_id)
         ORDER BY account_id
        """,
        *columns(sorted({account.account_id: account for account in accounts}.values()), 5),
    )
    return [_changed(row) for row in rows]


async def after(tx: Tx, account_id: str, limit: int) -> list[AccountChanged]:
    """Accounts behind an id, in order, as they are until commit."""
    rows = await tx.fetch(
        """
        SELECT account_id, kind, merchant_id, program_ids, revision
          FROM account
         WHERE account_id > $1
         ORDER BY account_id
         LIMIT $2
           FOR SHARE
        """,
        account_id,
        limit,
    )
    return [_changed(row) for row in rows]


async def lock(tx: Tx, account_ids: Iterable[str]) -> dict[str, AccountRow]:
    """What is known of accounts by id, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT account_id, name, kind, merchant_id, array_to_string(program_ids, ' ') AS program_ids
          FROM account
         WHERE account_id = ANY ($1)
         ORDER BY account_id
           FOR NO KEY UPDATE
        """,
        sorted(set(account_ids)),
    )
    return {row["account_id"]: AccountRow(*row) for row in rows}


async def known(tx: Reads, account_ids: Iterable[str]) -> set[str]:
    """Which of these accounts exist."""
    rows = await tx.fetch("SELECT account_id FROM account WHERE account_id = ANY ($1)", sorted(set(account_ids)))
    return {row["account_id"] for row in rows}


async def mentioned(tx: Reads, word: str) -> list[str]:
    """The account whose id is a word, or else those that are called so: two at most, which is one too many."""
    rows = await tx.fetch(
        """
        SELECT account_id FROM account
         WHERE account_id = $1 OR name = $1
         ORDER BY account_id <> $1, account_id
         LIMIT 2
        """,
        word,
    )
    found = [row["account_id"] for row in rows]
    return found[:1] if word in found else found


async def account(tx: Reads, account_id: str, reader_id: str | None = None) -> AccountHome | None:
    """An account, and whether a reader follows it."""
    row = await tx.fetchrow(
        """
        SELECT account_id, name, kind, merchant_id, program_ids,
               EXISTS (SELECT FROM follow WHERE follower_id = $2 AND followee_id = account_id) AS followed
          FROM account
         WHERE account_id = $1
        """,
        account_id,
        reader_id,
    )
    return AccountHome(**row) if row else None


def _changed(row: asyncpg.Record) -> AccountChanged:
    return AccountChanged(**(dict(row) | {"program_ids": tuple(row["program_ids"])}))


async def save_follows(tx: Tx, follows: Sequence[FollowRow]) -> list[FollowChange]:
    """Let accounts follow others; a follow that exists stays as it is. Gives those that are new."""
    if not follows:
        return []
    rows = await tx.fetch(
        """
        WITH fresh AS (
            INSERT INTO follow (follower_id, followee_id)
            SELECT * FROM unnest($1::text[], $2::text[])
                ON CONFLICT DO NOTHING
            RETURNING follower_id, followee_id
        )
        SELECT follower_id, followee_id, reader_id IS NOT NULL AS is_kept, kind = 'enterprise' AS is_published
          FROM fresh
          JOIN account ON account_id = followee_id
          LEFT JOIN timeline_reader ON reader_id = follower_id
        """,
        *columns(sorted(set(follows)), 2),
    )
    return sorted(FollowChange(*row) for row in rows)


async def drop_follows(tx: Tx, follows: Sequence[FollowRow]) -> list[FollowChange]:
    """Stop following. Gives those that there were: each may be of an account that was an enterprise when it was published."""
    rows = await tx.fetch(
        """
        DELETE FROM follow
         WHERE (follower_id, followee_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        RETURNING follower_id, followee_id, pushed AS is_kept, true AS is_published
        """,
        *columns(sorted(set(follows)), 2),
    )
    return sorted(FollowChange(*row) for row in rows)


def changes(follows: Sequence[FollowChange], of: type[AccountFollowed] | type[AccountUnfollowed]) -> list[Event]:
    """What follows from follows that are new, or were dropped: for timelines that are kept, and for other services."""
    moved = [FollowMoved(author_id=each.followee_id, reader_id=each.follower_id) for each in follows if each.is_kept]
    published = [of(follower_id=each[0], followee_id=each[1]) for each in follows if each.is_published]
    return [*moved, *published]


async def follows_after(tx: Tx, key: str, limit: int) -> list[AccountFollowed]:
    """Follows of enterprise accounts behind a key (`follower:followee`), in order, as they are until commit."""
    rows = await tx.fetch(
        """
        SELECT follower_id, followee_id
          FROM follow JOIN account ON account_id = followee_id AND kind = 'enterprise'
         WHERE (follower_id, followee_id) > ($1, $2)
         ORDER BY follower_id, followee_id
         LIMIT $3
           FOR SHARE OF follow
        """,
        *(key.partition(":")[::2]),
        limit,
    )
    return [AccountFollowed(**row) for row in rows]
