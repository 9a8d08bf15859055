"""SQL of quotes: which post shows which, and how often each is quoted."""

from collections.abc import Collection, Sequence
from typing import Final

from lutong_chassis import Tx
from lutong_chassis.rows import columns_of
from lutong_feed.quotes.domain import Quote

_QUOTE: Final = columns_of(Quote)


async def save(tx: Tx, quotes: Sequence[Quote]) -> None:
    """Keep quotes; one that is there stays."""
    if not quotes:
        return
    await tx.execute(
        f"INSERT INTO quote ({_QUOTE.names}) SELECT {_QUOTE.names} FROM {_QUOTE.unnest()} ON CONFLICT DO NOTHING",
        *_QUOTE.arrays(quotes),
    )


async def count(tx: Tx, post_ids: Collection[str]) -> None:
    """Count what these posts quote. In key order, so that two batches cannot deadlock."""
    if not post_ids:
        return
    await tx.execute(
        """
        UPDATE counter SET quoted = quoted + times
          FROM (SELECT counter.post_id, times
                  FROM counter
                  JOIN (SELECT quoted_id, count(*) AS times FROM quote WHERE post_id = ANY ($1) GROUP BY quoted_id) AS quoted
                    ON quoted_id = counter.post_id
                 ORDER BY counter.post_id
                   FOR NO KEY UPDATE OF counter) AS given
         WHERE counter.post_id = given.post_id
        """,
        sorted(post_ids),
    )
