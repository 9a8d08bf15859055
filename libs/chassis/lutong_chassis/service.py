"""One process of a service: HTTP, consumer, relay, deadlines and housekeeping on one event loop.

Nothing has to be there when it starts: it serves /livez at once, waits for PostgreSQL, then for
Kafka, with backoff, and says what it waits for. SIGTERM finishes what is in hand and stops.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import structlog
from fastapi import APIRouter, FastAPI
from pydantic_settings import BaseSettings

from lutong_chassis import database, failpoints, migrate, observe, passed_over, startup, taking_up
from lutong_chassis.commands.lanes import Lanes
from lutong_chassis.consumer import Consumer
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.entities import Entities
from lutong_chassis.envelope import Incoming, MalformedError
from lutong_chassis.errors import blames
from lutong_chassis.handlers import Handlers
from lutong_chassis.http import (
    Authorizer,
    BodyLimit,
    HeadAsGet,
    Problem,
    RequestIds,
    SafeHeaders,
    install_problems,
    operations,
)
from lutong_chassis.http.described import document_body_limit
from lutong_chassis.jobs import JobQueue, JobRunner
from lutong_chassis.maintenance import run_maintenance
from lutong_chassis.processing import Processor, handle
from lutong_chassis.relay import Relay
from lutong_chassis.settings import Settings, SettingsError, read, settings_of
from lutong_chassis.subscriber import KafkaSubscriber
from lutong_chassis.supervise import Loops, stop
from lutong_chassis.watchdog import Watchdog
from lutong_contracts import event_types
from lutong_contracts.version import VERSION

log = structlog.get_logger(__name__)


class Service:
    """A service by its parts: what it reacts to, what it answers, its tables, what it asks of the outside, its entities.

    Its contracts' `ActionAudited`, if there is one, is published for each row of its audit.
    """

    def __init__(  # noqa: PLR0913  # its parts
        self,
        name: str,
        *,
        handlers: Handlers,
        routes: APIRouter,
        migrations: Path,
        job_queues: Callable[[], Sequence[JobQueue[Any, Any]]] = tuple,
        settings: Sequence[type[BaseSettings]] = (),
        entities: Entities | None = None,
    ) -> None:
        self.name = name
        self.exports = event_types().get(f"lutong.{name}.action-audited.v1")
        self.source = f"/lutong/{name}"
        self.handlers = handlers
        self.routes = routes
        self.job_queues = job_queues
        self.settings = settings
        self.entities = entities or {}
        self.made: Sequence[JobQueue[Any, Any]] = ()
        self.migrations = [
            *migrate.migrations("chassis", startup.CHASSIS_MIGRATIONS),
            *migrate.migrations(name, migrations),
        ]
        self.pool: Pool | None = None
        self.relay: Relay | None = None
        self.subscriber: KafkaSubscriber | None = None
        self.watchdog: Watchdog | None = None
        self.lanes = Lanes(handlers.by_command, lambda: self.required_pool, self.wake_relay, self.wake_job_queues)
        self.runners: dict[str, JobRunner] = {}
        self.loops: Loops | None = None
        self.stopping = False
        self.exit_code = 0

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
        stalled = self.watchdog.stalled if self.watchdog else None
        return stalled or (self.loops.stuck if self.loops else None)

    @property
    def stuck(self) -> str | None:
        """What the consumer has tried in vain for too long, in a sentence. A restart does not mend it."""
        return self.watchdog.stuck if self.watchdog else None

    def wake_relay(self) -> None:
        """Something was said: carry it now."""
        if self.relay:
            self.relay.wake()

    def wake_job_queues(self, names: set[str]) -> None:
        """There are new jobs for these errands: run them now."""
        for name in names & self.runners.keys():
            self.runners[name].wake()

    async def apply(self, tx: Tx, item: Incoming) -> None:
        """Handle a record that was parked, or pass it over, in a transaction of the caller's; raises what is wrong with it."""
        outcome = item.outcome
        if not self.handlers.concern(outcome):
            await passed_over.remember(tx, [known] if (known := passed_over.passed_over(item)) else [])
        elif isinstance(outcome, MalformedError):
            raise outcome
        else:
            await handle(tx, [outcome], self.handlers)

    async def readiness(self) -> dict[str, bool]:
        """What the service needs in order to serve, and whether it has it."""
        return {
            "database": await self._database_answers(),
            "broker": bool(self.watchdog and self.watchdog.broker_answers),
            "assignment": bool(self.subscriber and self.subscriber.has_assignment) or not self.handlers.by_type,
            "loops": not (self.loops and self.loops.failing()),
        }

    async def sample(self) -> None:
        """Bring the gauges up to date."""
        observe.STUCK_SECONDS.set(self.watchdog.stuck_s if self.watchdog else 0)
        if self.pool is None:
            return
        try:
            async with transaction(self.pool, readonly=True) as tx:
                await observe.sample(tx)
        except Exception as error:
            if blames(error):
                raise

    async def _database_answers(self) -> bool:
        """Whether it answers, and takes writes: a replica is no place for commands."""
        if self.pool is None:
            return False
        try:
            async with asyncio.timeout(2):
                return await database.takes_writes(self.pool)
        except Exception as error:
            if blames(error):
                raise
            return False

    # Its life

    def run(self, arguments: Sequence[str] | None = None) -> None:
        """Run until SIGTERM or Ctrl-C; with the argument `migrate`, bring the database up to date and end.

        Arguments are the command line's unless they are given. Exit code 2 when the settings or the arguments do not make sense.
        """
        given = list(sys.argv[1:] if arguments is None else arguments)
        if given not in ([], ["migrate"]):
            sys.stderr.write(f"lutong-{self.name}: the only argument there is: migrate\n")
            raise SystemExit(2)
        try:
            settings = read(Settings)
            for own in self.settings:
                settings_of(own)  # what makes no sense is said now, not when it is first needed
            self.made = self.job_queues()
            app = self.app(settings)
            if settings.failpoint:
                failpoints.arm(settings.failpoint)
            observe.configure_logging(settings, self.name)
            if given:
                asyncio.run(startup.migrate_to_latest(self.migrations, settings))
                return
        except SettingsError as error:
            sys.stderr.write(f"lutong-{self.name}: {error}\n")
            raise SystemExit(2) from None
        observe.configure_tracing(settings, self.name)
        if settings.auth == "off":
            log.warning("everybody_may_do_everything", reason="LUTONG_AUTH=off")
        startup.serve(app, settings, lambda: self.exit_code)

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

        app = FastAPI(title=f"Lutong {self.name}", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
        app.state.service = self
        app.state.settings = settings
        app.state.authorizer = Authorizer.of(settings)
        own = [self.routes, operations.entities_router] if self.entities else [self.routes]
        for router in (*own, operations.health, operations.router, operations.admin_router):  # the busiest first
            app.router.routes += router.routes  # as they are: including them builds each anew, at the first request
        app.add_middleware(BodyLimit, bytes_max=settings.body_bytes_max, timeout_s=settings.body_timeout_s)
        app.add_middleware(HeadAsGet)
        app.add_middleware(SafeHeaders)
        app.add_middleware(RequestIds)
        install_problems(app)
        document_body_limit(app, settings.body_bytes_max)
        return app

    def _stop_if_it_failed(self, life: asyncio.Task[None]) -> None:
        """A life that ends by itself (a bug in a migration, say) must not leave a process that looks alive."""
        if self.stopping:
            return
        error = asyncio.CancelledError("nobody asked it to stop") if life.cancelled() else life.exception()
        self.exit_code = 2 if isinstance(error, SettingsError) else 1
        log.critical("service_failed", error=f"{type(error).__name__}: {error}")
        os.kill(os.getpid(), signal.SIGTERM)

    async def _live(self, settings: Settings) -> None:
        """Wait for what is needed, in order; run until cancelled; stop in the opposite order."""
        pool = await startup.open_database(self.migrations, settings)
        self.relay = Relay(pool, settings, self.source)
        self.runners = {
            each.name: JobRunner(each, pool, settings, self.relay.wake) for each in self.made or self.job_queues()
        }
        processor = Processor(
            pool,
            self.handlers,
            after_commit=self.relay.wake,
            wake_job_queues=self.wake_job_queues,
            owner=self.name,
        )
        consumer = Consumer(processor, settings.retry_delay_max_s)
        self.subscriber = KafkaSubscriber(f"lutong-{self.name}", self.handlers.topics, consumer, settings)
        self.watchdog = Watchdog(self.subscriber, settings)
        self.pool = pool
        tasks = self._start_loops(pool, settings)
        try:
            said = [*self.entities, *([self.exports.topic] if self.exports else [])]  # the relay would wait for these
            await startup.find_topics([*self.handlers.topics, *said], settings)
            await startup.until_it_works("consumer group", self.subscriber.start, settings)
            log.info("service_ready", topics=[topic.name for topic in self.handlers.topics])
            await asyncio.Event().wait()
        finally:
            await self.subscriber.stop()
            await self.lanes.stop()
            await stop(tasks)
            await asyncio.gather(*(runner.close() for runner in self.runners.values()), return_exceptions=True)
            self.pool = None
            await pool.close()
            log.info("service_stopped")

    def _start_loops(self, pool: Pool, settings: Settings) -> list[asyncio.Task[NoReturn]]:
        """What runs beside the consumer as long as the process does."""
        assert self.relay  # noqa: S101  # made just before
        assert self.watchdog  # noqa: S101  # made just before
        self.loops = Loops(settings.retry_delay_max_s, settings.stall_timeout_s)
        loops: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "relay": self.relay.run,
            "deadlines": self.relay.release_deadlines,
            "watchdog": self.watchdog.run,
            "housekeeping": partial(run_maintenance, pool, settings),
            "taking up": partial(taking_up.run, pool, self.name, self.handlers, self.apply, self.relay.wake),
        }
        loops |= {f"errand {name}": runner.run for name, runner in self.runners.items()}
        return [asyncio.create_task(self.loops.supervised(name, run)) for name, run in loops.items()]
