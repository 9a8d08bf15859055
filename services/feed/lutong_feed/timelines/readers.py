"""SQL of readers whose timelines are kept: made when they come, shortened while they do, dropped when they come no more."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed.timelines.domain import Edge
from lutong_feed.timelines.store import Step

_STEP: Final = columns_of(Step)


async def is_open(tx: Reads, reader_id: str) -> bool:
    """Whether a reader's timeline was opened within half a day."""
    found = await tx.fetchval(
        "SELECT seen_at > now() - interval '12 hours' FROM timeline_reader WHERE reader_id = $1", reader_id
    )
    return bool(found)


async def saw(tx: Tx, reader_ids: Iterable[str]) -> dict[str, bool]:
    """Readers read; gives those for whom that was news, and whether they had no timeline."""
    rows = await tx.fetch(
        """
        INSERT INTO timeline_reader (reader_id)
        SELECT account_id FROM account WHERE account_id = ANY ($1) ORDER BY account_id
            ON CONFLICT (reader_id) DO UPDATE
           SET seen_at = now() WHERE timeline_reader.seen_at <= now() - interval '12 hours'
        RETURNING reader_id, floor_at = 'infinity' AS is_new
        """,
        sorted(set(reader_ids)),
    )
    return {row["reader_id"]: row["is_new"] for row in rows}


async def make(tx: Tx, reader_ids: Collection[str], kept: int) -> None:
    """Make the timelines that are not made yet: empty, above a floor with about `kept` posts; then follows are merged one by one."""
    fresh = await tx.fetch(
        """
        SELECT reader_id FROM timeline_reader
         WHERE reader_id = ANY ($1) AND floor_at = 'infinity'
         ORDER BY reader_id
           FOR UPDATE
        """,
        sorted(set(reader_ids)),
    )
    ids = [row["reader_id"] for row in fresh]
    if not ids:
        return
    await tx.execute("DELETE FROM timeline_entry WHERE reader_id = ANY ($1)", ids)
    await tx.execute(
        """
        UPDATE timeline_reader AS reader
           SET floor_at = coalesce(last.published_at, '-infinity'), floor_number = coalesce(last.number, 0)
          FROM unnest($1::text[]) AS given
          LEFT JOIN LATERAL (
               SELECT theirs.published_at, theirs.number
                 FROM follow
                CROSS JOIN LATERAL (
                      SELECT published_at, number
                        FROM post
                       WHERE author_id = followee_id AND deleted_at IS NULL
                       ORDER BY published_at DESC, number DESC
                       LIMIT $2 + 1
                      ) AS theirs
                WHERE follower_id = given AND NOT EXISTS (SELECT FROM pulled_author WHERE author_id = followee_id)
                ORDER BY theirs.published_at DESC, theirs.number DESC
               OFFSET $2
                LIMIT 1
               ) AS last ON true
         WHERE reader_id = given
        """,
        ids,
        kept,
    )


async def shorten(tx: Tx, reader_ids: Collection[str], kept: int) -> None:
    """Keep the newest `kept` posts of timelines, and raise their floors to the first that is not kept. A floor never sinks."""
    ids = sorted(set(reader_ids))
    await tx.execute("SELECT FROM timeline_reader WHERE reader_id = ANY ($1) ORDER BY reader_id FOR UPDATE", ids)
    await tx.execute(
        """
        WITH risen AS (
            UPDATE timeline_reader AS reader
               SET floor_at = first.published_at, floor_number = first.number
              FROM unnest($1::text[]) AS given
             CROSS JOIN LATERAL (
                   SELECT published_at, number FROM timeline_entry
                    WHERE reader_id = given
                    ORDER BY published_at DESC, number DESC
                   OFFSET $2
                    LIMIT 1
                   ) AS first
             WHERE reader_id = given AND floor_at < 'infinity'
               AND (first.published_at, first.number) > (floor_at, floor_number)
            RETURNING reader_id, floor_at, floor_number
        )
        DELETE FROM timeline_entry AS entry USING risen
         WHERE entry.reader_id = risen.reader_id AND (published_at, number) <= (risen.floor_at, risen.floor_number)
        """,
        ids,
        kept,
    )


async def next_pulled(tx: Reads, steps: Sequence[Step], most: int) -> list[Edge]:
    """The next `most` follows of each reader that are pulled, and whose authors need not be."""
    rows = await tx.fetch(
        f"""
        SELECT what, next.followee_id
          FROM {_STEP.unnest()}
         CROSS JOIN LATERAL (
               SELECT followee_id FROM follow
                WHERE follower_id = what AND NOT pushed AND followee_id > coalesce(after, '')
                  AND NOT EXISTS (SELECT FROM pulled_author WHERE author_id = followee_id)
                ORDER BY followee_id
                LIMIT $3
               ) AS next
        """,
        *_STEP.arrays(steps),
        most,
    )
    return [Edge(*row) for row in rows]


async def drop(tx: Tx, reader_ids: Iterable[str], idle: timedelta) -> dict[str, datetime]:
    """Drop the timelines of those who have not read for so long; gives when the others did last."""
    rows = await tx.fetch(
        """
        SELECT reader_id, seen_at, seen_at <= now() - $2::interval AS is_idle
          FROM timeline_reader
         WHERE reader_id = ANY ($1)
         ORDER BY reader_id
           FOR UPDATE
        """,
        sorted(set(reader_ids)),
        idle,
    )
    gone = [row["reader_id"] for row in rows if row["is_idle"]]
    if gone:
        await tx.execute("UPDATE follow SET pushed = false WHERE follower_id = ANY ($1) AND pushed", gone)
        await tx.execute("DELETE FROM timeline_entry WHERE reader_id = ANY ($1)", gone)
        await tx.execute("DELETE FROM timeline_reader WHERE reader_id = ANY ($1)", gone)
    return {row["reader_id"]: row["seen_at"] for row in rows if not row["is_idle"]}
