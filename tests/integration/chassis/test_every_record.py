"""Whatever is on a topic: handled in order, or set aside as it is; and the partition goes on.

`make fuzz-records RECORDS=1000000` tries more of it.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import pytest

from lutong_chassis.parking import unpack
from tests.conftest import Infrastructure
from tests.integration.chassis.toy import Counted
from tests.support.harness import Toy, a_toy, until
from tests.support.odd_records import Odd, OddRecords
from tests.support.raw_batches import CODECS, Raw, RawProducer, batch

RECORDS: Final = int(os.environ.get("RECORDS", "2000"))
SEED: Final = int(os.environ.get("SEED", "1"))
ROUND: Final = 20_000
"""How many are sent before it is looked at what became of them."""
PARTITIONS: Final = 4
GOOD_KEYS: Final = 40


class Sent:
    """What was sent, and where it went."""

    def __init__(self) -> None:
        self.odd: dict[tuple[int, int], Odd] = {}
        self.places: dict[str, list[int]] = defaultdict(list)


def counted(key: str, place: int) -> Counted:
    return Counted(counter_id=key, place=place)


async def send(
    producer: RawProducer, topic: str, records: Sequence[tuple[int, Odd]], random: Random, sent: Sent
) -> None:
    """Send records, each to its partition, in batches of any size and compression."""
    for partition in range(PARTITIONS):
        waiting = [odd for where, odd in records if where == partition]
        while waiting:
            size = random.choice([1, 2, 30, 200])
            while (
                len(built := batch([o.raw for o in waiting[:size]], compression=random.choice(sorted(CODECS))))
                > 900_000
            ):
                size = size // 2  # a broker takes a megabyte at once
            first = await producer.send(topic, partition, built)
            sent.odd |= {(partition, first + n): odd for n, odd in enumerate(waiting[:size])}
            del waiting[:size]


def mixed(
    odd: OddRecords, good: OddRecords, random: Random, places: dict[str, list[int]], size: int
) -> list[tuple[int, Odd]]:
    """Odd records with good ones between them; every good key keeps its partition and counts its places."""
    found = []
    for _ in range(size):
        if random.random() < 0.25:
            number = random.randrange(GOOD_KEYS)
            key = f"good-{number}"
            places[key].append(len(places[key]) % 900)  # the toy sleeps at some places behind that
            found.append((number % PARTITIONS, good.good(key, places[key][-1])))
        else:
            found.append((random.randrange(PARTITIONS), odd.next()))
    return found


async def check(toy: Toy, sent: Sent) -> None:
    """Every record was taken in or set aside, as it had to be; what was set aside has its bytes."""
    wanted = {odd.event_id for odd in sent.odd.values() if odd.handled}

    async def all_are_through() -> bool:
        consumed = sum(row["count"] for row in await toy.rows("SELECT count(*) FROM inbox"))
        aside = sum(row["count"] for row in await toy.rows("SELECT count(*) FROM parked"))
        return bool(consumed + aside >= len(sent.odd))

    await until(all_are_through, f"{len(sent.odd)} records are through; see {toy.log}", 60 + len(sent.odd) / 50)
    consumed = {row["id"] for row in await toy.rows("SELECT id FROM inbox")}
    aside = {
        (row["partition"], row["offset"]): row
        for row in await toy.rows(
            'SELECT partition, "offset", key, value, headers, timestamp_ms, state, reason FROM parked'
        )
    }
    wrong = [(odd.what, odd.raw) for odd in sent.odd.values() if odd.handled and odd.event_id not in consumed]
    assert not wrong, f"{len(wrong)} were not handled, the first of them: {wrong[0]}"
    assert consumed == wanted
    assert aside.keys() == {place for place, odd in sent.odd.items() if not odd.handled}
    for place, row in aside.items():
        raw = sent.odd[place].raw
        headers = [(name.encode(errors="surrogateescape"), value) for name, value in unpack(row["headers"])]
        assert (row["key"], row["value"], headers) == (raw.key, raw.value, list(raw.headers))
        assert row["reason"] not in {"", "unreadable", "handler_error"}, sent.odd[place]
        assert raw.timestamp == -3 or row["timestamp_ms"] == raw.timestamp


async def test_every_record_is_handled_in_order_or_set_aside_as_it_is(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    random, places = Random(SEED), defaultdict[str, list[int]](list)  # a test has to be repeatable
    odd, good = OddRecords(SEED, counted), OddRecords(SEED, counted, own="good")
    async with a_toy(infrastructure, tmp_path) as toy, RawProducer(infrastructure.kafka_bootstrap) as producer:
        toy.start()
        await toy.ready()
        for done in range(0, RECORDS, ROUND):
            sent = Sent()
            size = min(ROUND, RECORDS - done)
            await send(producer, toy.consumed, mixed(odd, good, random, places, size), random, sent)
            await check(toy, sent)
            for row in await toy.rows(
                "SELECT counter_id, places FROM counter WHERE counter_id LIKE 'good-_' OR counter_id LIKE 'good-__'"
            ):
                assert row["places"] == places[row["counter_id"]]
            if RECORDS > ROUND:
                print(f"{done + size} records: {len(sent.odd)} in this round, as they had to be")  # noqa: T201  # the long run says how far it is
                await toy.pool.execute("TRUNCATE inbox, parked; DELETE FROM counter WHERE counter_id NOT LIKE 'good-%'")
        assert (await toy.get("/livez")).status_code == 200  # type: ignore[union-attr]  # it answers


NAMED: dict[str, Raw] = {
    "a_key_of_6000_bytes": Raw(os.urandom(6000), b"{}"),
    "a_key_of_a_megabyte": Raw(os.urandom(1 << 19), b"{}"),
    "a_header_name_that_is_not_utf_8": Raw(b"k", b"{}", [("编码".encode("gbk"), b"x")]),
    "a_timestamp_in_the_year_0": Raw(b"k", b"{}", [], -62_135_625_600_000),
    "a_timestamp_before_the_year_1": Raw(b"k", b"{}", [], -62_135_596_800_001 - 400 * 86_400_000),
    "data_of_300_levels": Raw(
        b"k", b'{"data":{"a":' + b"[" * 300 + b"]" * 300 + b"}}", [(b"content-type", b"application/cloudevents+json")]
    ),
}


@pytest.mark.parametrize("what", NAMED)
async def test_one_record_stops_nothing(what: str, infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, RawProducer(infrastructure.kafka_bootstrap) as producer:
        toy.start()
        await producer.send(toy.consumed, 0, batch([NAMED[what]]))
        await producer.send(toy.consumed, 0, batch([OddRecords(1, counted).good("good", 0).raw]))

        await until(lambda: _counts(toy, {"good": 1}), "the record behind it is handled")
        (row,) = await until(lambda: toy.rows("SELECT key, value FROM parked"), "it is parked")
        assert (row["key"], row["value"]) == (NAMED[what].key, NAMED[what].value)


async def test_two_records_of_one_long_key_wait_for_each_other(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, RawProducer(infrastructure.kafka_bootstrap) as producer:
        toy.start()
        key = os.urandom(100_000)
        await producer.send(toy.consumed, 0, batch([Raw(key, b"1"), Raw(key, b"2")]))
        await producer.send(toy.consumed, 0, batch([Raw(key, b"3"), Raw(key + b"x", b"4")]))

        async def states() -> bool:
            rows = await toy.rows("SELECT state FROM parked ORDER BY id")
            return [row["state"] for row in rows] == ["parked", "waiting", "waiting", "parked"]

        await until(states, "the first is parked, and the others of its key wait")
        head = (await toy.rows("SELECT min(id) AS id FROM parked"))[0]["id"]
        answer = await toy.post(f"/operations/parked/{head}/discard", reason="garbage")
        assert answer.json()["next_parked"] == head + 1


async def test_a_batch_that_cannot_be_unpacked_is_parked_whole(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, RawProducer(infrastructure.kafka_bootstrap) as producer:
        toy.start()
        await toy.ready()
        good = OddRecords(1, counted)
        broken = batch([Raw(b"k", b"v", offset_delta=n // 2) for n in range(3)])
        await producer.send(toy.consumed, 0, batch([good.good("good", 0).raw]))
        await producer.send(toy.consumed, 0, broken)
        await producer.send(toy.consumed, 0, batch([good.good("good", 1).raw], compression=3))

        await until(lambda: _counts(toy, {"good": 2}), "the records around it are handled")
        rows = 'SELECT id, reason, error, key, value, "offset" FROM parked'
        (row,) = await until(lambda: toy.rows(rows), "it is parked")
        assert (row["reason"], row["key"], row["offset"]) == ("undecodable_batch", None, 3)
        assert row["error"] == "offsets 1 to 3 cannot be unpacked: offsets that are not the batch's"
        assert row["value"][16:] == broken[16:]  # the broker numbers a batch, and writes its own epoch into it

        answer = await toy.post(f"/operations/parked/{row['id']}/redrive", reason="to see what it says")
        assert "undecodable_batch" in answer.text
        assert (await toy.post(f"/operations/parked/{row['id']}/discard", reason="garbage")).status_code == 200


async def _counts(toy: Toy, totals: dict[str, int]) -> bool:
    return await toy.totals() == totals


async def test_what_nobody_foresaw_is_parked(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, RawProducer(infrastructure.kafka_bootstrap) as producer:
        toy.start(TOY_READS="badly")
        await producer.send(toy.consumed, 0, batch([Raw(b"k", b"v", [(b"toy-raises", b"")])]))
        await producer.send(toy.consumed, 0, batch([OddRecords(1, counted).good("good", 0).raw]))

        await until(lambda: _counts(toy, {"good": 1}), "the record behind it is handled")
        assert await until(toy.parked, "it is parked") == [("parked", "unreadable", "k")]


async def test_without_the_guard_it_would_stop_the_service(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """The control of the test above, and of all of them: it fails when what makes reading total is taken away."""
    async with a_toy(infrastructure, tmp_path) as toy, RawProducer(infrastructure.kafka_bootstrap) as producer:
        toy.start(TOY_READS="unguarded")
        await toy.ready()
        await producer.send(toy.consumed, 0, batch([Raw(b"k", b"v", [(b"toy-raises", b"")])]))

        async def fails() -> bool:
            return "RecursionError" in toy.log.read_text()

        await until(
            fails, "reading raises, and nobody catches it"
        )  # in the same poll, narrowing would spare the good one
        await producer.send(toy.consumed, 0, batch([OddRecords(1, counted).good("good", 0).raw]))
        with pytest.raises(AssertionError, match="did not come true"):
            await until(lambda: _counts(toy, {"good": 1}), "the record behind it is handled", 3)


def test_the_same_seed_gives_the_same_records() -> None:
    one, other = OddRecords(7, counted), OddRecords(7, counted)

    def without_times(odd: Odd) -> tuple[object, ...]:
        return odd.what, odd.handled, odd.event_id, odd.raw.key

    assert [without_times(one.next()) for _ in range(200)] == [without_times(other.next()) for _ in range(200)]


def test_the_generator_makes_every_kind() -> None:
    odd = OddRecords(1, counted)
    made = [odd.next() for _ in range(2000)]

    assert len({record.what for record in made}) == len(odd.kinds)
    assert 0.2 < sum(record.handled for record in made) / len(made) < 0.8
