"""A relay alone in a process, to be killed: ours, or the popular one that pages by `id > last`."""

import asyncio
import sys

from aiokafka import AIOKafkaProducer

from lutong_chassis import database
from lutong_chassis.relay import Relay
from lutong_chassis.testing import settings_for


async def ours(url: str, bootstrap: str) -> None:
    settings = settings_for(url, kafka_bootstrap=bootstrap)
    await Relay(await database.connect(settings), settings, "/test").run()


async def by_last_id(url: str, bootstrap: str) -> None:
    """What many outboxes do. Ids do not commit in order, so it passes rows that commit late."""
    pool = await database.connect(settings_for(url))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    last = 0
    while True:
        rows = await pool.fetch(
            "SELECT id, event_id, topic, key, payload FROM outbox WHERE id > $1 ORDER BY id LIMIT 1000", last
        )
        for row in rows:
            headers = [("ce_id", str(row["event_id"]).encode())]
            await producer.send(row["topic"], key=row["key"].encode(), value=row["payload"].encode(), headers=headers)
            last = row["id"]
        await producer.flush()
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run({"ours": ours, "by_last_id": by_last_id}[sys.argv[1]](sys.argv[2], sys.argv[3]))
