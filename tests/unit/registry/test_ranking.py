"""The search as rules: what answers a question, in which order, and why."""

from itertools import permutations

import pytest

from lutong_registry.search.domain.lexicon import without_filler
from lutong_registry.search.domain.marks import LEVELS, Document, impact_of, level_of, marks_of
from lutong_registry.search.domain.ranking import WORK_MAX, answers, best, plan
from tests.support.library import Library, a_library

FUND = ("fund", "公积金提取", ())
PHONE = ("phone", "iPhone 官方维修", ())
LOW = ("low", "最低生活保障对象认定", ())
CAFE = ("cafe", "Café 咖啡", ())
LIBRARY = a_library(FUND, PHONE, LOW, CAFE, ("kana", "スシロー", ()), ("job", "职业指导", ()))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("公积金提取", "fund"), ("公積金", "fund"), ("公基金提取", "fund"), ("金公提积取", "fund"),
        ("gongjijintiqu", "fund"), ("gong ji jin", "fund"), ("gjjtq", "fund"), ("公\u200b积\u200b金", "fund"),
        ("iphone15", "phone"), ("iphones", "phone"), ("iphnoe", "phone"), ("低保", "low"), ("ＣＡＦＥ", "cafe"),
        ("スシ", "kana"), ("职指业导", "job"), ("你好，请问我想办公积金提取怎么弄啊", "fund"),
    ],
)  # fmt: skip
def test_what_people_write_finds_what_they_mean(asked: str, expected: str) -> None:
    assert LIBRARY.found(asked)[:1] == [expected]


@pytest.mark.parametrize("asked", ["今天天气真不错，我们出去玩吧", "职导", "🎉", "xyzxyz", "!!"])
def test_what_asks_for_nothing_here_has_no_answer(asked: str) -> None:
    assert LIBRARY.found(asked) == []


def test_the_same_services_answer_alike_in_whatever_order_they_came() -> None:
    services = [("a", "北京盛厦宾馆", ["宾馆"]), ("b", "北京宾馆", ["早餐"]), ("c", "盛厦饭店", ["宾馆"])]
    found = [a_library(*order).found("盛厦宾馆") for order in permutations(services)]
    assert all(each == found[0] for each in found)
    assert found[0][0] == "a"


def test_an_exact_name_is_first_among_more_than_are_compared() -> None:
    count = WORK_MAX + 100
    library = Library()
    for n in range(count):
        library.add(f"s-{n}", Document(f"北京小吃店{n}"))
    library.add("exact", Document("北京小吃店"))
    planned = library.plan("北京小吃店")
    assert sum(library.counts[mark] for mark in planned.picked) <= 2 * WORK_MAX + count
    assert library.found("北京小吃店")[0] == "exact"


def test_a_rare_word_weighs_more_than_a_frequent_one() -> None:
    library = a_library(*[(f"s-{n}", f"北京小店{n}", ()) for n in range(50)], ("rare", "上海馄饨铺", ()))
    assert library.found("北京馄饨")[0] == "rare"


def test_being_used_decides_between_equals_only() -> None:
    library = Library()
    library.add("a", Document("公积金提取"))
    library.add("b", Document("公积金提取"), uses=50)
    library.add("c", Document("公积金贷款"), uses=1_000_000)
    assert library.found("公积金提取") == ["b", "a", "c"]


def test_categories_keywords_and_descriptions_count_and_stuffing_does_not() -> None:
    library = Library()
    library.add("category", Document("叮咚买菜", category="生鲜"))
    library.add("keyword", Document("某某到家", ["海鲜"]))
    library.add("described", Document("某某商城", description="鲜花速递"))
    library.add("stuffed", Document("某某贷款", [f"奶茶{n}" for n in "一二三四五六七八九十"]))
    library.add("tea", Document("喜茶GO", ["奶茶"]))
    assert [library.found(asked)[:1] for asked in ("生鲜", "海鲜", "鲜花")] == [
        ["category"],
        ["keyword"],
        ["described"],
    ]
    assert library.found("奶茶")[0] == "tea"


def test_a_hit_shows_how_it_matched_and_by_what() -> None:
    library = a_library(FUND, ("loan", "公积金贷款", ()), PHONE)
    first, second = library.search("提取公积金")
    assert (first.matched, first.why) == ("any", ("提取", "公积金"))
    assert (second.matched, second.why) == ("any", ("公积金",))
    assert [each.matched for each in library.search("公积金")] == ["phrase", "phrase"]
    (spelt,) = library.search("iphone 维修")
    assert (spelt.matched, spelt.why) == ("all", ("维修", "iphone"))
    assert library.search("gjj")[0].why == ("gjj",)


def test_impacts_are_few_steps_between_nothing_and_one() -> None:
    levels = {level_of(worth / 100) for worth in range(1, 10_000)}
    assert len(levels) == 15
    assert all(0 < level < LEVELS for level in levels)
    assert level_of(0.001) == min(levels)
    assert all(0 < impact_of(mark) <= 1 for mark in marks_of(Document("公积金提取", ["公积金"])))


def test_one_character_is_a_question_too() -> None:
    assert a_library(("tea", "茶", ()), ("shop", "茶叶铺", ())).found("茶") == ["tea", "shop"]


def test_a_listing_that_went_meanwhile_is_no_answer() -> None:
    library = a_library(FUND, ("loan", "公积金贷款", ()))
    planned = library.plan("公积金")
    scored = best(planned, [candidate for _, candidate in library.listings.values()])
    assert [each.listing.program_id for each in answers(planned, scored, {"loan": library.listings["loan"][0]}, 9)] == [
        "loan"
    ]
    gone = dict.fromkeys(library.counts, 0)
    assert plan(planned.question, gone).picked == ()


def test_courtesies_are_left_out_where_they_are_no_part_of_a_word() -> None:
    assert without_filler("喇嘛的意思") == "喇嘛的意思"
    assert without_filler("喇嘛在哪里嘛") == "喇嘛"
    assert a_library(("lama", "喇嘛与寺院", ()), ("other", "喇叭", ())).found("喇嘛是什么嘛？") == ["lama"]
