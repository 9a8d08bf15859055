"""What is changed in libraries of others still fits them, and does what it is for."""

import asyncio
import inspect
import struct
from collections.abc import Callable, Coroutine
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from asyncpg.protocol import protocol
from faststream.kafka import KafkaBroker
from hypothesis import given, settings
from hypothesis import strategies as st

from lutong_chassis import _patches, batches
from lutong_chassis.batches import UndecodableBatch
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.parking import pack, unpack
from tests.support.mute_kafka import a_kafka_that_never_answers
from tests.support.raw_batches import CODECS, Raw, batch

HERE = TopicPartition("lutong.toy.heard", 3)
assert KafkaAccess("nowhere:9092").client  # importing this patches aiokafka


def given_of(fetched: bytes, offset: int = 0) -> list[Any]:
    """What a consumer is given of bytes that were fetched."""
    found = fetcher.PartitionRecords(HERE, fetcher.MemoryRecords(fetched), [], offset, None, None, True, 0)
    records = list(found)
    assert found.next_fetch_offset > offset
    return records


def test_the_parts_that_are_patched_are_as_they_were() -> None:
    looked_at = {
        fetcher.PartitionRecords._unpack_records: "unpack",  # it is what we depend on
        fetcher.FetchResult.getall: "getall",
        AIOKafkaConnection.connect: "connect",
        fetcher.Fetcher.close: "close",
    }
    found = {name: sha256(inspect.getsource(part).encode()).hexdigest()[:16] for part, name in looked_at.items()}

    assert found == {
        "unpack": "b803e6d46480732c",
        "getall": "3e717e30de5068d5",
        "connect": "b0f9ba7f0cf6b432",
        "close": "1cd24bc1c442149e",
    }


def test_the_decompressors_are_where_the_patch_puts_them() -> None:
    import sys

    module = sys.modules[DefaultRecordBatch.__module__]
    assert {name: vars(module)[name] for name in ("gzip_decode", "snappy_decode", "lz4_decode", "zstd_decode")} == {
        "gzip_decode": batches.gzip_decode,
        "snappy_decode": batches.snappy_decode_bounded,
        "lz4_decode": batches.lz4_decode,
        "zstd_decode": batches.zstd_decode,
    }


def test_asyncpg_asks_for_lists_and_tuples() -> None:
    assert (vars(protocol)["IterableABC"], vars(protocol)["SizedABC"]) == ((list, tuple), (list, tuple))


async def test_faststream_asks_for_records_where_the_patch_is() -> None:
    subscriber = KafkaBroker("nowhere:9092", logger=None).subscriber("a", group_id="g", batch=True)

    assert "self.get_msg(consumer)" in inspect.getsource(type(subscriber)._run_consume_loop)  # the same
    _patches.poll_by(subscriber, print)
    assert vars(subscriber)["get_msg"] is print


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_patches.TESTED, "aiokafka", "0.99.")

    with pytest.raises(RuntimeError, match=rf"aiokafka {version('aiokafka')} is installed"):
        _patches.install("aiokafka", lambda: None)


@pytest.mark.parametrize("compression", CODECS)
def test_a_header_name_that_is_no_utf_8_keeps_its_bytes(compression: int) -> None:
    name = "编码".encode("gbk")
    records = [Raw(b"a", b"1"), Raw(b"b", b"2", [(b"ce_id", b"e-1"), (name, b"x"), (b"", None)]), Raw(b"c", None)]
    found = given_of(batch(records, compression=compression))

    assert [(record.offset, record.key, record.value) for record in found] == [
        (0, b"a", b"1"),
        (1, b"b", b"2"),
        (2, b"c", None),
    ]
    assert [(n.encode(errors="surrogateescape"), v) for n, v in found[1].headers] == [*records[1].headers]
    assert unpack(pack(found[1].headers)) == list(found[1].headers)


def test_unpatched_aiokafka_fails_on_such_a_name() -> None:
    with pytest.raises(UnicodeDecodeError):  # the control: without the patch this is what `getmany` raises
        list(MemoryRecords(batch([Raw(b"a", b"1", [(b"\xff", b"x")])])).next_batch())


