"""Taking an event in once. In the transaction of its effects, so both happen or neither does."""

from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter

from lutong_chassis.database import Tx, columns
from lutong_chassis.envelope import Received
from lutong_contracts import Event


async def receive(tx: Tx, received: Sequence[Received[Event]]) -> list[Received[Event]]:
    """Enter events into the inbox; gives those that were not there before, in order.

    A copy that another process is taking in right now makes this wait for its outcome. Keys are
    inserted in order, so that two such processes cannot deadlock.
    """
    if not received:
        return []
    first: dict[tuple[str, str], Received[Event]] = {}
    for item in received:
        first.setdefault((item.source, item.id), item)
    _, ordered = zip(*sorted(first.items(), key=itemgetter(0)), strict=True)
    events, ids, sources, times, keys, sequences, causes, topics, partitions, offsets, _, contents = zip(
        *ordered, strict=True
    )
    correlations, causations, _ = zip(*causes, strict=True)
    entered = await tx.fetch(
        """
        INSERT INTO inbox (source, id, type, topic, partition, "offset", key, sequence,
                           correlation_id, causation_id, occurred_at, content)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::text[],
                      $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::bytea[])
            ON CONFLICT (source, id) DO NOTHING
        RETURNING source, id
        """,
        sources, ids, [event.type for event in events], topics, partitions, offsets, keys, sequences, correlations,
        causations, times, contents,
    )  # fmt: skip
    fresh = {(row["source"], row["id"]) for row in entered}
    return [item for item in first.values() if (item.source, item.id) in fresh]


async def conflicts(
    tx: Tx, received: Sequence[Received[Event]], fresh: Sequence[Received[Event]]
) -> list[Received[Event]]:
    """Of events that were received and are not fresh: those with other content than the first under their id.

    What was received before contents were kept counts as equal.
    """
    entered = {id(item) for item in fresh}
    known = [item for item in received if id(item) not in entered]
    if not known:
        return []
    rows = await tx.fetch(
        """
        SELECT place
          FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS copy (source, id, content, place)
          JOIN inbox USING (source, id)
         WHERE inbox.content <> copy.content
         ORDER BY place
        """,
        *columns([(item.source, item.id, item.content) for item in known], 3),
    )
    return [known[row["place"] - 1] for row in rows]


async def forget(tx: Tx, older_than: timedelta, rows_max: int = 10_000) -> int:
    """Drop entries that no copy can match any more; gives how many (call again while it is `rows_max`)."""
    tag = await tx.execute(
        """
        DELETE FROM inbox
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox WHERE received_at < now() - $1::interval LIMIT $2))
        """,
        older_than,
        rows_max,
    )
    return int(tag.rpartition(" ")[2])
