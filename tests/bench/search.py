"""Service search over a thousand, a hundred thousand and a million services: questions of people, words of posts.

Names are real service items and places of `../shared/data/service` put together with cities, or made up where
the data is absent, and the result says so. Questions are names, and requests of people.
"""

import asyncio
import csv
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any, Final

from uuid_utils import uuid7

from lutong_chassis import Tx, database
from lutong_chassis.database import Pool
from lutong_chassis.testing import create_database, drop_database, in_transaction, migrate_database, settings_for
from lutong_local.stack import Stack
from lutong_registry.app import service
from lutong_registry.discovery import store as discovery_store
from lutong_registry.discovery.domain.posts import sentences_in
from lutong_registry.search import http as search_http
from lutong_registry.search.domain.marks import COVERAGE_MIN, INDEX_VERSION, TOTAL, Document, marks_of, name_of
from lutong_registry.search.domain.text import key_of, plain

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


async def fill(pool: Pool, names: list[str], first: int, last: int, rng: random.Random) -> None:
    """Add released services number `first` to `last`, straight into the listing; its indexes are built afterwards.

    A signature depends on how often each word is used by all of them, so signatures come last.
    """
    await pool.execute("DROP INDEX listing_by_marks, listing_by_signature")
    for numbers in _pieces(first, last):
        titles = [
            names[n]
            if n < len(names)
            else f"{_CITIES[n % 20]}{_DISTRICTS[n // 20 % 10]}{names[n * 7919 % len(names)]}"[:80]
            for n in numbers
        ]
        keywords = [rng.choice(names)[:20] for _ in numbers]
        ids = [f"g-{n}" for n in numbers]
        await pool.execute("INSERT INTO program (program_id, merchant_id) SELECT unnest($1::text[]), 'brand'", ids)
        marks = [
            "{" + ",".join(map(str, marks_of(Document(title, [keyword], title + keyword)))) + "}"
            for title, keyword in zip(titles, keywords, strict=True)
        ]
        names_of = [name_of(title) for title in titles]
        keys = [key_of(plain(title)) for title in titles]
        listed = (ids, titles, keywords, marks, names_of, keys)
        await asyncio.gather(*(pool.execute(_LISTING, *(each[half] for each in listed)) for half in _HALVES))
    await pool.execute("TRUNCATE word")
    await pool.execute(
        "INSERT INTO word SELECT word, count(*) FROM listing, search_known_by(title, keywords, description) AS word GROUP BY 1"
    )
    await pool.execute("TRUNCATE mark")
    await pool.execute("INSERT INTO mark SELECT mark, count(*) FROM listing, unnest(marks) AS mark GROUP BY 1")
    await pool.execute("INSERT INTO mark SELECT $1, count(*) FROM listing", TOTAL)
    for numbers in _pieces(first, last):
        ids = [f"g-{n}" for n in numbers]
        await asyncio.gather(*(pool.execute(_SIGNATURE, ids[half], COVERAGE_MIN) for half in _HALVES))
    await pool.execute("CREATE INDEX listing_by_marks ON listing USING gin (marks) WHERE visible")
    await pool.execute("CREATE INDEX listing_by_signature ON listing USING gin (signature) WHERE visible")
    await pool.execute("VACUUM ANALYZE")


def _pieces(first: int, last: int) -> Iterator[range]:
    """As many at once as a statement gets through in time."""
    for begin in range(first, last, 20_000):
        yield range(begin, min(last, begin + 20_000))


_HALVES: Final = (slice(0, None, 2), slice(1, None, 2))  # a core of PostgreSQL's for each

_SIGNATURE: Final = """
UPDATE listing
   SET signature = search_signature(title, keywords, $2)
 WHERE program_id = ANY ($1::text[])
"""

_LISTING: Final = f"""
INSERT INTO listing (program_id, merchant_id, version, title, page, keywords, description, visible, marks, name,
                     title_key, indexed_as)
SELECT program_id, 'brand', 1, title, 'pages/index', ARRAY[keyword], title || keyword, true, marks::bigint[], name,
       title_key, {INDEX_VERSION}
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
       AS given(program_id, title, keyword, marks, name, title_key)
"""


async def timed(pool: Pool, asked: list[Any], ask: Any) -> dict[str, Any]:  # noqa: ANN401  # a query of the store
    """Ask one after the other; gives how long it takes, in ms, and how many found something."""
    waited, found = [], 0
    for question in asked:
        async with in_transaction(pool) as tx:
            began = perf_counter()
            found += bool(await ask(tx, question))
            waited.append(1000 * (perf_counter() - began))
    cuts = quantiles(waited, n=100)
    return {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1), "found": round(found / len(asked), 2)}


async def _led(tx: Tx, texts: list[str]) -> object:
    """Which services share words with posts."""
    return await discovery_store.matches(tx, {text: sentences_in(text) for text in texts})


async def _measure(stack: Stack, share: float) -> dict[str, Any]:
    rng = random.Random(1)
    origin, names, requests = words()
    name = f"search_{uuid7().hex[-10:]}"
    url = await create_database(stack.admin_url, name)
    rows = []
    try:
        await migrate_database(url, service.migrations)
        pool = await database.connect(settings_for(url, statement_timeout_s=600))
        await pool.execute("INSERT INTO merchant (merchant_id, name) VALUES ('brand', 'brand')")
        filled = 0
        for size in SIZES:
            await fill(pool, names, filled, wanted := max(filled, int(size * share)), rng)
            filled = wanted
            named, people = rng.choices(names, k=QUESTIONS), rng.choices(requests, k=QUESTIONS)
            rows.append(
                {
                    "services": filled,
                    "by name": await timed(pool, named, lambda tx, q: search_http.search(tx, q, 20)),
                    "by request": await timed(pool, people, lambda tx, q: search_http.search(tx, q, 20)),
                    "one post": await timed(pool, [[q] for q in people], _led),
                    "a hundred posts": await timed(pool, [rng.choices(requests, k=100) for _ in range(20)], _led),
                }
            )
        await pool.close()
    finally:
        await drop_database(stack.admin_url, name)
    return {"words": origin, "rows": rows}


def search(stack: Stack, share: float) -> dict[str, Any]:
    """Measure the service search."""
    return asyncio.run(_measure(stack, share))
