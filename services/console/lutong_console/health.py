"""Whether a piece of the suite is well, by asking it: a process that is alive, or a port that is open, proves nothing."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import httpx
from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError

from lutong_chassis.kafka import KafkaAccess

ANSWER_TIMEOUT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a piece is: its state in a word, and what is wrong with it, if anything is."""

    state: str
    wrong: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


READY: Final = Health("ready")


def judge_service(live: dict[str, Any], ready: dict[str, Any]) -> Health:
    """How a service is, by what it answers at /livez and /readyz. Pure."""
    absent = [f"no {name}" for name, there in ready["checks"].items() if not there]
    if not live["live"]:
        return Health("not alive", "; ".join([str(live["reason"]), *absent]))
    if absent:
        return Health("not ready", "; ".join(absent))
    if stuck := live.get("stuck"):
        return Health("stuck", str(stuck))
    return READY


async def of_service(client: httpx.AsyncClient, url: str) -> Health:
    """Ask a service."""
    try:
        live, ready = [(await client.get(f"{url}/{path}")).json() for path in ("livez", "readyz")]
        return judge_service(live, ready)
    except (httpx.TransportError, ValueError, KeyError) as error:
        return Health("not ready", f"does not answer ({type(error).__name__})")


async def of_kafka(kafka: KafkaAccess) -> Health:
    """Ask the broker for its metadata."""
    client = AIOKafkaClient(**kafka.client, request_timeout_ms=int(ANSWER_TIMEOUT_S * 1000))
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await client.bootstrap()
    except (KafkaError, OSError) as error:
        return Health("not ready", f"does not answer ({type(error).__name__})")
    finally:
        await client.close()
    return READY


async def of_postgres(url: str) -> Health:
    """Ask the database server for a row."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            connection = await asyncpg.connect(url)
            try:
                await connection.fetchval("SELECT 1")
            finally:
                await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Health("not ready", f"does not answer ({type(error).__name__})")
    return READY
