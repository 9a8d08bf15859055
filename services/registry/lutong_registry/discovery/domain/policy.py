"""Posts that get no card, whatever they name: an advertisement under a death hurts.

The lists are data: `data/no_card.toml`, by subject and language, with what is harmless although it has such a word in it.
They are kept by reviewers: docs/discovery.md describes how, and what they were measured to find.
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
