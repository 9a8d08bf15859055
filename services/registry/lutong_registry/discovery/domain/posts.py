"""The text of a post: its sentences, also in the words of those who name things officially."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from lutong_registry.discovery.domain.names import Sentence, read
from lutong_registry.search.domain.lexicon import other_words
from lutong_registry.search.domain.text import sentences

_MATTER: Final = re.compile(
    r"(?<![举承主筹操包])办(?!公|法|案|赛|晚|婚|学|展|酒|演)|申请|申领|领取|提取|查询|缴|补贴|预约|补领|换领|登记|如何|流程|材料|条件|政策"
    r"|新规|交规|指南|攻略|开通|报名|认定|备案|转移|多少钱|哪里|打折|优惠|半价|免费|开售|预订|推荐|想吃|想买|首发|上新|评测|测评|开箱"
    r"|价格|售价|怎么(?:办|弄|申|领|查|交|缴|买|去|走|做|用|选|点|喝|吃|玩|准备|开(?!始)|改|退|补|换|算|填|写|拿|取|提|报|转|样办|处理|$)"
    r"|apply|how to|where to|polic(?:y|ies)|how much|renew|sign up|register|appointment"
)
"""A person has a matter to settle: only then are their plain words read as its official name. 领证了 alone is a wedding."""


_IN_FORCE: Final = re.compile("启用|受理|审批|施行|实施|执行|生效|新版|落地|takes effect|in force")


def is_in_force(sentence: str) -> bool:
    """Whether a plain sentence shows that something official begins, or is decided on."""
    return _IN_FORCE.search(sentence) is not None


@lru_cache(maxsize=4096)
def is_to_settle(sentence: str) -> bool:
    """Whether a plain sentence may be about a service that it names in part only."""
    return has_matter(sentence) or is_in_force(sentence)


def has_matter(sentence: str) -> bool:
    """Whether a plain sentence is about something to settle, or about its rules."""
    return _MATTER.search(sentence) is not None


def is_a_matter(name: str) -> bool:
    """Whether a plain name is nothing but what people do with services: 预约 is, 挂号预约 is not."""
    return _MATTER.fullmatch(name) is not None


_OTHERS_MAX: Final = 4
"""Official names tried per sentence."""


@lru_cache(maxsize=1024)
def sentences_in(text: str) -> tuple[Sentence, ...]:
    """The sentences of a post, and those that have a matter once more for each official name."""
    return tuple(read(sentence) for plain in sentences(text) for sentence in (plain, *_officially(plain)))


def _officially(sentence: str) -> Iterator[str]:
    if has_matter(sentence):
        others = [(word, other) for word, names in other_words(sentence).items() for other in names]
        yield from (sentence.replace(word, other) for word, other in others[:_OTHERS_MAX])
