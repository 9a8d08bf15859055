"""The feed consumes its own topic for what others publish: its own events cost it a look at two headers."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from lutong_chassis import processing
from lutong_chassis.database import Pool
from lutong_chassis.envelope import Incoming
from lutong_chassis.parking import StoredRecord
from lutong_chassis.processing import Processor
from lutong_chassis.testing import in_transaction
from lutong_contracts.cloudevents import Cause, Envelope, to_headers, to_structured
from lutong_contracts.feed import PostPublished, PostRefused
from lutong_contracts.topics import DISCOVERIES
from lutong_feed.handlers import handlers
from tests.support.harness import a_record as harness_record

POST = PostPublished(post_id="p-1", author_id="ann", text="路通")


def a_record(source: str, value: bytes | None = None, *, structured: bool = False) -> StoredRecord:
    envelope = Envelope("e-1", source, POST.type, datetime.now(UTC), POST.key, None, Cause("j-1"))
    data = POST.model_dump_json().encode()
    headers: list[tuple[str, bytes | None]] = list(to_headers(envelope))
    if structured:
        headers, data = [("content-type", b"application/cloudevents+json")], to_structured(envelope, data)
    return StoredRecord(POST.topic.name, 0, 0, 1_700_000_000_000, POST.key.encode(), value or data, headers)


async def consume(pool: Pool, *records: StoredRecord) -> tuple[int, int]:
    """Events taken in, and records parked."""
    numbered = [Incoming(replace(record, offset=offset)) for offset, record in enumerate(records)]
    await Processor(pool, handlers, after_commit=lambda: None, owner="feed").process(numbered, 0)
    async with in_transaction(pool) as tx:
        return (
            await tx.fetchval("SELECT count(*) FROM inbox"),
            await tx.fetchval("SELECT count(*) FROM parked"),
        )


@pytest.mark.parametrize("structured", [False, True])
async def test_its_own_posts_are_passed_over_and_those_of_others_taken(
    client: httpx.AsyncClient, pool: Pool, structured: bool
) -> None:
    own, other = (a_record(source, structured=structured) for source in ("/lutong/feed", "/partner/cms"))
    assert await consume(pool, own) == (0, 0)
    assert await consume(pool, own, other) == (1, 0)
    assert (await client.get("/v1/posts/p-1")).status_code == 200


async def test_its_own_are_not_even_decoded_and_garbage_of_others_is_parked(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    assert await consume(pool, a_record("/lutong/feed", b"\xff")) == (0, 0)
    assert await consume(pool, a_record("/partner/cms", b"\xff")) == (0, 1)


async def test_what_nobody_here_handles_is_noted_once(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by its type in a header: not decoded, so that garbage in it is nobody's trouble here either."""
    event = PostRefused(post_id="p-1", author_id="ann", reason="post_exists")
    key, _, headers = harness_record(event)
    record = StoredRecord(event.topic.name, 0, 0, 1_700_000_000_000, key.encode(), b"\xff", list(headers))
    processor = Processor(pool, handlers, after_commit=lambda: None, owner="feed")
    await processor.process([Incoming(record)], 0)
    monkeypatch.setattr(processing, "transaction", None)  # from now on it opens none
    await processor.process([Incoming(replace(record, offset=1))], 0)
    monkeypatch.undo()
    async with in_transaction(pool) as tx:
        assert [row["first"] for row in await tx.fetch("SELECT first FROM passed_over")] == [0]
    assert await consume(pool, replace(record, topic=DISCOVERIES.name)) == (0, 1)
