"""What a post is about, and what only comes up in it: the kinds of wrong cards that real titles got."""

from dataclasses import replace

import pytest

from lutong_registry.discovery.domain.decisions import found_by_words
from lutong_registry.discovery.domain.evidence import Match
from lutong_registry.discovery.domain.names import read, share_of
from lutong_registry.discovery.domain.policy import concern
from lutong_registry.search.domain.titles import NAME_CHARACTERS_MAX
from tests.unit.registry.test_discovery import FUND, led


@pytest.mark.parametrize(
    ("text", "title", "keywords", "expected"),
    [
        ("某某演唱会", "大票", ["演唱会"], True),
        ("我陪朋友去看了某某的演唱会彩排", "大票", ["演唱会"], False),
        ("iPhone15Pro新配色", "手机店", ["iPhone"], True),
        ("送外卖的小哥真辛苦", "外卖到家", ["外卖"], False),
        ("扮演外卖员", "外卖到家", ["外卖"], False),
        ("城市草莓音乐节", "水果铺", ["草莓"], False),
        ("某某吃汉堡", "汉堡店", ["汉堡"], False),
        ("好想吃汉堡", "汉堡店", ["汉堡"], True),
        ("也没听某某演唱会", "大票", ["演唱会"], False),
        ("我被火锅店逗笑了", "火锅", ["火锅店"], False),
        ("她超美的", "美的商城", ["美的"], False),
        ("今天过得很自如，心情也好", "自如", [], False),
        ("自如租房优惠", "自如", [], True),
        ("甲乙百亿补贴", "别家", ["百亿补贴"], True),
        ("王小明 抢票", "铁路12306", ["抢票"], False),
        ("黑暗荣耀好看吗", "荣耀商城", ["荣耀"], False),
        ("荣耀300", "荣耀商城", ["荣耀"], True),
        ("海边音乐节", "草莓音乐节", ["音乐节"], False),
        ("北京草莓音乐节", "草莓音乐节", ["音乐节"], True),
        ("老牌子或将推出雪糕", "雪人糕点", ["雪糕"], False),
        ("城南汉堡节", "汉堡王", ["汉堡"], False),
        ("网友环球影城偶遇某某", "环球度假区", ["环球影城"], False),
        ("环球影城门票多少钱", "环球度假区", ["环球影城"], True),
        ("某国总统宣布某某车将在该国设店", "某某车", [], False),
        ("优衣库", "优衣库", [], False),
        ("公积金", "公积金提取", ["公积金"], True),
        ("某某仍开小谷车", "小谷车", [], False),
        ("小谷车下调售价", "小谷车", [], True),
        ("小谷7", "小谷车", ["小谷"], True),
        ("小谷60元", "小谷车", ["小谷"], False),
        ("某某的羽绒服满天飞", "雪人服饰", ["羽绒服"], False),
        ("羽绒服预售", "雪人服饰", ["羽绒服"], True),
        ("某某演唱会", "听歌", ["演唱会"], False),
        ("某某演唱会售罄", "听歌", ["演唱会"], False),
        ("某某演唱会", "看台", ["演唱会", "话剧"], True),
        ("某某演唱会 王小明", "大票", ["演唱会"], False),
        ("某某2023演唱会官宣杭州北京两地", "大票", ["演唱会"], True),
        ("某某演唱会预告视频", "大票", ["演唱会"], False),
        ("某某专辑预约", "办证中心", ["预约"], False),
        ("建议推行公积金提取", "公积金提取", [], False),
        ("建议收藏：公积金提取", "公积金提取", [], True),
    ],
)
def test_a_card_is_for_what_a_sentence_is_about(text: str, title: str, keywords: list[str], *, expected: bool) -> None:
    assert led(text, title, *keywords) is expected


def test_who_is_called_by_name_comes_before_who_sells_the_same() -> None:
    washers = Match(replace(FUND, program_id="a", title="海浪智家"), ["洗衣机"], 0)
    phones = Match(replace(FUND, program_id="b", title="小谷商城"), ["小谷"], 0)
    text = "新款小谷洗衣机"
    assert found_by_words(text, [washers]) == washers.listing
    assert found_by_words(text, [washers, phones]) != washers.listing


def test_of_two_keywords_the_longer_one_wins() -> None:
    films = Match(replace(FUND, program_id="a", title="淘票票"), ["购票"], 0)
    trains = Match(replace(FUND, program_id="b", title="铁路12306"), ["火车票"], 0)
    text = "火车票和购票怎么办"
    assert found_by_words(text, [films, trains]) == trains.listing


def test_a_latin_word_counts_as_much_as_a_character() -> None:
    assert share_of(read("BLACKPINK演唱会"), "演唱会") == 0.75
    assert share_of(read(""), "演唱会") == 3


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("女子在店里试衣被拍", "incident"),
        ("会员店寿司致多人上吐下泻", "incident"),
        ("公司公布财报", "company"),
        ("全国结婚登记同比减少", "figures"),
        ("某某车疑失控连撞多车", "incident"),
        ("两人撞衫了", None),
        ("Quarterly revenue fell", "company"),
        ("女子健身房开业", None),
        ("棉被半价", None),
    ],
)
def test_stories_and_company_news_get_no_card(text: str, subject: str | None) -> None:
    assert concern(text) == subject


def test_names_that_may_stand_in_a_sentence_are_runs_of_its_words() -> None:
    sentence = read("住房公积金 提取")
    assert set(sentence.starts) >= {"住房公", "公积金", "提取"}
    assert set(sentence.spans({*sentence.starts})) >= {"公积金", "住房公积金", "公积金提取", "提取"}
    assert set(sentence.spans({"公积金"})) == {"公积金", "公积金提取"}
    for many in (read("公积金提取" * 40), read("provident fund " * 20)):
        assert 40 < max(map(len, many.spans({*many.starts}))) <= NAME_CHARACTERS_MAX
