"""Facts: events that are kept for longer than their topics, since they are counted, paid for or restated later.

A service keeps them in tables `<what>_fact`, partitioned by `day`, filled by its handlers: the inbox lets each event through
once. Days come and go here, in all such tables of its database (migration 0012 of the chassis).
"""

from datetime import timedelta

from lutong_chassis.database import Tx


async def keep_partitions(tx: Tx, retention: timedelta) -> None:
    """Have a partition for each coming day, and no facts of days past retention. Runs as the owner."""
    await tx.execute("SELECT keep_fact_days($1)", retention)
