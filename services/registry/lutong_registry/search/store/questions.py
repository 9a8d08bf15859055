"""What may answer a question."""

from collections.abc import Iterable, Sequence
from typing import Final

from lutong_chassis import Reads
from lutong_registry.search.domain.marks import LEVELS, TOTAL
from lutong_registry.search.domain.ranking import WORK_MAX, Candidate, Plan, Shown

COMPARED_MAX: Final = 300
"""Listings whose marks are read in full: several times what is ever shown."""


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
    """The listings that score best by the picked marks alone, and those with the question as their exact name.

    Only entries of the index are read for the first choice, about as many as `WORK_MAX`, and of one mark no more than that:
    by it alone they are all equal. Of a mark that is picked alone `COMPARED_MAX` are enough. The marks of those that may be
    shown are read to score them in full.
    """
    rows = await tx.fetch(
        """
        WITH scored AS MATERIALIZED (
            SELECT program_id, sum(weight) AS score
              FROM unnest($1::bigint[], $2::float[]) AS picked(mark, weight)
             CROSS JOIN LATERAL (SELECT program_id FROM listing WHERE visible AND marks @> ARRAY[mark] LIMIT $5) AS found
             GROUP BY program_id
             ORDER BY score DESC, program_id
             LIMIT $4
        ), named AS MATERIALIZED (
            SELECT program_id FROM listing WHERE visible AND name = $3 LIMIT 200
        )
        SELECT program_id, name, marks, coalesce(opened + solved + fulfilled, 0) AS uses
          FROM (SELECT program_id FROM scored UNION SELECT program_id FROM named) AS known
          JOIN listing USING (program_id)
          LEFT JOIN usage USING (program_id)
         WHERE visible
        """,
        list(plan.picked),
        [plan.weights[mark] for mark in plan.picked],
        plan.question.name,
        COMPARED_MAX,
        WORK_MAX if len(plan.picked) > 1 else COMPARED_MAX,
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
