"""SQL of reposts and quotes: the places of posts in their trees, the edges, and which post shows which."""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_feed.reposts.domain import Place, Quote, Repost


class _RepostRow(NamedTuple):
    post_id: str
    parent_id: str
    root_id: str
    depth: Annotated[int, Sql("integer")]


_ROW: Final = columns_of(_RepostRow)
_QUOTE: Final = columns_of(Quote)


async def places(tx: Reads, post_ids: Iterable[str]) -> dict[str, Place]:
    """Where posts hang, those that are there for everybody."""
    wanted = sorted(set(post_ids))
    if not wanted:
        return {}
    rows = await tx.fetch(
        """
        SELECT post.post_id, coalesce(root_id, post.post_id) AS root_id, coalesce(depth, 0) AS depth,
               coalesce(post.deleted_at, root.deleted_at) IS NOT NULL AS deleted,
               post.author_id, coalesce(root.author_id, post.author_id) AS root_author_id,
               post.audience <> 'everybody' OR root.audience <> 'everybody' AS limited
          FROM post
          LEFT JOIN repost USING (post_id)
          LEFT JOIN post AS root ON root.post_id = repost.root_id
         WHERE post.post_id = ANY ($1)
        """,
        wanted,
    )
    return {
        row["post_id"]: Place(row["root_id"], row["depth"], row["deleted"], (row["author_id"], row["root_author_id"]))
        for row in rows
        if not row["limited"]
    }


async def save(tx: Tx, reposts: Sequence[Repost]) -> None:
    """Hang reposts into their trees; one that hangs there stays."""
    if not reposts:
        return
    await tx.execute(
        f"INSERT INTO repost ({_ROW.names}) SELECT {_ROW.names} FROM {_ROW.unnest()} ON CONFLICT DO NOTHING",
        *_ROW.arrays([_RepostRow(*each) for each in reposts]),
    )


async def above(tx: Reads, post_ids: Iterable[str]) -> list[Repost]:
    """The edges from posts up to their roots."""
    rows = await tx.fetch(
        """
        WITH RECURSIVE way AS (
            SELECT post_id, parent_id, root_id, depth FROM repost WHERE post_id = ANY ($1)
             UNION
            SELECT repost.post_id, repost.parent_id, repost.root_id, repost.depth
              FROM way JOIN repost ON repost.post_id = way.parent_id
        )
        SELECT post_id, parent_id, root_id, depth FROM way
        """,
        sorted(set(post_ids)),
    )
    return [Repost(*row) for row in rows]


async def below(tx: Reads, post_id: str, edges_max: int) -> list[Repost]:
    """The edges below a post, those near it first."""
    rows = await tx.fetch(
        """
        WITH RECURSIVE way AS (
            SELECT post_id, parent_id, root_id, depth FROM repost WHERE parent_id = $1
             UNION
            SELECT repost.post_id, repost.parent_id, repost.root_id, repost.depth
              FROM way JOIN repost ON repost.parent_id = way.post_id
        )
        SELECT post_id, parent_id, root_id, depth FROM way ORDER BY depth, post_id LIMIT $2
        """,
        post_id,
        edges_max,
    )
    return [Repost(*row) for row in rows]


async def save_quotes(tx: Tx, quotes: Sequence[Quote]) -> None:
    """Keep quotes; one that is there stays."""
    if not quotes:
        return
    await tx.execute(
        f"INSERT INTO quote ({_QUOTE.names}) SELECT {_QUOTE.names} FROM {_QUOTE.unnest()} ON CONFLICT DO NOTHING",
        *_QUOTE.arrays(quotes),
    )


async def count_quotes(tx: Tx, post_ids: Collection[str]) -> None:
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
