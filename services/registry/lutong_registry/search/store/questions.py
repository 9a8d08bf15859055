"""What may answer a question."""

from collections.abc import Iterable, Sequence

from lutong_chassis import Reads
from lutong_registry.search.domain.marks import LEVELS, TOTAL
from lutong_registry.search.domain.ranking import Candidate, Plan, Shown


async def counts(tx: Reads, bases: Sequence[int]) -> dict[int, int]:
    """How many listings have each mark of these terms, and how many listings there are."""
    rows = await tx.fetch(
        """
        SELECT mark, listings
          FROM unnest($1::bigint[]) AS base
         CROSS JOIN LATERAL (SELECT mark, listings FROM mark WHERE mark BETWEEN base AND base + $2 - 1) AS known
         UNION ALL
        SELECT mark, listings FROM mark WHERE mark = $3
        """,
        bases,
        LEVELS,
        TOTAL,
    )
    return {row["mark"]: row["listings"] for row in rows}


async def candidates(tx: Reads, plan: Plan) -> list[Candidate]:
    """Listings that have one of the picked marks, or the question as their exact name. None is left out."""
    rows = await tx.fetch(
        """
        SELECT program_id, name, marks, coalesce(opened + solved + fulfilled, 0) AS uses
          FROM (SELECT program_id, name, marks FROM listing WHERE visible AND marks && $1::bigint[]
                 UNION
                SELECT program_id, name, marks FROM (
                       SELECT program_id, name, marks FROM listing WHERE visible AND name = $2 LIMIT 200) AS named
               ) AS found
          LEFT JOIN usage USING (program_id)
        """,
        list(plan.picked),
        plan.question.name,
    )
    return [Candidate(row["program_id"], row["name"], row["marks"], row["uses"]) for row in rows]


async def shown(tx: Reads, program_ids: Iterable[str]) -> dict[str, Shown]:
    """Listings as text, by program."""
    rows = await tx.fetch(
        """
        SELECT program_id, merchant_id, version, title, page, keywords, description
          FROM listing
         WHERE visible AND program_id = ANY ($1)
        """,
        sorted(set(program_ids)),
    )
    return {row["program_id"]: Shown(**dict(row)) for row in rows}


async def titles(tx: Reads, beginning: str, limit: int) -> list[str]:
    """Titles that begin like this, the shortest first, each once. `beginning` is a key: see `key_of`."""
    rows = await tx.fetch(
        """
        SELECT title
          FROM (SELECT title_key, min(title) AS title
                  FROM (SELECT title_key, title FROM listing
                         WHERE visible AND title_key LIKE $1 || '%' LIMIT 1000) AS alike
                 GROUP BY title_key) AS found
         ORDER BY length(title_key), title_key
         LIMIT $2
        """,
        beginning,
        limit,
    )
    return [row["title"] for row in rows]
