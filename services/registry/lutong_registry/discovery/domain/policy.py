"""Posts that get no card, whatever they name: an advertisement under a death hurts. And mentions that readers act on.

The lists are data, kept by reviewers: docs/discovery.md describes how, and what they were measured to find. `data/no_card.toml`
is by subject and language, with what is harmless although it has such a word in it; `data/needs.toml` shows a need.
"""

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from lutong_registry.search.domain.text import plain

_DATA: Final = "lutong_registry.discovery"
_GAP: Final = ".{0,16}"
"""What `…` stands for: 女子…被 is a story about a person, whatever else is in it."""


class _Rule(NamedTuple):
    subject: str
    words: re.Pattern[str]


@lru_cache(maxsize=1024)
def concern(text: str) -> str | None:
    """The subject because of which a post gets no card: death, disaster, crime, illness, rumour, an
    incident, news about a company, or figures; or None.

    >>> concern("六十岁分拣员凌晨在岗位上猝死"), concern("笑死我了"), concern("公积金新政策")
    ('death', None, None)
    """
    harmless, rules = _rules()
    bare = harmless.sub(" ", plain(text))
    return next((rule.subject for rule in rules if rule.words.search(bare)), None)


def looks_on(sentence: str) -> bool:
    """Whether a sentence is about how a person looked, or who was seen: its readers need nothing.

    >>> looks_on("网友环球影城偶遇某某"), looks_on("环球影城门票")
    (True, False)
    """
    return _onlooking().search(plain(sentence)) is not None


def is_an_occasion(name: str) -> bool:
    """Whether a name is of something that people go to.

    >>> is_an_occasion("演唱会"), is_an_occasion("羽绒服")
    (True, False)
    """
    return _shows("occasions", name)


def is_announced(sentence: str) -> bool:
    """Whether a sentence is about when and where an occasion takes place, or about its tickets.

    >>> is_announced("某某演唱会官宣沈阳西安"), is_announced("某某在演唱会上说的话")
    (True, False)
    """
    return _shows("announced", sentence)


def is_elsewhere(sentence: str) -> bool:
    """Whether nobody can go to the occasion of a sentence: it is on a screen, is over, or is only wished for.

    >>> is_elsewhere("某某线上演唱会"), is_elsewhere("某某演唱会")
    (True, False)
    """
    return _shows("elsewhere", sentence)


def is_an_offer(sentence: str) -> bool:
    """Whether a sentence is about something that is sold, opens or comes out.

    >>> is_an_offer("小鹏汽车官宣降价"), is_an_offer("林志颖仍开特斯拉")
    (True, False)
    """
    return _shows("offers", sentence)


def is_only_an_offer(name: str) -> bool:
    """Whether a name is nothing but how something is sold.

    >>> is_only_an_offer("门票"), is_only_an_offer("迪士尼门票")
    (True, False)
    """
    return _needs()["offers"].fullmatch(plain(name)) is not None


def _shows(kind: str, text: str) -> bool:
    return _needs()[kind].search(plain(text)) is not None


@cache
def _needs() -> dict[str, re.Pattern[str]]:
    return {kind: _any_of(by_language) for kind, by_language in tomllib.loads(_read("needs.toml")).items()}


@cache
def _onlooking() -> re.Pattern[str]:
    return _any_of(tomllib.loads(_read("onlooking.toml")))


def _read(name: str) -> str:
    return files(_DATA).joinpath("data", name).read_text(encoding="utf-8")


@cache
def _rules() -> tuple[re.Pattern[str], tuple[_Rule, ...]]:
    """What is taken out of a text first, and what is looked for then."""
    lists = tomllib.loads(_read("no_card.toml"))
    harmless = _any_of(lists.pop("harmless"))
    return harmless, tuple(_Rule(subject, _any_of(by_language)) for subject, by_language in lists.items())


def _any_of(by_language: dict[str, list[str]]) -> re.Pattern[str]:
    """Any word of a subject. English ones are whole words; a `*` at the end takes endings, too."""
    chinese = [_GAP.join(re.escape(plain(part)) for part in word.split("…")) for word in by_language["zh"]]
    english = [_whole(word) for word in by_language["en"]]
    return re.compile("|".join([*sorted(chinese, key=len, reverse=True), *english]))


def _whole(word: str) -> str:
    ending = "[a-z]*" if word.endswith("*") else ""
    return f"(?<![a-z]){re.escape(plain(word.rstrip('*')))}{ending}(?![a-z])"
