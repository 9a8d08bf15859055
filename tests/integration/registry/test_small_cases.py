"""The small cases of the field study: one wrong answer each, as it was seen, and what is right."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, http_client
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from tests.support.builders import a_post


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        yield client


async def offer(client: httpx.AsyncClient, *services: tuple[str, str, Sequence[str]], **manifest: Any) -> None:  # JSON
    """Release services, given as (id, title, keywords)."""
    programs = [
        {
            "program_id": program_id,
            "merchant_id": "gov",
            "manifest": {"title": title, "page": "pages/a", "keywords": list(keywords)} | manifest,
        }
        for program_id, title, keywords in services
    ]
    for begin in range(0, len(programs), 200):
        answer = await client.post("/v1/programs/batch", json={"programs": programs[begin : begin + 200]})
        assert answer.status_code == 201, answer.text


async def found(client: httpx.AsyncClient, question: str) -> list[str]:
    """The programs that answer a question, best first."""
    return [hit["program_id"] for hit in (await client.get("/v1/search", params={"q": question})).json()]


async def led(pool: Pool, text: str) -> str:
    """Which program a post leads to, or why to none."""
    (answer,) = await deliver(pool, handlers, a_post(text=text))
    return str(getattr(answer, "program_id", None) or getattr(answer, "reason", None))


async def test_a_name_is_found_among_a_thousand_that_share_its_words(client: httpx.AsyncClient) -> None:
    await offer(client, *[(f"s-{n}", f"北京小吃店{n}", ()) for n in range(1000)], ("hotel", "北京盛厦宾馆", ()))
    assert (await found(client, "北京盛厦宾馆"))[0] == "hotel"


async def test_the_exact_title_comes_before_a_longer_one(client: httpx.AsyncClient) -> None:
    await offer(client, ("z", "公司设立登记", ()), ("b", "分公司设立登记", ()))
    assert await found(client, "公司设立登记") == ["z", "b"]


async def test_a_category_is_searched(client: httpx.AsyncClient) -> None:
    await offer(client, ("buy", "叮咚买菜", ()), category="生鲜")
    assert await found(client, "生鲜") == ["buy"]


async def test_stuffed_keywords_are_worth_nothing(client: httpx.AsyncClient) -> None:
    await offer(client, ("loan", "某某贷款", [f"奶茶{n}" for n in "一二三四五六七八九十"]), ("tea", "喜茶GO", ["奶茶"]))
    assert (await found(client, "奶茶"))[0] == "tea"


async def test_traditional_characters_find_simplified_names(client: httpx.AsyncClient) -> None:
    await offer(client, ("licence", "驾驶证换发", ()))
    assert await found(client, "駕駛證") == ["licence"]


async def test_a_name_in_a_post_is_found_among_a_thousand_keywords(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, *[(f"s-{n}", f"小吃店{n}", ["外卖"]) for n in range(1000)], ("hotel", "盛厦宾馆", ()))
    assert await led(pool, "盛厦宾馆也送外卖了") == "hotel"


async def test_half_of_a_short_title_is_no_match(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, ("telecom", "中国电信", ()))
    assert await led(pool, "中国电子展今天开幕") == "no_match"


async def test_a_keyword_across_two_words_is_no_match(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, ("midea", "美的商城", ["美的"]))
    assert await led(pool, "她是亚洲最美的演员") == "no_match"


async def test_a_death_gets_no_card(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, ("zto", "中通快递", ()))
    assert await led(pool, "六十岁分拣员凌晨在中通快递岗位上猝死") == "sensitive"
    assert await led(pool, "中通快递今天半价") == "zto"  # the control


async def test_a_stop_word_is_refused_as_a_keyword(client: httpx.AsyncClient) -> None:
    manifest = {"title": "小饭馆", "page": "pages/a", "keywords": ["宫保鸡丁", "没有"]}
    await client.put("/v1/programs/eat", json={"merchant_id": "gov"})
    refused = await client.post("/v1/programs/eat/versions", json={"version": 1, "manifest": manifest})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/body/manifest/keywords/1"]


async def test_a_keyword_that_belongs_to_its_service_wins(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, ("apple", "苹果授权店", ["手机"]), ("drive", "驾考宝典", ["驾照"]))
    assert await led(pool, "新交规：考驾照的注意，行驶中拨打手机记3分") == "drive"


async def test_what_was_right_stays_right(client: httpx.AsyncClient, pool: Pool) -> None:
    await offer(client, ("fund", "公积金提取", ()), ("birth", "《出生医学证明》首次签发", ()))
    assert await led(pool, "我想要办理一下公积金提取，怎么弄啊") == "fund"
    assert await led(pool, "新版出生医学证明4月起启用") == "birth"


async def test_odd_spellings_find_their_service(client: httpx.AsyncClient) -> None:
    await offer(client, ("fund", "公积金提取", ()), ("phone", "iPhone 官方维修", ()), ("cafe", "Café 咖啡", ()))
    await offer(client, ("low", "最低生活保障对象认定", ()), ("kana", "スシロー", ()), ("rare", "𠮷野家", ()))
    for question, expected in [
        ("gongjijintiqu", "fund"), ("gong ji jin", "fund"), ("gjjtq", "fund"), ("公基金提取", "fund"),
        ("iphone15", "phone"), ("iphones", "phone"), ("iphnoe", "phone"), ("cafe", "cafe"),
        ("金公提积取", "fund"), ("低保", "low"), ("スシ", "kana"), ("𠮷野家", "rare"), ("公\u200b积\u200b金", "fund"),
    ]:  # fmt: skip
        assert (await found(client, question))[:1] == [expected], question


async def test_chatter_has_no_answer(client: httpx.AsyncClient) -> None:
    await offer(client, ("fund", "公积金提取", ()), ("id", "身份证补领", ()))
    assert await found(client, "今天天气真不错，我们出去玩吧") == []


async def test_a_hit_shows_why(client: httpx.AsyncClient) -> None:
    await offer(client, ("fund", "公积金提取", ()))
    (hit,) = (await client.get("/v1/search", params={"q": "你好，我想提取公积金"})).json()
    assert hit["why"] == ["提取", "公积金"]


async def test_titles_are_suggested_while_a_reader_types(client: httpx.AsyncClient) -> None:
    await offer(client, ("fund", "公积金提取", ()), ("loan", "公积金贷款查询", ()), ("id", "身份证补领", ()))
    assert (await client.get("/v1/suggestions", params={"q": "公积"})).json() == ["公积金提取", "公积金贷款查询"]
    assert (await client.get("/v1/suggestions", params={"q": "%"})).json() == []
