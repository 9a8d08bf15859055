"""SQL of deleting posts: two rows for each, however many read its author; all else is joined when it is read."""

from collections.abc import Iterable, Sequence
from typing import Final

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed.deleting.domain import StandingPost, Tombstone

_TOMBSTONE: Final = columns_of(Tombstone)


async def lock(tx: Tx, post_ids: Iterable[str]) -> dict[str, StandingPost]:
    """Posts with their cards, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT post_id, author_id, deleted_at IS NOT NULL AS deleted, correlation_id, causation_id
          FROM post JOIN card USING (post_id)
         WHERE post_id = ANY ($1)
         ORDER BY post_id
           FOR NO KEY UPDATE OF post, card
        """,
        sorted(set(post_ids)),
    )
    return {row["post_id"]: StandingPost(*row) for row in rows}


async def bury(tx: Tx, tombstones: Sequence[Tombstone]) -> None:
    """Take texts, what they were before, and cards away. A card stays off, whatever the registry finds later: also for the release before."""
    if not tombstones:
        return
    await tx.execute(
        f"""
        WITH given AS (SELECT post_id, by, reason FROM {_TOMBSTONE.unnest()}),
             forgotten AS (DELETE FROM post_revision USING given WHERE post_revision.post_id = given.post_id),
             buried AS (
                UPDATE post
                   SET text = '', program_id = NULL, deleted_at = now(), deleted_by = by, deleted_for = reason
                  FROM given
                 WHERE post.post_id = given.post_id
             )
        UPDATE card
           SET state = 'unavailable', reason = 'deleted', program_id = NULL,
               taken_off_by = coalesce(taken_off_by, by), taken_off_for = coalesce(taken_off_for, 'deleted')
          FROM given
         WHERE card.post_id = given.post_id
        """,
        *_TOMBSTONE.arrays(tombstones),
    )


async def deleted(tx: Reads, post_ids: Iterable[str]) -> set[str]:
    """Which of these posts were deleted."""
    wanted = sorted(set(post_ids))
    if not wanted:
        return set()
    rows = await tx.fetch("SELECT post_id FROM post WHERE post_id = ANY ($1) AND deleted_at IS NOT NULL", wanted)
    return {row["post_id"] for row in rows}
