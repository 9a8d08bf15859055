"""What in a post names a service: its title, a keyword that belongs to it, or most of a long title."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from lutong_registry.discovery.domain.names import (
    Sentence,
    begins,
    describes,
    ends_a_clause,
    frames,
    is_a_model,
    is_short_for,
    names,
    share_a_run,
    share_of,
    shares_a_character,
)
from lutong_registry.discovery.domain.policy import (
    is_an_occasion,
    is_an_offer,
    is_announced,
    is_elsewhere,
    is_only_an_offer,
)
from lutong_registry.discovery.domain.posts import has_matter, is_a_matter, is_to_settle
from lutong_registry.search.domain.lexicon import stop_words
from lutong_registry.search.domain.text import is_han, key_of, plain, runs
from lutong_registry.search.domain.titles import COVERAGE_MIN, COVERED_MIN, coverage, words_of

RUN_MIN: Final = 4
"""Characters of the part of a title in one piece: 中国电子 is not half of 中国电信."""

KEYWORDS_MAX: Final = 8
"""A service with more keywords is named by none of them alone: a menu is not a name."""

KEYWORD_ALONE_MIN: Final = 4
"""Characters of a keyword that names a service by itself."""

TITLE_ALONE_MIN: Final = 6
"""Characters of a title that needs to be no more than in a sentence. Shorter ones are brands, which come up in all sorts of
stories, or words of the language."""

WHOLE_TITLE_MIN: Final = 4
"""Characters of a title with which a clause may begin, whatever it goes on with: 盛厦宾馆也送外卖."""

SHORT_HAN: Final = 3
"""Chinese names with fewer characters are mostly words of the language."""

SHARE_MIN: Final = 0.28
"""Share of a sentence that a short title or keyword must be, or the sentence comes up with it and is about something
else. Less is enough where the sentence has a matter to settle and the keyword has a character of its title."""

_TICKET: Final = re.compile("票|演出|tickets?(?![a-z])")


@dataclass(frozen=True, slots=True)
class Listing:
    """What the registry knows of a program when a post asks for it."""

    program_id: str
    merchant_id: str
    suspended: bool
    version: int | None
    title: str
    page: str


@dataclass(frozen=True, slots=True)
class Match:
    """A service that a post may name: how much of its title it has (`covered`), and how often the service was used."""

    listing: Listing
    keywords: Sequence[str]
    coverage: float
    uses: int = 0
    is_named: bool = True
    """Whether one of its names may stand in the post; else only most of its title does."""


class Evidence(NamedTuple):
    """Why a post leads to a service. A title is best and most of one worst; of keywords the longer one is, then its own."""

    kind: Literal[1, 2, 3, 4]
    """4 the title, 3 a keyword that belongs to it, 2 another keyword, 1 most of a long title."""
    characters: float

    @property
    def order(self) -> tuple[bool, bool, float, int]:
        """The best first: 火车票 is more of 火车票和购票 than 购票 is."""
        return self.kind < 4, self.kind == 1, -self.characters, -self.kind  # the kinds above


def is_called(match: Match, sentences: Sequence[Sentence]) -> bool:
    """Whether a post calls a service by its own name: then it is not about one that sells the same. 小米洗衣机 is not of 海尔."""
    if not match.is_named:
        return False
    title = plain(match.listing.title)
    key = key_of(title)
    own = [name for name in (title, *_keywords(match.keywords, key)) if _leads(key_of(name), key)]
    return any(names(sentence, name) for name in own for sentence in sentences)


def is_bare(text: str, match: Match) -> bool:
    """Whether a text is nothing but a brand: that shows no need, and in the news mostly nothing good. A matter is no brand."""
    title = plain(match.listing.title)
    return _leads(key_of(plain(text)), key_of(title)) and not has_matter(title) and not has_matter(plain(text))


def _leads(key: str, title: str) -> bool:
    """Whether a name is how a title begins, or short for it: brands come first, 京东 in 京东快递; what is sold comes last."""
    if len(key) < 2 or key in stop_words() or key[0] != title[:1]:  # one character is no name
        return False
    return title.startswith(key) or (is_han(key[0]) and is_short_for(key, title))


def evidence_of(match: Match, sentences: Sequence[Sentence]) -> Evidence | None:
    """What in a post names a service, if anything does."""
    if match.is_named and (found := _by_name(match, sentences)):
        return found
    return Evidence(1, match.coverage) if match.coverage else None


def _by_name(match: Match, sentences: Sequence[Sentence]) -> Evidence | None:
    title = plain(match.listing.title)
    key = key_of(title)
    if len(key) > 1 and key not in stop_words() and any(_is_titled(title, each, match) for each in sentences):
        return Evidence(4, len(key))
    alone = [
        keyword
        for keyword in _keywords(match.keywords, key)
        if any(_names_alone(keyword, key, each) and _is_needed(keyword, each, match) for each in sentences)
    ]
    if (alone and len(match.keywords) <= KEYWORDS_MAX) or len(alone) > 1:
        own = [keyword for keyword in alone if _belongs(key_of(keyword), key)]
        return Evidence(3 if own else 2, max(len(key_of(keyword)) for keyword in own or alone))
    return None


def covered(title: str, sentences: Sequence[Sentence]) -> float:
    """The most that a sentence with a matter has of a long title: the share of its words, 0 unless it is most of them and in
    one piece."""
    key = key_of(plain(title))
    if len(key) < COVERED_MIN:
        return 0
    return max((_covered(title, key, each.text) for each in sentences if is_to_settle(each.text)), default=0)


def _covered(title: str, key: str, sentence: str) -> float:
    share = coverage(title, words_of(sentence))
    return share if share >= COVERAGE_MIN and share_a_run(key, sentence, RUN_MIN) else 0


def _keywords(given: Sequence[str], title: str) -> list[str]:
    """Keywords that may name something, plain, each once; one from within the title also with what the title has before it.
    A need alone (预约, 会员日) is of any service."""
    known = {key_of(plain(keyword)): plain(keyword) for keyword in given}
    for key in [key for key in known if title.find(key) > 0]:
        begun = title[: title.find(key) + len(key)]
        known.setdefault(begun, begun)
    return [word for key, word in known.items() if len(key) > 1 and key not in stop_words() and not _is_a_need(word)]


def _is_a_need(name: str) -> bool:
    return is_a_matter(name) or is_only_an_offer(name)


def _names_alone(keyword: str, title: str, sentence: Sentence) -> bool:
    """Whether a sentence is about a keyword, rather than one in which it comes up."""
    if not names(sentence, keyword):
        return False
    key = key_of(keyword)
    belongs = _belongs(key, title)
    is_long = len(key) >= KEYWORD_ALONE_MIN
    if not is_han(key[0]) and is_long and begins(sentence, keyword):
        return True
    is_sold = is_han(key[0]) and key in title and not _leads(key, title)
    if (is_long or belongs) and has_matter(sentence.text) and not (is_sold or _is_inside(keyword, title, sentence)):
        return True
    if not _is_placed(keyword, title, sentence, is_sold=is_sold):
        return False
    return _is_subject(keyword, sentence) or (is_an_occasion(keyword) and is_announced(sentence.text))


def _is_inside(keyword: str, title: str, sentence: Sentence) -> bool:
    """Whether a brand of two characters stands somewhere inside of a sentence, where it may be part of another name: 黑暗荣耀."""
    is_brief = len(key_of(keyword)) < SHORT_HAN and _leads(key_of(keyword), title)
    return is_brief and not begins(sentence, keyword) and not frames(sentence, keyword)


def _is_placed(keyword: str, title: str, sentence: Sentence, *, is_sold: bool) -> bool:
    """Whether a short word is more than that. A brand begins its clause: 荣耀 in 黑暗荣耀 is none. What only one of
    its kind has in its title is also of the others: 音乐节 alone is not 草莓音乐节. And 抢票 is of any tickets."""
    key = key_of(keyword)
    if not is_han(key[0]):
        return True
    if _leads(key, title):
        return len(key) >= SHORT_HAN or begins(sentence, keyword)
    if is_sold:
        return has_matter(sentence.text)
    return len(key) >= SHORT_HAN or (has_matter(sentence.text) and frames(sentence, keyword))


def _belongs(keyword: str, title: str) -> bool:
    """Whether a keyword belongs to its service: what does is usually named alike."""
    return shares_a_character(keyword, title) if is_han(keyword[0]) else keyword in title


def _is_titled(title: str, sentence: Sentence, match: Match) -> bool:
    """Whether a sentence has a title. One as short as a word (自如, Keep) may be just that word."""
    if not names(sentence, title):
        return False
    key = key_of(title)
    if len(key) >= TITLE_ALONE_MIN or has_matter(sentence.text):
        return True
    if not _is_subject(title, sentence):
        return False
    is_begun = begins(sentence, title)
    if len(key) >= WHOLE_TITLE_MIN and is_begun:
        return True
    return (len(key) >= SHORT_HAN or is_begun) and _is_needed(title, sentence, match)


def _is_needed(name: str, sentence: Sentence, match: Match) -> bool:
    """Whether readers may act on a mention: there is a matter, an offer or a model, or an occasion that the service sells tickets
    for. A name alone is in the news for any reason, unless it is a matter's."""
    if is_an_occasion(name):
        takes_place = ends_a_clause(sentence, name) or is_announced(sentence.text)
        return takes_place and not is_elsewhere(sentence.text) and _sells_tickets(match)
    if has_matter(sentence.text) or is_a_model(sentence, name) or is_an_offer(sentence.text):
        return True
    if _has_latin_words(name):
        return True
    return key_of(name) == sentence.key and has_matter(plain(match.listing.title))


def _has_latin_words(name: str) -> bool:
    """Whether a name is several Latin words in a row, as in provident fund: nobody writes them by chance."""
    return sum(run.isascii() and run.isalpha() for run in runs(name)) > 1


def _sells_tickets(match: Match) -> bool:
    """By its names; or it has several kinds of occasions, which a player of music has not."""
    title = plain(match.listing.title)
    if is_an_occasion(title) or any(_TICKET.search(plain(name)) for name in (title, *match.keywords)):
        return True
    return sum(map(is_an_occasion, match.keywords)) > 1


def _is_subject(name: str, sentence: Sentence) -> bool:
    return share_of(sentence, name) >= SHARE_MIN and not describes(sentence, name)
