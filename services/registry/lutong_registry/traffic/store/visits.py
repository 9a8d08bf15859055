"""SQL of rules, sources, and the unique visitors that were counted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_registry.traffic.domain.visits import Key, Rule, Seen, Source, Unique, Visit

_KEY: Final = columns_of(Key)
_UNIQUE: Final = columns_of(Unique)


class NewRule(NamedTuple):
    """A rule that has no number yet."""

    effective_from: date
    pv_per_uv: int
    valid_days: Annotated[int, Sql("integer")]
    dwell_s_min: Annotated[int, Sql("integer")]
    sources_max: Annotated[int, Sql("integer")]
    uv_per_source_max: Annotated[int, Sql("integer")]


_RULE: Final = columns_of(NewRule)


class SourceRow(NamedTuple):
    """A source as its merchant sees it."""

    source_id: str
    program_id: str
    kind: str
    location_id: str | None


_SOURCE: Final = columns_of(SourceRow)


class OfDay(NamedTuple):
    """Unique visitors of a day, by what came of them."""

    day: date
    source_id: str
    outcome: str
    visitors: int
    pv: int


async def rules(tx: Reads) -> list[Rule]:
    """All rules there ever were, and will be."""
    rows = await tx.fetch(f"SELECT rule_id, {_RULE.names} FROM traffic_rule ORDER BY rule_id")
    return [Rule(*row) for row in rows]


async def add_rule(tx: Tx, rule: NewRule) -> Rule:
    """One more rule, under a number of its own."""
    (row,) = await tx.fetch(
        f"INSERT INTO traffic_rule ({_RULE.names}) SELECT {_RULE.names} FROM {_RULE.unnest()} RETURNING rule_id",
        *_RULE.arrays([rule]),
    )
    return Rule(row["rule_id"], *rule)


async def save_source(tx: Tx, source: SourceRow) -> bool:
    """Create a source, or change it; False when it is of another program. A location that is not mentioned stays."""
    return (
        await tx.fetchval(
            f"""
            INSERT INTO traffic_source AS known ({_SOURCE.names}) VALUES ($1, $2, $3, $4)
                ON CONFLICT (source_id) DO UPDATE
               SET kind = excluded.kind, location_id = coalesce(excluded.location_id, known.location_id)
             WHERE known.program_id = excluded.program_id
            RETURNING true
            """,
            *source,
        )
        is True
    )


async def sources_of(tx: Reads, program_id: str) -> list[SourceRow]:
    """The sources of a program."""
    rows = await tx.fetch(
        f"SELECT {_SOURCE.names} FROM traffic_source WHERE program_id = $1 ORDER BY source_id LIMIT 1000", program_id
    )
    return [SourceRow(*row) for row in rows]


async def sources(tx: Reads, source_ids: Iterable[str]) -> dict[str, Source]:
    """Sources by id, each with the secret of its program."""
    rows = await tx.fetch(
        """
        SELECT source_id, program_id, secret
          FROM traffic_source JOIN traffic_account USING (program_id) WHERE source_id = ANY ($1)
        """,
        sorted(set(source_ids)),
    )
    return {row["source_id"]: Source(*row) for row in rows}


async def own_staff(tx: Reads, account_ids: Iterable[str]) -> dict[str, str]:
    """Of these accounts, those that represent a merchant, with the merchant."""
    rows = await tx.fetch(
        "SELECT account_id, merchant_id FROM account WHERE account_id = ANY ($1) AND merchant_id IS NOT NULL",
        sorted(set(account_ids)),
    )
    return {row["account_id"]: row["merchant_id"] for row in rows}


async def merchants(tx: Reads, program_ids: Iterable[str]) -> dict[str, str]:
    """Whose programs are."""
    rows = await tx.fetch(
        "SELECT program_id, merchant_id FROM program WHERE program_id = ANY ($1)", sorted(set(program_ids))
    )
    return {row["program_id"]: row["merchant_id"] for row in rows}


async def seen(tx: Reads, visits: Sequence[Visit]) -> Seen:
    """What is known of these visitors and sources. Lock the accounts of their programs first."""
    keys = sorted({Key(*visit[:4]) for visit in visits})
    known = await tx.fetch(
        f"""
        SELECT DISTINCT uv.program_id, uv.day, uv.visitor, uv.source_id, uv.outcome
          FROM {_KEY.unnest()} JOIN traffic_uv AS uv USING (program_id, day, visitor)
        """,
        *_KEY.arrays(keys),
    )
    uniques = await tx.fetch(
        f"""
        SELECT source_id, day, (SELECT count(*) FROM traffic_uv AS uv
                                 WHERE (uv.source_id, uv.day) = (wanted.source_id, wanted.day) AND uv.outcome = 'granted')
          FROM (SELECT DISTINCT source_id, day FROM {_KEY.unnest()}) AS wanted
        """,
        *_KEY.arrays(keys),
    )
    looped = await tx.fetch(
        f"""
        SELECT program_id, day, visitor FROM {_KEY.unnest()} JOIN traffic_spend USING (program_id, day, visitor)
         WHERE state <> 'released'
         UNION
        SELECT program_id, day, visitor FROM {_KEY.unnest()} JOIN traffic_shown USING (program_id, day, visitor)
        """,
        *_KEY.arrays(keys),
    )
    found = Seen(looped={tuple(row) for row in looped})
    for row in (tuple(each) for each in known):
        found.outcomes[Key(*row[:4])] = row[4]
        if row[4] == "granted":
            found.sources[row[:3]] += 1
    found.uniques = Counter({(row[0], row[1]): row[2] for row in uniques})
    return found


async def save(tx: Tx, uniques: Sequence[Unique]) -> None:
    """Keep unique visitors. One who bounced may earn later; nobody earns twice."""
    await tx.execute(
        f"""
        INSERT INTO traffic_uv AS known ({_UNIQUE.names}) SELECT {_UNIQUE.names} FROM {_UNIQUE.unnest()}
            ON CONFLICT (program_id, day, visitor, source_id, rule_id) DO UPDATE
           SET outcome = excluded.outcome, pv = excluded.pv
         WHERE known.outcome = 'bounced'
        """,
        *_UNIQUE.arrays(sorted(uniques)),
    )


async def reverse(tx: Tx, program_id: str, day: date, source_id: str | None) -> int:
    """Take back what visitors of a day earned, of one source or of all; gives how many page views."""
    value = await tx.fetchval(
        """
        WITH back AS (
            UPDATE traffic_uv SET outcome = 'reversed'
             WHERE program_id = $1 AND day = $2 AND ($3::text IS NULL OR source_id = $3) AND outcome = 'granted'
            RETURNING pv
        )
        SELECT coalesce(sum(pv), 0)::bigint FROM back
        """,
        program_id,
        day,
        source_id,
    )
    return int(value)


async def of_days(tx: Reads, program_id: str, since: date) -> list[OfDay]:
    """Unique visitors of a program by day, source and what came of them."""
    rows = await tx.fetch(
        """
        SELECT day, source_id, outcome, count(*) AS visitors, sum(pv)::bigint AS pv
          FROM traffic_uv WHERE program_id = $1 AND day >= $2 GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3 LIMIT 1000
        """,
        program_id,
        since,
    )
    return [OfDay(*row) for row in rows]