BROKEN: dict[str, Callable[[int], bytes]] = {
    "an unknown compression": lambda offset: batch([Raw(b"k", b"v")] * 3, compression=5, base_offset=offset),
    "bytes that are no records": lambda offset: batch([Raw(b"k", b"v")] * 3, body=b"\x99" * 30, base_offset=offset),
    "bytes that are no gzip": lambda offset: _compressed_wrongly(1, offset),
    "bytes that are no snappy": lambda offset: _compressed_wrongly(2, offset),
    "bytes that are no lz4": lambda offset: _compressed_wrongly(3, offset),
    "bytes that are no zstd": lambda offset: _compressed_wrongly(4, offset),
    "offsets before the batch": lambda offset: batch(
        [Raw(b"k", b"v", offset_delta=n - 3) for n in range(3)], base_offset=offset
    ),
    "offsets behind the batch": lambda offset: batch(
        [Raw(b"k", b"v", offset_delta=n + 5) for n in range(3)], base_offset=offset
    ),
    "an offset twice": lambda offset: batch(
        [Raw(b"k", b"v", offset_delta=n // 2) for n in range(3)], base_offset=offset
    ),
    "gzip of too much": lambda offset: batch(
        [Raw(b"k", bytes(2 << 20)), *[Raw(b"k", b"v")] * 2], compression=1, base_offset=offset
    ),
    "lz4 of too much": lambda offset: batch(
        [Raw(b"k", bytes(2 << 20)), *[Raw(b"k", b"v")] * 2], compression=3, base_offset=offset
    ),
    "zstd of too much": lambda offset: batch(
        [Raw(b"k", bytes(2 << 20)), *[Raw(b"k", b"v")] * 2], compression=4, base_offset=offset
    ),
    "snappy of too much": lambda offset: batch(
        [Raw(b"k", bytes(2 << 20)), *[Raw(b"k", b"v")] * 2], compression=2, base_offset=offset
    ),
}


def _compressed_wrongly(compression: int, offset: int) -> bytes:
    """A batch that says it is compressed, and is not; with the checksum of what it is."""
    plain = bytearray(batch([Raw(b"k", b"v")] * 3, base_offset=offset))
    plain[22] = compression
    plain[17:21] = struct.pack(">I", calc_crc32c(bytes(plain[21:])))
    return bytes(plain)


@pytest.mark.parametrize("what", BROKEN)
def test_a_batch_that_cannot_be_unpacked_is_given_whole(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "UNPACKED_BYTES_MAX", 1 << 20)
    broken = BROKEN[what](2)
    before, behind = batch([Raw(b"a", b"1")] * 2), batch([Raw(b"b", b"2")], base_offset=5)
    found = given_of(before + broken + behind)

    assert [(record.offset, record.value) for record in found] == [(0, b"1"), (1, b"1"), (4, broken), (5, b"2")]
    assert isinstance(found[2], UndecodableBatch)
    assert found[2].error.startswith("offsets 2 to 4 cannot be unpacked: ")


def test_a_wrong_checksum_is_fetched_again_and_then_set_aside() -> None:
    broken, behind = batch([Raw(b"k", b"v")], crc_delta=1), batch([Raw(b"b", b"2")], base_offset=1)
    on_the_wire = fetcher.PartitionRecords(HERE, fetcher.MemoryRecords(broken + behind), [], 0, None, None, True, 0)

    assert (list(on_the_wire), on_the_wire.next_fetch_offset) == ([], 0)
    assert [(type(r) is UndecodableBatch, r.offset) for r in given_of(broken + behind)] == [(True, 0), (False, 1)]


def test_a_checksum_that_is_right_the_second_time_is_no_fault() -> None:
    broken, right = batch([Raw(b"k", b"v")], crc_delta=1), batch([Raw(b"k", b"v")])

    assert not list(fetcher.PartitionRecords(HERE, fetcher.MemoryRecords(broken), [], 0, None, None, True, 0))
    assert [record.value for record in given_of(right)] == [b"v"]


def test_a_fetch_that_begins_inside_a_batch_gives_the_rest() -> None:
    names = [Raw(b"k", b"%d" % n, [(b"\xff", None)] if n == 1 else []) for n in range(4)]

    assert [record.offset for record in given_of(batch(names), offset=2)] == [2, 3]


def test_half_a_batch_at_the_end_is_left_for_the_next_fetch() -> None:
    whole, half = batch([Raw(b"a", b"1")]), batch([Raw(b"b", b"2")], base_offset=1)[:-3]

    assert [record.value for record in given_of(whole + half)] == [b"1"]


raws = st.builds(
    Raw,
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=40),
    headers=st.lists(st.tuples(st.binary(max_size=8), st.none() | st.binary(max_size=8)), max_size=4),
    timestamp=st.integers(-(2**40), 2**42),
    attributes=st.just(0),
    offset_delta=st.none(),
)


@settings(max_examples=200, deadline=None)
@given(records=st.lists(raws, min_size=1, max_size=8), compression=st.sampled_from(sorted(CODECS)))
def test_what_was_sent_is_given(records: list[Raw], compression: int) -> None:
    found = given_of(batch(records, compression=compression))

    assert [(r.key, r.value, r.timestamp) for r in found] == [(r.key, r.value, r.timestamp) for r in records]
    names = [[(n.encode(errors="surrogateescape"), v) for n, v in r.headers] for r in found]
    assert names == [list(r.headers) for r in records]
    assert [unpack(pack(r.headers)) for r in found] == [list(r.headers) for r in found]


@settings(max_examples=300, deadline=None)
@given(
    records=st.lists(raws, min_size=1, max_size=4),
    compression=st.integers(0, 7),
    at=st.integers(0, 10_000),
    bits=st.integers(1, 255),
)
def test_any_damage_behind_the_header_is_given_and_passed(
    records: list[Raw], compression: int, at: int, bits: int
) -> None:
    damaged = bytearray(batch(records, compression=compression))
    damaged[61 + at % (len(damaged) - 61)] ^= bits
    damaged[17:21] = struct.pack(">I", calc_crc32c(bytes(damaged[21:])))
    behind = batch([Raw(b"b", b"2")], base_offset=len(records))
    found = given_of(bytes(damaged) + behind)

    assert (found[-1].offset, found[-1].value) == (len(records), b"2")
    assert [r.value for r in found[:-1] if isinstance(r, UndecodableBatch)] in ([], [bytes(damaged)])
    assert any(isinstance(r, UndecodableBatch) for r in found) or len(found) == len(records) + 1


def test_the_control_of_damage_is_that_aiokafka_raises() -> None:
    with pytest.raises(CorruptRecordException):
        list(MemoryRecords(BROKEN["bytes that are no records"](0)).next_batch())


def connecting(kafka: KafkaAccess) -> "Coroutine[Any, Any, AIOKafkaConnection]":
    """A new connection to a Kafka, by the patience that aiokafka has with it."""
    host, _, port = kafka.bootstrap.partition(":")
    connection: Coroutine[Any, Any, AIOKafkaConnection] = create_conn(host, int(port), request_timeout_ms=40_000)
    return connection


async def test_a_broker_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_patches, "_CONNECTS_WITHIN_S", 0.1)
    async with a_kafka_that_never_answers() as kafka:
        with pytest.raises(TimeoutError):
            await connecting(kafka)


