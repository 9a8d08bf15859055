"""One process of a service: HTTP, consumer, relay, deadlines and housekeeping on one event loop.

Nothing has to be there when it starts: it serves /livez at once, waits for PostgreSQL, then for
Kafka, with backoff, and says what it waits for. SIGTERM finishes what is in hand and stops.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import structlog
import uvicorn
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI
from pydantic_settings import BaseSettings

from lutong_chassis import database, failpoints, grants, observe, operations, outbox, topics
from lutong_chassis.broker import KafkaIntake
from lutong_chassis.consumer import Consumer, handle
from lutong_chassis.database import Pool, Tx, pause_before_retry, transaction
from lutong_chassis.envelope import Received
from lutong_chassis.errands import Errand, Runner
from lutong_chassis.handlers import Handlers
from lutong_chassis.housekeeping import keep_house
from lutong_chassis.http import BodyLimit, Front, Gate, Problem, SafeHeaders, install_problems
from lutong_chassis.relay import Relay
from lutong_chassis.settings import Settings, SettingsError, chosen, read
from lutong_chassis.watchdog import Watchdog
from lutong_contracts import Event

log = structlog.get_logger(__name__)

CHASSIS_MIGRATIONS = Path(__file__).parent / "migrations"
_GARBAGE = (50_000, 2, 5)
"""Collect when more than a batch was made and not let go: sooner would be looking at the same batch again and again."""

_WAITED_FOR = (KafkaError, topics.TopicError, asyncpg.InvalidCatalogNameError, database.NotMigratedError)


class Service:
    """A service by its parts: what it reacts to, what it answers, its tables, and what it asks of the outside."""

    def __init__(
        self,
        name: str,
        *,
        handlers: Handlers,
        routes: APIRouter,
        migrations: Path,
        errands: Callable[[], Sequence[Errand[Any, Any]]] = tuple,
        settings: Sequence[type[BaseSettings]] = (),
    ) -> None:
        self.name = name
        self.source = f"/lutong/{name}"
        self.handlers = handlers
        self.routes = routes
        self.errands = errands
        self.settings = settings
        self.made: Sequence[Errand[Any, Any]] = ()
        self.migrations = [
            *database.migrations("chassis", CHASSIS_MIGRATIONS),
            *database.migrations(name, migrations),
        ]
        self.pool: Pool | None = None
        self.relay: Relay | None = None
        self.intake: KafkaIntake | None = None
        self.watchdog: Watchdog | None = None
        self.runners: dict[str, Runner] = {}
        self.stopping = False
        self.failed = False

    # What the outside asks of a running service

    @property
    def required_pool(self) -> Pool:
        """The pool, or a 503 while there is none."""
        if self.pool is None:
            raise Problem(503, "not_ready", "the service is starting: its database is not ready yet")
        return self.pool

    @property
    def stalled(self) -> str | None:
        """Why the process should be restarted, if it should."""
        return self.watchdog.stalled if self.watchdog else None

    def wake_relay(self) -> None:
        """Something was said: carry it now."""
        if self.relay:
            self.relay.wake()

    def wake_errands(self, names: set[str]) -> None:
        """There are new jobs for these errands: run them now."""
        for name in names & self.runners.keys():
            self.runners[name].wake()

    async def apply(self, tx: Tx, received: Sequence[Received[Event]]) -> None:
        """Handle events in a transaction of the caller's."""
        await handle(tx, received, self.handlers)

    async def readiness(self) -> dict[str, bool]:
        """What the service needs in order to serve, and whether it has it."""
        return {
            "database": await self._database_answers(),
            "broker": bool(self.watchdog and self.watchdog.broker_answers),
            "assignment": bool(self.intake and self.intake.has_assignment) or not self.handlers.by_type,
        }

    async def sample(self) -> None:
        """Bring the gauges up to date."""
        if self.pool is None:
            return
        with suppress(*database.TRANSIENT):
            async with transaction(self.pool, readonly=True) as tx:
                await observe.sample(tx)

    async def _database_answers(self) -> bool:
        if self.pool is None:
            return False
        try:
            async with asyncio.timeout(2), self.pool.acquire() as connection:
                return bool(await connection.fetchval("SELECT true"))
        except database.TRANSIENT:
            return False

    # Its life

    def run(self, arguments: Sequence[str] | None = None) -> None:
        """Run until SIGTERM or Ctrl-C; with the argument `migrate`, bring the database up to date and end.

        Arguments are the command line's unless they are given. Exit code 2 when the settings or the arguments do not make sense.
        """
        told = list(sys.argv[1:] if arguments is None else arguments)
        if told not in ([], ["migrate"]):
            sys.stderr.write(f"lutong-{self.name}: the only argument there is: migrate\n")
            raise SystemExit(2)
        try:
            settings = read(Settings)
            for own in self.settings:
                chosen(own)  # what makes no sense is said now, not when it is first needed
            self.made = self.errands()
            app = self.app(settings)
        except SettingsError as error:
            sys.stderr.write(f"lutong-{self.name}: {error}\n")
            raise SystemExit(2) from None
        if settings.failpoint:
            failpoints.arm(settings.failpoint)
        observe.configure_logging(settings, self.name)
        if told:
            asyncio.run(self._migrate(settings.model_copy(update={"migrate_on_start": True})))
            return
        observe.configure_tracing(settings, self.name)
        if settings.auth == "off":
            log.warning("everybody_may_do_everything", reason="LUTONG_AUTH=off")
        gc.freeze()  # what was imported stays: no collection need look at it again
        gc.set_threshold(*_GARBAGE)
        # uvicorn stops in good order on SIGTERM and then raises the signal again for whoever was before it: us.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1 if self.failed else 0))
        uvicorn.run(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            loop="asyncio",  # uvloop raises where a connection has just been closed, and aiokafka then never fetches again
            http=Front,
            limit_concurrency=settings.http_requests_max,
            ws="none",
            timeout_graceful_shutdown=int(settings.shutdown_timeout_s),
        )

    def app(self, settings: Settings) -> FastAPI:
        """The ASGI application; its lifespan is the service's life."""

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            life = asyncio.create_task(self._live(settings))
            life.add_done_callback(self._stop_if_it_failed)
            try:
                yield
            finally:
                self.stopping = True
                life.cancel()
                await asyncio.gather(life, return_exceptions=True)

        app = FastAPI(title=f"Lutong {self.name}", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
        app.state.service = self
        app.state.gate = Gate.of(settings)
        for router in (operations.health, operations.router, operations.deeds, self.routes):
            app.router.routes += router.routes  # as they are: including them builds each anew, at the first request
        app.add_middleware(BodyLimit, bytes_max=settings.body_bytes_max)
        app.add_middleware(SafeHeaders)
        install_problems(app)
        return app

    def _stop_if_it_failed(self, life: asyncio.Task[None]) -> None:
        """A life that ends by itself (a bug in a migration, say) must not leave a process that looks alive."""
        if self.stopping:
            return
        error = asyncio.CancelledError("nobody asked it to stop") if life.cancelled() else life.exception()
        self.failed = True
        log.critical("service_failed", error=f"{type(error).__name__}: {error}")
        os.kill(os.getpid(), signal.SIGTERM)

    async def _live(self, settings: Settings) -> None:
        """Wait for what is needed, in order; run until cancelled; stop in the opposite order."""
        pool = await until_it_works("database", lambda: self._open_database(settings), settings)
        self.relay = Relay(pool, settings, self.source)
        self.runners = {
            each.name: Runner(each, pool, settings, self.relay.wake) for each in self.made or self.errands()
        }
        consumer = Consumer(
            pool,
            self.handlers,
            settings.retry_delay_max_s,
            after_commit=self.relay.wake,
            wake_errands=self.wake_errands,
            owner=self.name,
        )
        self.intake = KafkaIntake(f"lutong-{self.name}", self.handlers.topics, consumer, settings)
        self.watchdog = Watchdog(self.intake, settings)
        self.pool = pool
        tasks = [
            asyncio.create_task(coroutine)
            for coroutine in (
                self.relay.run(),
                self.relay.sweep(),
                self.watchdog.run(),
                keep_house(pool, settings),
                *(runner.run() for runner in self.runners.values()),
            )
        ]
        try:
            await until_it_works("kafka", lambda: self._find_topics(settings), settings)
            await until_it_works("consumer group", self.intake.start, settings)
            log.info("service_ready", topics=[topic.name for topic in self.handlers.topics])
            await asyncio.Event().wait()
        finally:
            await self.intake.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.pool = None
            await pool.close()
            log.info("service_stopped")

    async def _open_database(self, settings: Settings) -> Pool:
        pool = await database.connect(settings)
        try:
            await prepare(pool, self.migrations, settings)
        except BaseException:
            await pool.close()
            raise
        return pool

    async def _migrate(self, settings: Settings) -> None:
        pool = await until_it_works("database", lambda: self._open_database(settings), settings)
        await pool.close()
        log.info("database_migrated", migrations=len(self.migrations))

    async def _find_topics(self, settings: Settings) -> None:
        absent = await topics.missing(settings.kafka, self.handlers.topics)
        if absent:
            message = f"topic {absent[0]} is missing ({len(absent)} in all): run `lutong topics apply`"
            raise topics.TopicError(message)


async def prepare(pool: Pool, migrations: Sequence[database.Migration], settings: Settings) -> None:
    """Make a database fit for a service: its tables, who may do what with them, and a place for what is said today."""
    async with pool.acquire() as connection:
        if settings.migrate_on_start:
            await database.migrate(connection, migrations)
            await grants.grant(connection, migrations)
        else:
            await database.require(connection, migrations)
    async with transaction(pool) as tx:
        await outbox.keep_partitions(tx, settings.outbox_retention)


async def until_it_works(what: str, attempt: Callable[[], Coroutine[Any, Any, Any]], settings: Settings) -> Any:  # noqa: ANN401  # gives what `attempt` gives
    """Try until it works, with backoff, saying what is waited for. A bug is not waited for: it raises."""
    tries = 0
    while True:
        try:
            return await attempt()
        except (*_WAITED_FOR, *database.TRANSIENT) as error:
            log.warning("waiting", what=what, error=str(error) or type(error).__name__, tries=tries)
            await pause_before_retry(tries, settings.retry_delay_max_s)
            tries += 1
