"""SQL of bindings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lutong_chassis import Reads, Tx, columns
from lutong_membership.bindings.domain import Binding, Known


class Place(NamedTuple):
    """A viewer and a member."""

    viewer_id: str
    member_id: str


async def lock(tx: Tx, viewer_ids: Iterable[str]) -> dict[str, Known]:
    """What there is of viewers, by viewer and member; nobody changes it until commit, nor what is not there yet."""
    wanted = sorted(set(viewer_ids))
    await tx.lock("binding", wanted)
    rows = await tx.fetch(
        "SELECT viewer_id, member_id, binding_id, consented_at FROM binding WHERE viewer_id = ANY ($1)", wanted
    )
    found: dict[str, dict[str, Binding]] = defaultdict(dict)
    for row in rows:
        found[row["viewer_id"]][row["member_id"]] = Binding(*row)
    return {viewer_id: found[viewer_id] for viewer_id in wanted}


async def save(tx: Tx, before: Mapping[str, Known], after: Mapping[str, Known]) -> None:
    """Write what changed of viewers. A row that stays is never replaced by a new one: who waits for it would miss both."""
    gone = [Place(*key) for key in sorted(_places(before).keys() - _places(after).keys())]
    kept = [each for key, each in sorted(_places(after).items()) if _places(before).get(key) != each]
    if gone:
        await tx.execute(
            """
            DELETE FROM binding
             USING unnest($1::text[], $2::text[]) AS given(viewer_id, member_id)
             WHERE binding.viewer_id = given.viewer_id AND binding.member_id = given.member_id
            """,
            *columns(gone, 2),
        )
    if kept:
        await tx.execute(
            """
            INSERT INTO binding (viewer_id, member_id, binding_id, consented_at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
                ON CONFLICT (viewer_id, member_id) DO UPDATE
               SET binding_id = excluded.binding_id, consented_at = excluded.consented_at
            """,
            *columns([(each.viewer_id, each.member_id, each.binding_id, each.consented_at) for each in kept], 4),
        )


def _places(known: Mapping[str, Known]) -> dict[Place, Binding]:
    return {Place(each.viewer_id, each.member_id): each for of_viewer in known.values() for each in of_viewer.values()}


async def of_member(tx: Reads, member_id: str) -> list[Binding]:
    """What a member is asked for, and has consented to; the first thousand."""
    rows = await tx.fetch(
        """
        SELECT viewer_id, member_id, binding_id, consented_at
          FROM binding
         WHERE member_id = $1
         ORDER BY viewer_id
         LIMIT 1000
        """,
        member_id,
    )
    return [Binding(*row) for row in rows]
