"""One process of a service: HTTP, consumer, relay, deadlines, jobs and maintenance on one event loop.

It starts without its dependencies: it serves /livez at once, waits for PostgreSQL and then for Kafka, with
backoff, and logs what it waits for. SIGTERM finishes the batch in progress and stops.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
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
from lutong_chassis.http.application import application
from lutong_chassis.jobs import JobQueue, JobRunner
from lutong_chassis.maintenance import Housekeeping, run_maintenance
from lutong_chassis.problem import Problem
from lutong_chassis.processing import Processor, handle
from lutong_chassis.quiet import Quiet
from lutong_chassis.relay import Relay
from lutong_chassis.settings import Settings, SettingsError, read, settings_of
from lutong_chassis.subscriber import KafkaSubscriber
from lutong_chassis.supervise import Loops, stop
from lutong_chassis.watchdog import Watchdog
from lutong_contracts import event_types

log = structlog.get_logger(__name__)


class Service:
    """A microservice: its event handlers, routes, migrations, job queues and entities, as one process.

    `name` is the owner of its topics. `migrations` is a folder of SQL files. `job_queues` is called once, at start, and
    returns the queues of this process. `settings` are its own settings classes, checked at start. `entities` reads
    the entities of each compacted topic that it owns. `gauges` updates metrics of its own whenever they are asked for, `housekeeping`
    runs every hour. When the contracts have `lutong.<name>.action-audited.v1`, an event of that type is published for each row of its audit.

        service = Service("feed", handlers=handlers, routes=router, migrations=Path(__file__).parent / "migrations")
        service.run()
    """

    def __init__(  # noqa: PLR0913  # one keyword per part
        self,
        name: str,
        *,
        handlers: Handlers,
        routes: APIRouter,
        migrations: Path,
        job_queues: Callable[[], Sequence[JobQueue[Any, Any]]] = tuple,
        settings: Sequence[type[BaseSettings]] = (),
        entities: Entities | None = None,
        gauges: Callable[[Tx], Awaitable[None]] | None = None,
        housekeeping: Housekeeping | None = None,
    ) -> None:
        self.name = name
        self.exports = event_types().get(f"lutong.{name}.action-audited.v1")
        self.source = f"/lutong/{name}"
        self.handlers = handlers
        self.routes = routes
        self.job_queues = job_queues
        self.settings = settings
        self.entities = entities or {}
        self.gauges = gauges
        self.housekeeping = housekeeping
        self.made: Sequence[JobQueue[Any, Any]] = ()
        self.migrations = [
            *migrate.migrations("chassis", startup.CHASSIS_MIGRATIONS),
            *migrate.migrations(name, migrations),
        ]
        self.pool: Pool | None = None
        self.relay: Relay | None = None
        self.subscriber: KafkaSubscriber | None = None
        self.watchdog: Watchdog | None = None
        self.quiet: Quiet | None = None
        self.lanes = Lanes(handlers.by_command, lambda: self.required_pool, self.wake_relay, self.wake_job_queues)
        self.runners: dict[str, JobRunner] = {}
        self.loops: Loops | None = None
        self.keys: Mapping[str, object] | None = None
        """The keys of the issuer of tokens, where they are fetched."""
        self.stopping = False
        self.exit_code = 0

    # The interface of a running service: for its routes, its handlers and health checks

    @property
    def required_pool(self) -> Pool:
        """The pool of connections. Raises a 503 problem while there is none."""
        if self.pool is None:
            raise Problem(503, "not_ready", "the service is starting: its database is not ready yet")
        return self.pool

    @property
    def stalled(self) -> str | None:
        """Why the process should be restarted; None when it should not."""
        stalled = self.watchdog.stalled if self.watchdog else None
        return stalled or (self.loops.stuck if self.loops else None)

    @property
    def stuck(self) -> str | None:
        """What the consumer has retried for too long, as a sentence; None when nothing is stuck. A restart does not fix it."""
        return self.watchdog.stuck if self.watchdog else None

    @property
    def quiet_since(self) -> datetime | None:
        """Since when it publishes and consumes nothing, after a restore; None when it does."""
        return self.quiet.since if self.quiet else None

    def wake_relay(self) -> None:
        """Publish the outbox at once: a commit added rows."""
        if self.relay:
            self.relay.wake()

    def wake_job_queues(self, names: set[str]) -> None:
        """Claim from these queues at once: there are new jobs."""
        for name in names & self.runners.keys():
            self.runners[name].wake()

    async def apply(self, tx: Tx, item: Incoming) -> None:
        """Handle a parked record, or pass it over, in the caller's transaction. Raises the error of the record or its handler."""
        outcome = item.outcome
        if not self.handlers.concern(outcome):
            await passed_over.remember(tx, [known] if (known := passed_over.passed_over(item)) else [])
        elif isinstance(outcome, MalformedError):
            raise outcome
        else:
            await handle(tx, [outcome], self.handlers)

    async def readiness(self) -> dict[str, bool]:
        """Each dependency by name, and whether it is available."""
        return {
            "database": await self._database_answers(),
            "broker": bool(self.watchdog and self.watchdog.broker_answers),
            "assignment": bool(self.subscriber and self.subscriber.has_assignment)
            or not self.handlers.by_type
            or self.quiet_since is not None,
            "loops": not (self.loops and self.loops.failing()),
        } | ({} if self.keys is None else {"issuer": bool(self.keys)})

    async def sample(self) -> None:
        """Update the gauges."""
        observe.STUCK_SECONDS.set(self.watchdog.stuck_s if self.watchdog else 0)
        if self.pool is None:
            return
        try:
            async with transaction(self.pool, readonly=True) as tx:
                await observe.sample(tx)
                if self.gauges:
                    await self.gauges(tx)
        except Exception as error:
            if blames(error):
                raise

    async def _database_answers(self) -> bool:
        """Whether it answers and accepts writes: commands cannot run on a read-only replica."""
        if self.pool is None:
            return False
        try:
            async with asyncio.timeout(2):
                return await database.takes_writes(self.pool)
        except Exception as error:
            if blames(error):
                raise
            return False

    # Start and stop

    def run(self, arguments: Sequence[str] | None = None) -> None:
        """Run until SIGTERM or Ctrl-C; with the argument `migrate`, apply the migrations and end.

        `arguments` default to those of the command line. The exit code is 2 when settings or arguments are invalid.
        """
        given = list(sys.argv[1:] if arguments is None else arguments)
        if given not in ([], ["migrate"]):
            sys.stderr.write(f"lutong-{self.name}: the only argument is: migrate\n")
            raise SystemExit(2)
        try:
            settings = read(Settings)
            for own in self.settings:
                settings_of(own)  # invalid settings are reported at start, not when they are first read
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
        """The ASGI application. Its lifespan runs the service: consumer, relay and the other loops."""

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            life = asyncio.create_task(self._live(settings))
            life.add_done_callback(self._stop_if_it_failed)
            keys = asyncio.create_task(app.state.authorizer.follow_keys())
            try:
                yield
            finally:
                self.stopping = True
                life.cancel()
                keys.cancel()
                await asyncio.gather(life, keys, return_exceptions=True)

        app = application(self, settings, lifespan)
        if settings.auth_keys_url:
            self.keys = app.state.authorizer.verifier.keys
        return app

    def _stop_if_it_failed(self, life: asyncio.Task[None]) -> None:
        """Stop the process when `_live` ends by itself, for example after a bug in a migration: it would only look alive."""
        if self.stopping:
            return
        error = asyncio.CancelledError("it was cancelled without SIGTERM") if life.cancelled() else life.exception()
        self.exit_code = 2 if isinstance(error, SettingsError) else 1
        log.critical("service_failed", error=f"{type(error).__name__}: {error}")
        os.kill(os.getpid(), signal.SIGTERM)

    async def _live(self, settings: Settings) -> None:
        """Wait for the dependencies in order; run until cancelled; stop in the opposite order."""
        pools = await startup.open_database(self.migrations, settings)
        pool = pools.shared
        self.relay = Relay(pool, settings, self.source, sessions=pools.sessions)
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
        self.quiet = Quiet(pool)
        self.pool = pool
        tasks = self._start_loops(pool, settings)
        try:
            # Without one of the topics that it publishes to, the relay would block at the first row for it.
            published = [*self.entities, *([self.exports.topic] if self.exports else [])]
            await startup.find_topics([*self.handlers.topics, *published], settings)
            await self.quiet.over()
            await startup.until_it_works("consumer group", self.subscriber.start, settings)
            log.info("service_ready", topics=[topic.name for topic in self.handlers.topics])
            await asyncio.Event().wait()
        finally:
            await self.subscriber.stop()
            await self.lanes.stop()
            await stop(tasks)
            await asyncio.gather(*(runner.close() for runner in self.runners.values()), return_exceptions=True)
            self.pool = None
            await pools.close()
            log.info("service_stopped")

    def _start_loops(self, pool: Pool, settings: Settings) -> list[asyncio.Task[NoReturn]]:
        """Start the loops that run beside the consumer."""
        assert self.relay  # noqa: S101  # created just before
        assert self.watchdog  # noqa: S101  # created just before
        assert self.quiet  # noqa: S101  # created just before
        self.loops = Loops(settings.retry_delay_max_s, settings.stall_timeout_s)
        speak: dict[str, Callable[[], Awaitable[object]]] = {
            "relay": self.relay.run,
            "deadlines": self.relay.release_deadlines,
            "taking up": partial(taking_up.run, pool, self.name, self.handlers, self.apply, self.relay.wake),
        }
        speak |= {f"job queue {name}": runner.run for name, runner in self.runners.items()}
        loops: dict[str, Callable[[], Awaitable[object]]] = {
            "quiet": self.quiet.watch,
            "watchdog": self.watchdog.run,
            "housekeeping": partial(run_maintenance, pool, settings, self.housekeeping),
        }
        loops |= {name: self.quiet.after(run) for name, run in speak.items()}
        return [asyncio.create_task(self.loops.supervised(name, run)) for name, run in loops.items()]
