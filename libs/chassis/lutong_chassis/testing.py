"""For tests of a service: its real handlers and routes on a real PostgreSQL, without Kafka in between.

>>> events = await deliver(pool, handlers, PostPublished(...))
>>> async with http_client(service, pool) as client: await client.post("/v1/posts", json=...)
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from uuid_utils import uuid7

from lutong_chassis import database, jobs, processing, tokens
from lutong_chassis.auth import Principal, Verifier, public_keys
from lutong_chassis.database import Pool, Tx, new_cause
from lutong_chassis.envelope import Cause, Received
from lutong_chassis.handlers import Handlers
from lutong_chassis.jobs import JobQueue
from lutong_chassis.migrate import Migration
from lutong_chassis.service import Service
from lutong_chassis.settings import Settings
from lutong_chassis.startup import prepare
from lutong_contracts import TOPICS, Event, Topic, event_class
from lutong_contracts.topics import TIMELINES

_TOKEN_LIFETIME_S: Final = 6 * 3600
"""Longer than any run: many tokens are made when a file of tests is imported."""

_offsets = count()


class PublishedEvent(NamedTuple):
    """An event in the outbox, by what tests compare."""

    type: str
    key: str


def a_received(event: Event, *, id: str | None = None, cause: Cause | None = None) -> Received[Event]:  # noqa: A002  # CloudEvents calls it id
    """An event as if it had come from its topic just now."""
    now = datetime.now(UTC)
    return Received(
        event=event,
        id=id or str(uuid7()),
        source=f"/lutong/{event.topic.owner}",
        time=now,
        key=event.key,
        sequence=None,
        cause=cause or new_cause(),
        topic=event.topic.name,
        partition=0,
        offset=next(_offsets),
        recorded_at=now,
    )


async def deliver(pool: Pool, handlers: Handlers, *events: Event | Received[Event]) -> list[Event]:
    """Deliver events in one batch, as one poll would; returns the events that follow, deadlines included, in order."""
    received = [item if isinstance(item, Received) else a_received(item) for item in events]
    async with database.transaction(pool) as tx:
        await processing.handle(tx, received, handlers)
    return [outgoing.event for outgoing in tx.outgoing]


async def run_jobs(pool: Pool, queue: JobQueue[Any, Any]) -> list[Event]:
    """Run a job queue once for every job that is due, as its loop would; returns the events that follow."""
    claimed = await jobs.claim(pool, queue, queue.at_once)
    answers = [answer for job in claimed if (answer := await jobs.ask(queue, job)) is not None]
    return [outgoing.event for outgoing in await jobs.record(pool, queue, answers)] if answers else []


@asynccontextmanager
async def in_transaction(pool: Pool) -> AsyncIterator[Tx]:
    """A transaction, for looking at tables or arranging them."""
    async with database.transaction(pool) as tx:
        yield tx


async def events_published(pool: Pool) -> list[PublishedEvent]:
    """The events in the outbox, without those about the audit, about entities and of timelines, in order of id."""
    entities = [topic.name for topic in TOPICS if topic.compacted or topic is TIMELINES]
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT type, key FROM outbox WHERE topic <> ALL ($1) ORDER BY id", entities)
    return [PublishedEvent(*row) for row in rows if not row["type"].endswith(".action-audited.v1")]


async def entities_published(pool: Pool, topic: Topic) -> list[Event]:
    """The events about the entities of a topic, in order of id."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT type, payload FROM outbox WHERE topic = $1 ORDER BY id", topic.name)
    return [event_class(row["type"]).model_validate_json(row["payload"]) for row in rows]


def an_admin() -> Principal:
    """Who may do everything."""
    return Principal("ada", "admin")


def an_operator() -> Principal:
    """Who may do what operators may."""
    return Principal("olga", "operator")


def a_viewer() -> Principal:
    """Staff that only looks."""
    return Principal("vera", "viewer")


def a_merchant(merchant_id: str) -> Principal:
    """An employee of a merchant."""
    return Principal(f"staff-of-{merchant_id}", "merchant", merchant_id=merchant_id)


def a_member(member_id: str) -> Principal:
    """A member: who posts, reads, joins and orders under this id."""
    return Principal(member_id, "member", member_id=member_id)


@cache
def signer() -> tokens.Signer:
    """The issuer of the tokens of this process's tests."""
    return tokens.generate()


def bearer(who: Principal) -> dict[str, str]:
    """The header that names the caller."""
    return {"authorization": f"Bearer {signer().token(who, _TOKEN_LIFETIME_S)}"}


@asynccontextmanager
async def http_client(
    service: Service, pool: Pool, who: Principal | None = None, **overrides: object
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's own routes, in process, calling as a principal (an admin by default).

    Nothing else of the service runs, and it takes any number of requests. `overrides` are settings.
    """
    app = app_of(service, **overrides)
    app.state.authorizer.verifier = Verifier(public_keys(signer().jwks), tokens.ISSUER, tokens.AUDIENCE)
    service.pool = pool
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = bearer(who or an_admin()) | {"lutong-reason": "a test"}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            yield client
    finally:
        service.pool = None


@cache
def app_of(service: Service, **overrides: object) -> FastAPI:
    """A service's application, put together once: that takes longer than most requests."""
    return service.app(settings_for("postgresql://unused", **({"http_burst": 1_000_000} | overrides)))


def settings_for(database_url: str, **overrides: object) -> Settings:
    """Settings for a test: given database, no keys file (`http_client` brings its own), everything else as shipped."""
    return Settings.model_validate({"database_url": SecretStr(database_url), "auth": "off"} | overrides)


async def create_database(admin_url: str, name: str, *, template: str | None = None) -> str:
    """Create a database (as a copy of a template, when given); gives its URL for the same user."""
    connection = await asyncpg.connect(admin_url)
    try:
        clause = f' TEMPLATE "{template}"' if template else ""
        await connection.execute(f'CREATE DATABASE "{name}"{clause}')
    finally:
        await connection.close()
    return url_of(admin_url, name)


async def drop_database(admin_url: str, name: str) -> None:
    """Drop a database, and cut all connections to it."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def url_of(admin_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))


async def migrate_database(url: str, migrations: Sequence[Migration]) -> None:
    """Bring a database to the state a service expects at boot."""
    settings = settings_for(url, database_connections_max=3)
    pool = await database.connect(settings)
    try:
        await prepare(pool, migrations, settings)
    finally:
        await pool.close()
