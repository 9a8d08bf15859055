"""Service search over a thousand, a hundred thousand and a million services: questions of people, words of posts.

Names are real service items and places of `../shared/data/service` put together with streets of cities, or made up where
the data is absent, and the result says so. Questions are names, words of them, and requests of people; all are warm.
PostgreSQL has 128 MB of buffers unless `LUTONG_POSTGRES_BUFFERS` is set: a million services are for the size `large`, with 2GB.
"""

import asyncio
import csv
import gc
import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any, Final, NamedTuple

from asyncpg import BitString
from pypinyin import lazy_pinyin
from uuid_utils import uuid7

from lutong_chassis import Tx, database
from lutong_chassis.testing import create_database, drop_database, in_transaction, migrate_database, settings_for
from lutong_local.stack import Stack
from lutong_registry.app import service
from lutong_registry.discovery import store as discovery_store
from lutong_registry.discovery.domain.decisions import asking_in
from lutong_registry.search import http as search_http
from lutong_registry.search.domain.marks import INDEX_VERSION, LEVELS, TOTAL, Document, marks_of, name_of
from lutong_registry.search.domain.text import key_of, plain
from lutong_registry.search.domain.titles import names_of, outline_of, words_of

DATA: Final = Path(__file__).parents[3] / "shared" / "data" / "service"
SIZES: Final = (1_000, 100_000, 1_000_000)
QUESTIONS: Final = 300
_CITIES: Final = [
    "杭州",
    "上海",
    "北京",
    "广州",
    "深圳",
    "成都",
    "武汉",
    "西安",
    "南京",
    "天津",
    "重庆",
    "苏州",
    "长沙",
    "郑州",
    "青岛",
    "宁波",
    "东莞",
    "沈阳",
    "大连",
    "厦门",
]
_DISTRICTS: Final = ["城东", "城西", "城南", "城北", "高新", "滨江", "开发", "老城", "新区", "湖区"]
_STREETS: Final = ["东路", "西路", "南路", "北路", "新街"]
_MADE_UP: Final = [
    "公积金提取",
    "社保缴费",
    "居住证办理",
    "医保转移",
    "驾照换领",
    "水费缴纳",
    "电费查询",
    "挂号预约",
    "图书借阅",
    "健身打卡",
]


def words() -> tuple[str, list[str], list[str]]:
    """Where they are from, names of services, and questions."""
    if not (DATA / "gov_services_apache2.tsv").exists():
        return "made up", _MADE_UP, [f"我想办理{name}" for name in _MADE_UP]
    with (DATA / "gov_services_apache2.tsv").open(encoding="utf-8") as file:
        names = [row["name"][:40] for row in csv.DictReader(file, delimiter="\t")]
    with gzip.open(DATA / "crosswoz_poi.jsonl.gz", "rt", encoding="utf-8") as places:
        names += [json.loads(line)["名称"][:40] for line in places]
    with gzip.open(DATA / "crosswoz_queries.jsonl.gz", "rt", encoding="utf-8") as requests:
        questions = [json.loads(line)["query"][:100] for line in requests]
    return "service items, places and requests", sorted(set(names)), questions


class Part(NamedTuple):
    """A piece of a title with what is known of it: its marks, and its words."""

    text: str
    marks: dict[int, int]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pool:
    """What services are put together from. Marks of a whole are those of its parts: to make them anew for a million takes an
    hour of Python, and only words across the seam and how a longer title weighs its words would differ."""

    streets: Sequence[Part]
    names: Sequence[Part]
    keywords: Sequence[str]

    def row(self, number: int) -> tuple[Part, Part, str]:
        """The street, the name and the keyword of a service."""
        at = number * 7919 % len(self.names)
        return self.streets[number % len(self.streets)], self.names[at], self.keywords[at]

    def called(self, number: int) -> tuple[str, list[str]]:
        """The title of a service, and its keywords."""
        street, name, keyword = self.row(number)
        return f"{street.text}{name.text}"[:80], [keyword]


