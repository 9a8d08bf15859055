"""SQL of posts that other publishers put on the topic: what is stored of them, and what was found before they came."""

from collections.abc import Iterable, Sequence

from lutong_chassis import Reads, Tx, columns
from lutong_feed.domain import Resolution, StoredPost


async def posts(tx: Reads, post_ids: Iterable[str]) -> dict[str, StoredPost]:
    """Posts by their ids, those that exist."""
    rows = await tx.fetch(
        """
        SELECT post_id, author_id, text, program_id, deleted_at IS NOT NULL AS deleted
          FROM post
         WHERE post_id = ANY ($1)
        """,
        sorted(set(post_ids)),
    )
    return {row["post_id"]: StoredPost(*row) for row in rows}


async def keep_resolutions(tx: Tx, found: Sequence[Resolution]) -> None:
    """Keep what was found for posts that are not there; it is forgotten when the topic has forgotten the post."""
    latest = {each.post_id: each for each in found}
    await tx.execute("DELETE FROM early_resolution WHERE arrived_at < now() - interval '8 days'")
    await tx.execute(
        """
        INSERT INTO early_resolution (post_id, program_id, merchant_id, reason, causation_id)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
            ON CONFLICT (post_id) DO UPDATE
           SET program_id = excluded.program_id, merchant_id = excluded.merchant_id, reason = excluded.reason,
               causation_id = excluded.causation_id, arrived_at = now()
        """,
        *columns([each for _, each in sorted(latest.items())], 5),
    )


async def take_resolutions(tx: Tx, post_ids: Iterable[str]) -> list[Resolution]:
    """Take out what was found for posts before they were there."""
    rows = await tx.fetch(
        """
        DELETE FROM early_resolution
         WHERE post_id = ANY ($1)
        RETURNING post_id, program_id, merchant_id, reason, causation_id
        """,
        sorted(post_ids),
    )
    return [Resolution(*row) for row in rows]
