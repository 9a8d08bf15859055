"""Texts that bring a search down, and what a batch of posts may cost."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client, in_transaction
from lutong_contracts import Event
from lutong_contracts.feed import CardTapped
from lutong_registry.app import service
from lutong_registry.discovery.store import _portions
from lutong_registry.handlers import handlers
from tests.support.builders import a_post


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        yield client


async def offer(client: httpx.AsyncClient, titles: dict[str, str], keywords: Sequence[str] = ()) -> None:
    """Release programs, given as id and title."""
    programs = [
        {
            "program_id": program_id,
            "merchant_id": "gov",
            "manifest": {"title": title, "page": "pages/a", "keywords": list(keywords)},
        }
        for program_id, title in titles.items()
    ]
    for begin in range(0, len(programs), 200):
        answer = await client.post("/v1/programs/batch", json={"programs": programs[begin : begin + 200]})
        assert answer.status_code == 201, answer.text


def outcome(event: Event) -> str:
    """Which program, or why none."""
    word: str = getattr(event, "program_id", None) or event.reason  # type: ignore[attr-defined]  # one of the two
    return word


async def found(pool: Pool, text: str) -> str:
    (answer,) = await deliver(pool, handlers, a_post(text=text))
    return outcome(answer)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("㎉" * 2000, id="grows to a Latin word of 8,000 letters"),
        pytest.param("㍿" * 2000, id="grows to 8,000 Chinese characters"),
        pytest.param("a" * 2000, id="one Latin word"),
        pytest.param("".join(chr(0x4E00 + n) for n in range(2000)), id="2,000 different characters"),
        pytest.param("。" * 2000, id="2,000 empty sentences"),
        pytest.param("' & | ! <-> :* \\ ( ) \"", id="the operators of a question"),
        pytest.param("\U0001f600\u200d\ufeff", id="nothing to search for"),
    ],
)
async def test_no_text_of_a_post_can_stop_the_search(text: str, client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, {"fund": "公积金提取"}, ["公积金"])
    assert await found(pool, text) == "no_match"
    assert (await client.get("/v1/search", params={"q": text[:200]})).status_code == 200


@pytest.mark.parametrize(
    ("keyword", "text", "expected"),
    [
        ("公积金", "保护公积。积金成山", "no_match"),
        ("公积金", "保护公积，积金成山", "no_match"),
        ("上海关税", "我在上海，海关说关税要涨", "no_match"),
        ("公积金 提取", "今天可以公积金提取了", "fund"),
        ("公积金提取", "公积金提取！", "fund"),
        ("5G套餐", "新的 5g 套餐来了", "fund"),
        ("5G套餐", "5g 便宜的套餐", "no_match"),
        ("哈哈哈公园", "哈哈公园", "no_match"),
        ("provident fund", "the PROVIDENT  FUND office", "fund"),
        ("provident fund", "provident people fund libraries", "no_match"),
    ],
)
async def test_a_keyword_must_occur_as_it_is(
    keyword: str, text: str, expected: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    """Keywords count as phrases only; titles also by overlap."""
    await offer(client, {"fund": "政务大厅"}, [keyword])
    assert await found(pool, text) == expected


async def test_a_phrase_does_not_reach_from_one_field_into_the_next(client: httpx.AsyncClient) -> None:
    manifest = {"title": "政务", "page": "pages/a", "keywords": ["务工", "上海"], "description": "海关"}
    item = {"program_id": "fund", "merchant_id": "gov", "manifest": manifest}
    await client.post("/v1/programs/batch", json={"programs": [item]})
    for question in ("政务工", "上海关"):
        (hit,) = (await client.get("/v1/search", params={"q": question})).json()
        assert hit["matched"] == "all"


async def test_words_from_all_over_a_post_make_no_title(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, {"fund": "职工医疗保险缴费"})
    assert await found(pool, "职工很多。医疗很好！保险很贵；缴费很慢？工医。疗保。险缴") == "no_match"
    assert await found(pool, "天气不错。职工的医疗保险缴费怎么办") == "fund"


async def test_a_keyword_of_one_letter_names_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, {"fund": "公积金提取"}, ["q"])
    assert await found(pool, "this is q post") == "no_match"


async def test_equal_matches_go_to_the_most_used_then_to_the_smallest_id(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, {"c": "公积金提取", "b": "公积金提取", "a": "公积金提取"})
    assert await found(pool, "公积金提取") == "a"
    await deliver(pool, handlers, CardTapped(viewer_id="v", post_id="p", program_id="c", version=1))
    assert await found(pool, "公积金提取") == "c"


async def test_the_longer_name_wins_over_the_name_inside_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, {"card": "医保卡", "renewal": "医保卡补办"})
    assert await found(pool, "网上也能医保卡补办了") == "renewal"


async def test_one_character_finds_the_titles_that_contain_it(client: httpx.AsyncClient) -> None:
    await offer(client, {"tea": "喝奶茶", "fund": "公积金提取"})
    hits = (await client.get("/v1/search", params={"q": "茶"})).json()
    assert [hit["program_id"] for hit in hits] == ["tea"]


async def test_many_of_the_longest_posts_do_not_run_into_the_statement_timeout(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    """The timeout counts as transient: a poll that always runs into it would be tried for ever."""
    areas = "东南西北中上下左右前"
    await offer(client, {f"g-{n}": f"{areas[n % 10]}{areas[n // 10 % 10]}区居民办理证明申请{n}" for n in range(1000)})
    sentence = "居民在东南区办理证明，申请很快就通过了，大家都说好。"
    posts = [a_post(f"p-{n}", f"{n}{sentence * 80}"[:2000]) for n in range(60)]
    assert len(await deliver(pool, handlers, *posts)) == 60


async def test_posts_are_split_over_statements_only_when_they_are_long(pool: Pool) -> None:
    assert [len(portion) for portion in _portions(["x" * 20] * 500, 100_000)] == [500]
    assert [len(portion) for portion in _portions(["x" * 2000] * 120, 100_000)] == [50, 50, 20]
    assert list(_portions(["x" * 2000], 10)) == [["x" * 2000]]
    assert list(_portions([], 10)) == []


async def test_the_search_works_without_a_search_path(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, {"fund": "公积金提取"}, ["公积金"])
    async with in_transaction(pool) as tx:
        await tx.execute("SET LOCAL search_path TO ''")
        await tx.execute("UPDATE public.listing SET title = '医保卡补办'")
        words = await tx.fetchval("SELECT title_words FROM public.listing")
    assert sorted(words) == sorted(["医保", "保卡", "卡补", "补办"])