def pool_of(names: Sequence[str], rng: random.Random) -> Pool:
    """Names as they are, each at any of a thousand streets."""
    keywords = [rng.choice(names)[:20] for _ in names]
    streets = [f"{city}{district}{street}" for street in _STREETS for district in _DISTRICTS for city in _CITIES]
    return Pool(
        [_part(street, Document(street)) for street in streets],
        [_part(name, Document(name, [kw], name + kw)) for name, kw in zip(names, keywords, strict=True)],
        keywords,
    )


def _part(text: str, document: Document) -> Part:
    return Part(text, {mark - mark % LEVELS: mark for mark in marks_of(document)}, words_of(text))


async def fill(pool: database.Pool, known: Pool, services: int) -> None:
    """Release so many services, straight into the listing; its indexes are built afterwards."""
    await pool.execute("DROP INDEX listing_by_marks, listing_by_signature, listing_by_name, listing_by_title")
    await pool.execute("DROP INDEX listing_outdated, listing_title_by_rarest")  # the latter is for the release before
    marks: Counter[int] = Counter({TOTAL: services})
    used: Counter[str] = Counter()
    for number in range(services):
        street, name, _ = known.row(number)
        marks.update((street.marks | name.marks).values())
        used.update(words_of(known.called(number)[0]))  # those across the seam, too: an uncounted word is in no title
    await pool.copy_records_to_table("mark", records=marks.items(), columns=["mark", "listings"])
    await pool.copy_records_to_table("word", records=used.items(), columns=["word", "listings"])
    await pool.execute(
        "INSERT INTO program (program_id, merchant_id) SELECT 'g-' || n, 'brand' FROM generate_series(0, $1 - 1) AS n",
        services,
    )
    rows = (_row(known, number) for number in range(services))
    await pool.copy_records_to_table("listing", records=rows, columns=_COLUMNS)
    names = ((key, f"g-{number}") for number in range(services) for key in names_of(*known.called(number)))
    await pool.copy_records_to_table("listing_name", records=names)
    await pool.copy_records_to_table("listing_title", records=_outlines(known, services, used))
    for index in _INDEXES:
        await pool.execute(index)
    await pool.execute("VACUUM ANALYZE")


def _row(known: Pool, number: int) -> tuple[Any, ...]:
    street, name, keyword = known.row(number)
    title, _ = known.called(number)
    marks = sorted((street.marks | name.marks).values())
    return (
        f"g-{number}", "brand", 1, title, "pages/index", [keyword], name.text + keyword, True, marks, name_of(title),
        key_of(plain(title)), INDEX_VERSION,
    )  # fmt: skip


def _outlines(known: Pool, services: int, used: Mapping[str, int]) -> Iterator[tuple[Any, ...]]:
    for number in range(services):
        if outline := outline_of(known.called(number)[0], used):
            bits = BitString.frombytes(int(outline.bits, 2).to_bytes(32))
            yield f"g-{number}", outline.rarest, bits, outline.words, outline.spare, True


_COLUMNS: Final = [
    "program_id",
    "merchant_id",
    "version",
    "title",
    "page",
    "keywords",
    "description",
    "visible",
    "marks",
    "name",
    "title_key",
    "indexed_as",
]
_INDEXES: Final = (
    "CREATE INDEX listing_by_marks ON listing USING gin (marks) WITH (fastupdate = off) WHERE visible",
    "CREATE INDEX listing_by_name ON listing (name) WHERE visible",
    "CREATE INDEX listing_by_title ON listing (title_key text_pattern_ops) WHERE visible",
)


async def timed(pool: database.Pool, asked: Sequence[Any], ask: Any) -> dict[str, Any]:  # noqa: ANN401  # a query of the store
    """Ask one after the other, once everything was asked; gives how long it takes, in ms, and how many found something."""
    waited: list[float] = []
    found = 0
    for question in [*asked, *asked]:
        async with in_transaction(pool) as tx:
            began = perf_counter()
            found += bool(await ask(tx, question))
            waited.append(1000 * (perf_counter() - began))
    cuts = quantiles(waited[len(asked) :], n=100)
    return {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1), "found": round(found / len(waited), 2)}


