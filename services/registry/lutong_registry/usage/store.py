"""How often programs were used."""

from collections.abc import Sequence

from lutong_chassis import Reads, Tx


async def count_usage(tx: Tx, program_ids: Sequence[str], kind: str) -> None:
    """Count one use per given id; `kind` is opened, solved or fulfilled."""
    await tx.execute(
        f"""
        INSERT INTO usage AS known (program_id, {kind})
        SELECT program_id, count(*) FROM unnest($1::text[]) AS program_id GROUP BY program_id ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE SET {kind} = known.{kind} + excluded.{kind}
        """,
        list(program_ids),
    )


async def usage(tx: Reads, program_id: str) -> dict[str, int]:
    """How often a program was used."""
    row = await tx.fetchrow("SELECT opened, solved, fulfilled FROM usage WHERE program_id = $1", program_id)
    return dict(row) if row else {"opened": 0, "solved": 0, "fulfilled": 0}
