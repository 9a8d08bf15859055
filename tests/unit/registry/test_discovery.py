"""The discovery of services: rules without a database."""

from dataclasses import replace

import pytest

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.decisions import asking_in, discover
from lutong_registry.discovery.domain.evidence import Listing, Match, covered
from lutong_registry.discovery.domain.names import names
from lutong_registry.discovery.domain.policy import concern
from lutong_registry.discovery.domain.posts import sentences_in

FUND = Listing("fund", "gov", suspended=False, version=1, title="公积金提取", page="pages/fund")


def a_post(program_id: str | None = None, text: str = "公积金新政策") -> PostPublished:
    return PostPublished(post_id="p", author_id="a", text=text, program_id=program_id)


def led(text: str, title: str, *keywords: str) -> bool:
    """Whether a post leads to a service."""
    match = Match(replace(FUND, title=title), keywords, covered(title, asking_in(text)))
    return isinstance(discover(a_post(text=text), None, [match]), ServiceDiscovered)


def nothing(reason: str) -> ServiceNotFound:
    return ServiceNotFound(post_id="p", reason=reason)


def test_the_authors_choice_is_never_replaced_by_a_guess() -> None:
    guess = [Match(FUND, ["公积金"], 1.0)]
    assert discover(a_post("gone"), None, guess) == nothing("unknown_program")
    assert discover(a_post("fund"), replace(FUND, suspended=True), guess) == nothing("suspended")
    assert discover(a_post("fund"), replace(FUND, version=None), guess) == nothing("not_released")
    found = discover(a_post("fund"), FUND, [])
    assert isinstance(found, ServiceDiscovered)
    assert found.matched_by == "program"


def test_an_author_may_want_no_card() -> None:
    post = a_post().model_copy(update={"card": "none"})
    assert discover(post, None, [Match(FUND, ["公积金"], 1.0)]) == nothing("declined")


@pytest.mark.parametrize(
    ("text", "title", "keywords", "expected"),
    [
        ("公积金提取", "公积金提取", [], True),
        ("职工的医疗保险缴费怎么办", "职工医疗保险缴费", [], True),
        ("中国电子展今天开幕", "中国电信", [], False),
        ("中国电子展览公司新规", "中国电子展览中心", [], True),
        ("中国电子展览公司开幕", "中国电子展览中心", [], False),
        ("她是亚洲最美的演员", "美的商城", ["美的"], False),
        ("豆腐渣工程", "豆腐坊", ["豆腐"], False),
        ("麻婆豆腐真好吃", "豆腐坊", ["豆腐"], True),
        ("沙拉木提说了什么", "沙拉店", ["沙拉"], False),
        ("没有早一步，也没有晚一步", "没有饭店", ["没有"], False),
        ("行驶中拨打手机记3分", "苹果授权店", ["手机"], False),
        ("住房公积金新政策", "公积金提取", ["公积金"], True),
    ],
)
def test_a_post_leads_only_to_what_it_names(text: str, title: str, keywords: list[str], *, expected: bool) -> None:
    assert led(text, title, *keywords) is expected


def test_one_dish_of_a_long_menu_names_no_restaurant() -> None:
    menu = ["宫保鸡丁", "鱼香肉丝", "回锅肉片", "水煮牛肉", "夫妻肺片", "口水鸡块", "毛血旺锅", "干煸豆角", "蒜泥白肉"]
    assert not led("宫保鸡丁怎么做", "川菜馆", *menu)
    assert led("宫保鸡丁怎么做", "川菜馆", menu[0])


def test_plain_words_are_read_officially_only_when_there_is_a_matter() -> None:
    assert any(names(sentence, "最低生活保障") for sentence in sentences_in("怎么申请低保"))
    assert not any(names(sentence, "结婚登记") for sentence in sentences_in("两个人终于领证了"))


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("六十岁分拣员凌晨在中通快递岗位上猝死", "death"),
        ("四川發生地震", "disaster"),
        ("男子持刀抢劫被抓", "crime"),
        ("女演员确诊肺癌", "illness"),
        ("网传喜茶有蟑螂", "rumour"),
        ("Two people were killed", "death"),
        ("笑死我了", None),
        ("今天的炸鸡打几折", None),
        ("the deadline for the provident fund is Friday", None),
    ],
)
def test_some_subjects_forbid_a_card(text: str, subject: str | None) -> None:
    assert concern(text) == subject
    if subject:
        post = a_post(text=text)
        assert discover(post, None, [Match(FUND, [], 1.0)]) == nothing("sensitive")


def test_a_match_without_a_released_version_is_a_bug_of_the_search() -> None:
    post = a_post(text="公积金提取")
    with pytest.raises(ValueError, match="fund has no released version"):
        discover(post, None, [Match(replace(FUND, version=None), [], 1.0)])