async def _led(tx: Tx, texts: Sequence[str]) -> object:
    """Which services share words with posts."""
    return await discovery_store.matches(tx, {text: asking_in(text) for text in texts})


async def _found(tx: Tx, asked: str) -> object:
    return await search_http.search(tx, asked, 20)


def questions(known: Pool, requests: Sequence[str], rng: random.Random) -> dict[str, list[str]]:
    """The kinds of questions: exact names, a common and a rare word of one, a name with a character wrong, its sound."""
    rows = [known.row(rng.randrange(10**6)) for _ in range(QUESTIONS)]
    names = [f"{street.text}{name.text}"[:80] for street, name, _ in rows]
    used = Counter(word for name in known.names for word in name.words)
    chosen = [sorted(name.words, key=lambda word: (used[word], word)) or [name.text] for _, name, _ in rows]
    return {
        "exact name": names,
        "common word": [words[-1] for words in chosen],
        "rare word": [words[0] for words in chosen],
        "typo": [_with_a_typo(name, rng) for name in names],
        "pinyin": ["".join(lazy_pinyin(name.text, errors="ignore"))[:40] or name.text for _, name, _ in rows],
        "request": rng.choices(requests, k=QUESTIONS),
    }


def _with_a_typo(name: str, rng: random.Random) -> str:
    place = rng.randrange(len(name))
    return f"{name[:place]}{rng.choice('的一是不了人我在有他')}{name[place + 1 :]}"


async def measure_at(pool: database.Pool, known: Pool, requests: Sequence[str], rng: random.Random) -> dict[str, Any]:
    """Questions of each kind, posts one by one, and posts by the hundred."""
    gc.collect()
    gc.freeze()  # as a service does: what made the data is not looked through in the midst of a question
    kinds = {kind: await timed(pool, asked, _found) for kind, asked in questions(known, requests, rng).items()}
    titles = [f"{street.text}{name.text}"[:80] for street, name, _ in map(known.row, rng.sample(range(10**6), 500))]
    posts = [*requests, *(f"{title}怎么办理" for title in titles)]
    return kinds | {
        "one post": await timed(pool, [[post] for post in rng.choices(posts, k=QUESTIONS)], _led),
        "a hundred posts": await timed(pool, [rng.choices(posts, k=100) for _ in range(20)], _led),
        "sizes": {row["name"]: row["size"] for row in await pool.fetch(_SIZES)},
    }


_SIZES: Final = """
SELECT relname AS name, pg_size_pretty(pg_total_relation_size(oid)) AS size
  FROM pg_class
 WHERE relname IN ('listing', 'mark', 'word', 'listing_name', 'listing_title', 'listing_by_marks', 'listing_by_name',
                   'listing_by_title', 'listing_title_word', 'listing_title_word_pkey')
"""


async def _measure(stack: Stack, share: float) -> dict[str, Any]:
    rng = random.Random(1)
    origin, names, requests = words()
    known = pool_of(names, rng)
    rows = []
    for size in SIZES:
        name = f"search_{uuid7().hex[-10:]}"
        url = await create_database(stack.admin_url, name)
        try:
            rows.append(await at(url, known, requests, max(1_000, int(size * share))))
        finally:
            await drop_database(stack.admin_url, name)
    return {"words": origin, "rows": rows}


async def at(url: str, known: Pool, requests: Sequence[str], services: int) -> dict[str, Any]:
    """Fill an empty database with so many services, and measure."""
    await migrate_database(url, service.migrations)
    pool = await database.connect(settings_for(url, statement_timeout_s=900))
    try:
        await pool.execute("INSERT INTO merchant (merchant_id, name) VALUES ('brand', 'brand')")
        began = perf_counter()
        await fill(pool, known, services)
        built_s = round(perf_counter() - began)
        return {"services": services, "built_s": built_s} | await measure_at(pool, known, requests, random.Random(1))
    finally:
        await pool.close()


def search(stack: Stack, share: float) -> dict[str, Any]:
    """Measure the service search."""
    return asyncio.run(_measure(stack, share))