async def test_the_control_aiokafka_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AIOKafkaConnection, "connect", inspect.unwrap(AIOKafkaConnection.connect))
    async with a_kafka_that_never_answers() as kafka:
        waits = asyncio.create_task(connecting(kafka))
        done, _ = await asyncio.wait([waits], timeout=1)
        waits.cancel()
        await asyncio.wait([waits])
    assert not done


async def a_fetcher_that_waits() -> "fetcher.Fetcher":
    """A fetcher that waits for a while after a fetch that failed."""
    found = object.__new__(fetcher.Fetcher)
    waits = asyncio.create_task(asyncio.sleep(60))
    asks = asyncio.create_task(asyncio.sleep(60))
    vars(found).update(_fetch_task=asks, _fetch_waiters=set(), _pending_tasks={waits})
    await asyncio.sleep(0)  # both have begun
    return found


async def test_a_consumer_closes_whole_whose_fetch_has_failed() -> None:
    found = await a_fetcher_that_waits()
    waits = set(vars(found)["_pending_tasks"])

    await found.close()

    assert [task.cancelled() for task in (*waits, vars(found)["_fetch_task"])] == [True, True]


async def test_the_control_aiokafka_lets_the_cancellation_out() -> None:
    found = await a_fetcher_that_waits()

    with pytest.raises(asyncio.CancelledError):
        await inspect.unwrap(fetcher.Fetcher.close)(found)
