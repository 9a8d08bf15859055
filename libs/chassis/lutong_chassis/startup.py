"""Starting a service: waiting for its dependencies, preparing its database, and serving HTTP."""

import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import structlog
import uvicorn
from fastapi import FastAPI

from lutong_chassis import connecting, database, facts, grants, migrate, outbox, topics
from lutong_chassis.database import Pool, pause_before_retry, transaction
from lutong_chassis.errors import ErrorClass, blames, classify
from lutong_chassis.http import LoadSheddingProtocol
from lutong_chassis.migrate import Migration
from lutong_chassis.pooled import Pools
from lutong_chassis.settings import Settings, SettingsError
from lutong_chassis.supervise import cancelled_by_us
from lutong_contracts import Topic

log = structlog.get_logger(__name__)

R = TypeVar("R")

CHASSIS_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_GARBAGE: Final = (50_000, 2, 5)
"""Collect when more than a batch was allocated and is still referenced: sooner would scan the same batch repeatedly."""

_VARIABLES: Final = {
    "database": "LUTONG_DATABASE_URL",
    "kafka": "LUTONG_KAFKA_BOOTSTRAP or another of LUTONG_KAFKA_…",
    "consumer group": "LUTONG_KAFKA_BOOTSTRAP or another of LUTONG_KAFKA_…",
}
"""The variable that holds the address of each dependency."""


def serve(app: FastAPI, settings: Settings, exit_code: Callable[[], int]) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C, then exit with what `exit_code` returns. Everything else runs in the app's lifespan."""
    gc.freeze()  # imported modules stay: no collection needs to scan them again
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
    """Apply all migrations. Raises SettingsError when the database can never be reached with these settings."""
    pools = await open_database(migrations, settings.model_copy(update={"migrate_on_start": True}))
    await pools.close()
    log.info("database_migrated", migrations=len(migrations))


async def open_database(migrations: Sequence[Migration], settings: Settings) -> Pools:
    """Connections to the service's database, prepared; waits until the database is reachable."""

    async def attempt() -> Pools:
        pools = await _connect(settings)
        try:
            await pools.require_one_database()
            await prepare(pools.sessions, migrations, settings)
        except BaseException:
            await pools.close()
            raise
        return pools

    return await until_it_works("database", attempt, settings)


async def _connect(settings: Settings) -> Pools:
    pool = await database.connect(settings)
    if settings.database_direct_url is None:
        return Pools(pool, pool)
    try:
        return Pools(pool, await connecting.connect_directly(settings))
    except BaseException:
        await pool.close()
        raise


async def find_topics(wanted: Sequence[Topic], settings: Settings) -> None:
    """Wait until all topics exist."""

    async def attempt() -> None:
        absent = await topics.missing(settings.kafka, wanted)
        if absent:
            message = f"topic {absent[0]} is missing ({len(absent)} in all): run `lutong topics apply`"
            raise topics.TopicError(message)

    await until_it_works("kafka", attempt, settings)


async def prepare(pool: Pool, migrations: Sequence[Migration], settings: Settings) -> None:
    """Prepare a database: its tables, the rights on them, and the partitions of outbox and facts from today on."""
    async with pool.acquire() as connection:
        if settings.migrate_on_start:
            await migrate.migrate(connection, migrations)
            await grants.grant(connection, migrations)
        else:
            await migrate.require(connection, migrations)
    async with transaction(pool) as tx:
        await outbox.keep_partitions(tx, settings.outbox_retention)
        await facts.keep_partitions(tx, settings.facts_retention)


async def until_it_works(what: str, attempt: Callable[[], Awaitable[R]], settings: Settings) -> R:
    """Retry with backoff until `attempt` succeeds, and log what is waited for.

    What can never succeed is not retried: a bug is raised as it is, a wrong configuration as SettingsError.
    """
    tries = 0
    while True:
        try:
            with cancelled_by_us():
                return await attempt()
        except SettingsError:
            raise
        except Exception as error:
            if classify(error) is ErrorClass.CONFIGURATION:
                raise SettingsError(f"{_VARIABLES[what]}: {error}") from error
            if blames(error) and not isinstance(
                error, FileNotFoundError
            ):  # PostgreSQL's socket, which may appear later
                raise
            log.warning("waiting", what=what, error=str(error) or type(error).__name__, tries=tries)
            await pause_before_retry(tries, settings.retry_delay_max_s)
            tries += 1
