"""SQL of bindings."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lutong_chassis import Reads, Tx, columns
from lutong_feed.bindings.domain import Binding


class Asking(NamedTuple):
    """One asking of a viewer, which membership knows as `binding_id`."""

    viewer_id: str
    binding_id: str


async def lock(tx: Tx, viewer_id: str) -> Binding | None:
    """What a viewer has; nobody changes it until commit, nor that there is none."""
    await tx.lock("binding", [viewer_id])
    return await binding(tx, viewer_id)


async def binding(tx: Reads, viewer_id: str) -> Binding | None:
    """What a viewer has."""
    row = await tx.fetchrow(
        "SELECT viewer_id, binding_id, member_id, state FROM binding WHERE viewer_id = $1", viewer_id
    )
    return Binding(*row) if row else None


async def save(tx: Tx, wanted: Binding) -> None:
    """Write what a viewer asks for; there was nothing before."""
    await tx.execute("INSERT INTO binding (viewer_id, binding_id, member_id, state) VALUES ($1, $2, $3, $4)", *wanted)


async def drop(tx: Tx, viewer_id: str) -> None:
    """The viewer ends it."""
    await tx.execute("DELETE FROM binding WHERE viewer_id = $1", viewer_id)


async def bind(tx: Tx, askings: Sequence[Asking]) -> None:
    """Members consented: those viewers are bound that have not ended it meanwhile."""
    await tx.execute(
        """
        UPDATE binding
           SET state = 'bound', changed_at = now()
          FROM unnest($1::text[], $2::text[]) AS given(viewer_id, binding_id)
         WHERE binding.viewer_id = given.viewer_id AND binding.binding_id = given.binding_id
        """,
        *columns(sorted(askings), 2),
    )


async def unbind(tx: Tx, askings: Sequence[Asking]) -> None:
    """Members ended it. What a viewer asked for since then is another binding, and stays."""
    await tx.execute(
        """
        DELETE FROM binding
         USING unnest($1::text[], $2::text[]) AS given(viewer_id, binding_id)
         WHERE binding.viewer_id = given.viewer_id AND binding.binding_id = given.binding_id
        """,
        *columns(sorted(askings), 2),
    )


async def members_of(tx: Reads, viewer_ids: Iterable[str]) -> dict[str, str]:
    """The members that viewers are bound to, as far as the feed knows."""
    rows = await tx.fetch(
        "SELECT viewer_id, member_id FROM binding WHERE viewer_id = ANY ($1) AND state = 'bound'",
        sorted(set(viewer_ids)),
    )
    return {row["viewer_id"]: row["member_id"] for row in rows}
