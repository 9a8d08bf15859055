"""How a process of a service comes up: what it waits for, what it prepares in its database, and its HTTP server."""

import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn
from fastapi import FastAPI

from lutong_chassis import database, grants, migrate, outbox, topics
from lutong_chassis.database import Pool, pause_before_retry, transaction
from lutong_chassis.errors import ErrorClass, blames, classify
from lutong_chassis.http import LoadSheddingProtocol
from lutong_chassis.migrate import Migration
from lutong_chassis.settings import Settings, SettingsError
from lutong_contracts import Topic

log = structlog.get_logger(__name__)

CHASSIS_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_GARBAGE: Final = (50_000, 2, 5)
"""Collect when more than a batch was made and is still referenced: sooner would be looking at the same batch again and again."""

_VARIABLES: Final = {
    "database": "LUTONG_DATABASE_URL",
    "kafka": "LUTONG_KAFKA_BOOTSTRAP or another of LUTONG_KAFKA_…",
    "consumer group": "LUTONG_KAFKA_BOOTSTRAP or another of LUTONG_KAFKA_…",
}
"""The variable that has the address of what is waited for."""


def serve(app: FastAPI, settings: Settings, exit_code: Callable[[], int]) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C, then exit with what `exit_code` gives. Everything else runs in the app's lifespan."""
    gc.freeze()  # what was imported stays: no collection need look at it again
    gc.set_threshold(*_GARBAGE)
    # uvicorn stops in good order on SIGTERM and then raises the signal again for the handler before its own: this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(exit_code()))
    uvicorn.run(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        loop="asyncio",  # uvloop raises where a connection has just been closed, and aiokafka then never fetches again
        http=LoadSheddingProtocol,
        limit_concurrency=settings.http_requests_max,
        ws="none",
        timeout_graceful_shutdown=int(settings.shutdown_timeout_s),
    )


async def migrate_to_latest(migrations: Sequence[Migration], settings: Settings) -> None:
    """Bring a database up to date, and end. SettingsError where it can never be reached with these settings."""
    pool = await open_database(migrations, settings.model_copy(update={"migrate_on_start": True}))
    await pool.close()
    log.info("database_migrated", migrations=len(migrations))


async def open_database(migrations: Sequence[Migration], settings: Settings) -> Pool:
    """A pool of a database that is fit for the service; waits until it is there."""

    async def attempt() -> Pool:
        pool = await database.connect(settings)
        try:
            await prepare(pool, migrations, settings)
        except BaseException:
            await pool.close()
            raise
        return pool

    found: Pool = await until_it_works("database", attempt, settings)
    return found


async def find_topics(wanted: Sequence[Topic], settings: Settings) -> None:
    """Wait until all topics are there."""

    async def attempt() -> None:
        absent = await topics.missing(settings.kafka, wanted)
        if absent:
            message = f"topic {absent[0]} is missing ({len(absent)} in all): run `lutong topics apply`"
            raise topics.TopicError(message)

    await until_it_works("kafka", attempt, settings)


async def prepare(pool: Pool, migrations: Sequence[Migration], settings: Settings) -> None:
    """Make a database fit for a service: its tables, who may do what with them, and a partition for the events of today."""
    async with pool.acquire() as connection:
        if settings.migrate_on_start:
            await migrate.migrate(connection, migrations)
            await grants.grant(connection, migrations)
        else:
            await migrate.require(connection, migrations)
    async with transaction(pool) as tx:
        await outbox.keep_partitions(tx, settings.outbox_retention)


async def until_it_works(what: str, attempt: Callable[[], Coroutine[Any, Any, Any]], settings: Settings) -> Any:  # noqa: ANN401  # gives what `attempt` gives
    """Try until it works, with backoff, saying what is waited for.

    What never works is not waited for: a bug raises as it is, and what is configured so that it cannot work SettingsError.
    """
    tries = 0
    while True:
        try:
            return await attempt()
        except SettingsError:
            raise
        except Exception as error:
            if classify(error) is ErrorClass.CONFIGURATION:
                raise SettingsError(f"{_VARIABLES[what]}: {error}") from error
            if blames(error) and not isinstance(error, FileNotFoundError):  # a socket of PostgreSQL's that is to come
                raise
            log.warning("waiting", what=what, error=str(error) or type(error).__name__, tries=tries)
            await pause_before_retry(tries, settings.retry_delay_max_s)
            tries += 1
