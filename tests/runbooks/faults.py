"""Trouble, one kind each, made in a running suite and taken back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer
from uuid_utils.compat import uuid7

from lutong_chassis.testing import url_of
from lutong_console.targets import Suite
from lutong_console.verify.auditor import Auditor
from lutong_contracts.feed import PostPublished
from lutong_contracts.topics import POSTS
from lutong_local.stack import Stack
from tests.support.harness import a_record, feed, until
from tests.support.troubles import failing_for

_AUTHORS: Final = 120
"""Authors at once: twice what a replica admits."""
_COPIED: Final = """
INSERT INTO deadline (event_id, due_at, topic, key, type, correlation_id, payload)
SELECT gen_random_uuid(), now() + interval '2 s', topic, key, type, correlation_id, payload FROM deadline LIMIT 1
RETURNING event_id
"""


@asynccontextmanager
async def connected(stack: Stack, service: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of the superuser in a service's database."""
    connection = await asyncpg.connect(url_of(stack.admin_url, service))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def killed(stack: Stack, service: str) -> AsyncIterator[None]:
    """A service whose process has ended."""
    os.kill(stack.children[service].pid, signal.SIGKILL)
    yield


@asynccontextmanager
async def table_locked(stack: Stack, service: str, table: str) -> AsyncIterator[None]:
    """A transaction of the service's role, in a console that is forgotten, has a table."""
    session = await asyncpg.connect(stack.database_urls[service])
    try:
        await session.execute("SET idle_in_transaction_session_timeout = 0")
        async with session.transaction():
            await session.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield
    finally:
        await session.close()


@asynccontextmanager
async def deadline_out_of_reach(stack: Stack, service: str) -> AsyncIterator[None]:
    """A deadline is due, and a transaction that is forgotten has its row."""
    async with connected(stack, service) as session:
        await session.execute("SET idle_in_transaction_session_timeout = 0")
        made = await session.fetchval(_COPIED)
        assert made, "the roads that were walked left deadlines"
        async with session.transaction():
            await session.execute("SELECT FROM deadline WHERE event_id = $1 FOR UPDATE", made)
            try:
                yield
            finally:
                await session.execute("DELETE FROM deadline WHERE event_id = $1", made)


@asynccontextmanager
async def deadline_refused(stack: Stack, service: str) -> AsyncIterator[None]:
    """A deadline is due, and the database lets nobody take it away."""
    refused = """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'insufficient_privilege'; END $$;
        CREATE TRIGGER refuse BEFORE DELETE ON deadline FOR EACH ROW EXECUTE FUNCTION refuse();
    """
    async with connected(stack, service) as session:
        await session.execute(refused)
        made = await session.fetchval(_COPIED)
        assert made, "the roads that were walked left deadlines"
        try:
            yield
        finally:
            await session.execute("DROP TRIGGER refuse ON deadline; DROP FUNCTION refuse()")
            await session.execute("DELETE FROM deadline WHERE event_id = $1", made)


@asynccontextmanager
async def dead_rows(stack: Stack, service: str) -> AsyncIterator[None]:
    """A program wrote a million rows, took them back, and vacuum leaves its table alone."""
    async with connected(stack, service) as session:
        await session.execute("CREATE TABLE bulk (n integer) WITH (autovacuum_enabled = off)")
        try:
            await session.execute("BEGIN; INSERT INTO bulk SELECT generate_series(1, 1200000); ROLLBACK")
            yield
        finally:
            await session.execute("DROP TABLE bulk")


@asynccontextmanager
async def drifting(stack: Stack) -> AsyncIterator[None]:
    """Another program wrote to a shelf."""
    async with connected(stack, "inventory") as session:
        moved = "UPDATE shelf SET on_hand = on_hand + {by} WHERE (location_id, sku) = (SELECT location_id, sku FROM movement ORDER BY movement_id DESC LIMIT 1)"
        await session.execute(moved.format(by=1))
        try:
            yield
        finally:
            await session.execute(moved.format(by=-1))


@asynccontextmanager
async def refused_by_the_database(stack: Stack, suite: Suite) -> AsyncIterator[None]:
    """A post comes for which the registry's database reports a deadlock."""
    post_id = f"stuck-{uuid7().hex[-8:]}"
    async with failing_for(stack, post_id):
        post = PostPublished(post_id=post_id, author_id="partner", text="tea")
        await feed(suite.kafka.bootstrap, POSTS.name, [a_record(post)])
        yield


def long_unchecked(auditor: Auditor) -> None:
    """What the auditor knows is an hour older."""
    assert auditor.last
    auditor.last = replace(auditor.last, at=auditor.last.at - timedelta(hours=1))


async def park(suite: Suite, stack: Stack) -> None:
    """A publisher sent what is no event, five hours ago."""
    bad = a_record(PostPublished(post_id=f"bad-{uuid7().hex[-8:]}", author_id="partner", text="tea"))
    await feed(suite.kafka.bootstrap, POSTS.name, [bad._replace(value=b"no JSON")])
    async with connected(stack, "registry") as session:

        async def parked() -> bool:
            aged = "UPDATE parked SET parked_at = now() - interval '5 hours' RETURNING 1"
            return bool(await session.fetch(aged))

        await until(parked, "the registry has set it aside")


async def publish_elsewhere(suite: Suite) -> None:
    """Another publisher's posts, which the feed consumes."""
    posts = [PostPublished(post_id=f"far-{uuid7().hex[-8:]}", author_id="watsons", text="tea") for _ in range(3)]
    await feed(suite.kafka.bootstrap, POSTS.name, [a_record(post) for post in posts])


async def misplace(suite: Suite) -> None:
    """A publisher with another partitioner sends one key to every partition."""
    record = a_record(PostPublished(post_id=f"astray-{uuid7().hex[-8:]}", author_id="partner", text="tea"))
    for partition in range(POSTS.partitions):
        await feed(suite.kafka.bootstrap, POSTS.name, [record], partition=partition)


async def join_and_leave(suite: Suite, group: str, times: int) -> None:
    """A member of a group that comes and goes."""
    for _ in range(times):
        member = AIOKafkaConsumer(POSTS.name, group_id=group, **suite.kafka.client)
        try:
            await member.start()
        finally:
            await member.stop()


async def publications(suite: Suite) -> None:
    """More authors publish at once than a replica admits, each again a second after the answer, until it is cancelled."""
    async with suite.client(30, connections_max=_AUTHORS) as client:

        async def publish() -> None:
            while True:
                with suppress(httpx.TransportError):
                    await client.post(suite.urls["feed"] + "/v1/posts", json={"author_id": "watsons", "text": "面膜"})
                await asyncio.sleep(1)  # an author's patience

        async with asyncio.TaskGroup() as group:
            for _ in range(_AUTHORS):
                group.create_task(publish())


async def publish(suite: Suite, times: int) -> None:
    """An author publishes, and is answered: the events wait in the outbox."""
    async with suite.client(30) as client:
        for _ in range(times):
            answer = await client.post(suite.urls["feed"] + "/v1/posts", json={"author_id": "watsons", "text": "面膜"})
            answer.raise_for_status()
