"""Who publishes what, as one service sees it: what it took in from topics and over HTTP, and what it published itself."""

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel

from lutong_chassis.database import Tx
from lutong_contracts.values import Moment

_ROWS_MAX: Final = 1_000


class Publisher(BaseModel):
    """Events of one type by one publisher. `source` is what it calls itself; over HTTP, `subject` is that of its token.

    `own` events are those of the service that answers. The version of the events is in `type`.
    """

    way: Literal["topic", "http", "own"]
    source: str
    subject: str | None
    type: str
    events: int
    first_at: AwareDatetime
    last_at: AwareDatetime


async def publishers(tx: Tx, since: Moment) -> list[Publisher]:
    """Who published which types since a moment, the latest first; at most 1,000 rows.

    What came over HTTP is in the inbox under `subject~digest source` (`Principal.publisher`).
    """
    rows = await tx.fetch(
        """
        SELECT CASE WHEN source ~ '~[0-9a-f]{32} ' THEN 'http' ELSE 'topic' END AS way,
               CASE WHEN source ~ '~[0-9a-f]{32} ' THEN substring(source FROM position(' ' IN source) + 1) ELSE source END
                   AS source,
               CASE WHEN source ~ '~[0-9a-f]{32} ' THEN regexp_replace(split_part(source, ' ', 1), '~[0-9a-f]{32}$', '') END
                   AS subject,
               type, count(*) AS events, min(received_at) AS first_at, max(received_at) AS last_at
          FROM inbox
         WHERE received_at >= $1
         GROUP BY inbox.source, type
         UNION ALL
        SELECT 'own', '', NULL, type, count(*), min(written_at), max(written_at)
          FROM outbox
         WHERE written_at >= $1
         GROUP BY type
         ORDER BY last_at DESC
         LIMIT $2
        """,
        since,
        _ROWS_MAX,
    )
    return [Publisher.model_validate(dict(row)) for row in rows]
