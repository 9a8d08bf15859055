"""SQL of what viewers do with cards: what they name, who did what for the first time, and counters."""

from collections.abc import Sequence
from typing import Literal

from lutong_chassis import Tx, columns
from lutong_feed.engagements.domain import Card, Engagement, Found

Counter = Literal["taps", "solved", "requested", "fulfilled"]


async def find(tx: Tx, named: Sequence[tuple[str, str]]) -> list[Found]:
    """What there is of the posts and viewers of commands, given as (post, viewer), in order."""
    rows = await tx.fetch(
        """
        SELECT account.account_id IS NOT NULL AS viewer_known, card.post_id, state, card.program_id, card.merchant_id,
               reason, correlation_id, causation_id, version, title, page
          FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS named(post_id, viewer_id, place)
          LEFT JOIN account ON account.account_id = named.viewer_id
          LEFT JOIN card ON card.post_id = named.post_id
          LEFT JOIN program ON program.program_id = card.program_id
         ORDER BY place
        """,
        *columns(named, 2),
    )
    return [Found(row[0], Card(*row[1:]) if row["post_id"] else None) for row in rows]


async def engage(tx: Tx, wanted: Sequence[Engagement]) -> set[Engagement]:
    """Enter first uses; gives those that were new. In key order, so that two batches cannot deadlock."""
    if not wanted:
        return set()
    rows = await tx.fetch(
        """
        INSERT INTO engagement (post_id, viewer_id, kind)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
            ON CONFLICT DO NOTHING
        RETURNING post_id, viewer_id, kind
        """,
        *columns(sorted(set(wanted)), 3),
    )
    return {Engagement(*row) for row in rows}


async def count(tx: Tx, counter: Counter, post_ids: Sequence[str]) -> None:
    """Add to a counter of posts what a batch of events says; posts are locked in order."""
    await tx.execute(
        f"""
        WITH done AS (SELECT post_id, count(*) AS times FROM unnest($1::text[]) AS post_id GROUP BY post_id),
             locked AS MATERIALIZED (
                SELECT post_id, times FROM counter JOIN done USING (post_id) ORDER BY post_id FOR NO KEY UPDATE OF counter
             )
        UPDATE counter
           SET {counter} = {counter} + times
          FROM locked
         WHERE counter.post_id = locked.post_id
        """,
        post_ids,
    )
