"""What a post is about, and what only comes up in it: the kinds of wrong cards that real titles got."""

import pytest

from lutong_registry.discovery.domain.names import NAME_CHARACTERS_MAX, read, share_of
from lutong_registry.discovery.domain.policy import concern
from tests.unit.registry.test_discovery import led


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
    ],
)
def test_a_card_is_for_what_a_sentence_is_about(text: str, title: str, keywords: list[str], *, expected: bool) -> None:
    assert led(text, title, *keywords) is expected


def test_a_latin_word_counts_as_much_as_a_character() -> None:
    assert share_of(read("BLACKPINK演唱会"), "演唱会") == 0.75
    assert share_of(read(""), "演唱会") == 3


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("女子在店里试衣被拍", "incident"),
        ("会员店寿司致多人上吐下泻", "incident"),
        ("公司公布财报", "company"),
        ("Quarterly revenue fell", "company"),
        ("女子健身房开业", None),
        ("棉被半价", None),
    ],
)
def test_stories_and_company_news_get_no_card(text: str, subject: str | None) -> None:
    assert concern(text) == subject


def test_names_that_may_stand_in_a_sentence_are_runs_of_its_words() -> None:
    assert set(read("住房公积金 提取").spans) >= {"公积金", "住房公积金", "公积金提取", "提取"}
    assert max(map(len, read("公积金提取" * 20).spans)) <= NAME_CHARACTERS_MAX
